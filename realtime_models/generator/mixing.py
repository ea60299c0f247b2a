"""Between faces: style mixing, and paths from one latent to another.

Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks"
(https://arxiv.org/abs/1812.04948), section 3.1 and figure 3.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.generator.layers import GeneratorConfig

Band = Literal["coarse", "middle", "fine"]
BANDS: dict[Band, tuple[int, int]] = {"coarse": (4, 8), "middle": (16, 32), "fine": (64, 2048)}
"""Resolutions whose styles belong together: pose and the shape of the head; features and hair;
colours and skin."""


def rows_of(config: GeneratorConfig, band: Band) -> list[int]:
    """The rows of a latent that modulate convolutions of the band's resolutions; the row of the
    last layer to RGB goes with the finest."""
    low, high = BANDS[band]
    first: dict[int, int] = {}
    for layer in config.layers:
        if layer.modulated:
            drawn = 2048 if layer.draws else layer.resolution  # others share the row of a layer
            first[layer.ws_index] = min(drawn, first.get(layer.ws_index, drawn))
    return sorted(row for row, resolution in first.items() if low <= resolution <= high)


def mixed(config: GeneratorConfig, into: Latent, taken: Latent, band: Band) -> Latent:
    """`into` with the styles of one band from `taken`."""
    rows, latent = rows_of(config, band), into.copy()
    latent[rows] = taken[rows]
    return latent


def between(a: NDArray[np.float32], b: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """On the straight line, as is right in W."""
    return np.asarray(a + np.float32(share) * (b - a))


def around(a: NDArray[np.float32], b: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """On the great circle, as is right in Z, whose mass lies on a sphere (Shoemake 1985); lengths
    go from one to the other. a, b: float32 [z_dim]."""
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    angle = float(np.arccos(np.clip(a @ b / (lengths[0] * lengths[1]), -1.0, 1.0)))
    if np.sin(angle) < 1e-4:  # one way, or opposite ones, between which no circle is the shortest
        return between(a, b, share)
    one, other = np.sin((1 - share) * angle), np.sin(share * angle)
    towards = (one * a / lengths[0] + other * b / lengths[1]) / np.sin(angle)
    return np.asarray(towards * ((1 - share) * lengths[0] + share * lengths[1]), np.float32)


def eased(share: float) -> float:
    """0 to 1 that begins and ends at rest."""
    return share * share * (3 - 2 * share)
