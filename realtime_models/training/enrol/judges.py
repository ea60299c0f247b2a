"""What the student learns against: the mouth and the eyes, in pictures and in how they move.

Each discriminator sees two consecutive frames at once, one upon the other, so that flicker is as
wrong as a blurred tooth: a small form of the sequential discriminator of vid2vid (Wang et al.
2018). A photo has no neighbour and stands for both. Of these, matching features matters most on so
little data; the hinge term keeps them sharp.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from latentcam.realtime_models.training.enrol.pack_tracking import PackTracking
from latentcam.realtime_models.training.generator.losses import Box, PatchDiscriminator, crop


def box_around(centre: NDArray[np.float64], wide: float, high: float) -> Box:
    """Within the picture. centre: float64 [2], x and y; all as shares of its side."""
    x, y = map(float, centre)
    return (max(0.0, y - high), min(1.0, y + high), max(0.0, x - wide), min(1.0, x + wide))


def mouth_box(tracking: PackTracking) -> Box:
    return box_around(tracking.mouth, 0.34 * tracking.height, 0.27 * tracking.height)


def eyes_box(tracking: PackTracking) -> Box:
    return box_around(tracking.eyes, 0.46 * tracking.height, 0.2 * tracking.height)


def face_box(tracking: PackTracking) -> Box:
    middle = (tracking.mouth + tracking.eyes) / 2
    return box_around(middle, 0.5 * tracking.height, 0.58 * tracking.height)


def discriminators(channels: int, side: int) -> nn.ModuleList:
    """For what `boxes` holds, on pairs. Fewer strides where the pictures are small."""
    steps = 4 if side >= 256 else 3 if side >= 128 else 2
    widths, strides = (48, 64, 96, 128)[:steps], (2, 2, 2, 2)[:steps]
    return nn.ModuleList(PatchDiscriminator(widths, strides, 2 * channels) for _ in range(2))


def boxes(tracking: PackTracking) -> tuple[Box, Box]:
    """The mouth's and the eyes'."""
    return mouth_box(tracking), eyes_box(tracking)


def looked_at(pictures: Tensor, box: Box) -> Tensor:
    """[2n, C, H, W], neighbours side by side in the batch -> the box of both, [n, 2C, h, w]."""
    inside = crop(pictures, box)
    n, c, h, w = inside.shape
    return inside.reshape(n // 2, 2 * c, h, w)


def flicker(real: Tensor, fake: Tensor) -> Tensor:
    """How differently neighbours differ: mean absolute error of the change within pairs."""
    change = (real[1::2] - real[::2]) - (fake[1::2] - fake[::2])
    return change.abs().mean()
