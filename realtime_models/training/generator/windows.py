"""Parts of large pictures at a part of the cost: blocks of large features run on a window only.

Up to BASE x BASE features everything is computed, as styles and small features reach everywhere;
from there on convolutions see some positions beyond the window, which are cut off at the end, so
that what is left equals that part of the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from latentcam.realtime_models.generator.network import SynthesisNetwork, enlarged
from latentcam.realtime_models.training.generator.losses import FACE, Box

BASE = 64  # features along a side, where windows are cut
MARGIN = 4  # of these, beyond the window: as far as the larger convolutions and filters reach


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a picture, in cells of which BASE are along its side."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def around(cls, box: Box) -> Window:
        """The smallest that holds a box."""
        top, bottom, left, right = box
        return cls(
            int(np.floor(top * BASE)), int(np.ceil(bottom * BASE)),
            int(np.floor(left * BASE)), int(np.ceil(right * BASE)),
        )  # fmt: skip

    @classmethod
    def somewhere(cls, side: int, rng: np.random.Generator, box: Box | None = None) -> Window:
        """A square whose middle is anywhere in a box, or that is anywhere in the picture."""
        room = BASE - side
        if box is None:
            top, left = rng.integers(0, room + 1, 2).tolist()
        else:
            y, x = rng.uniform(box[0], box[1]), rng.uniform(box[2], box[3])
            top, left = (int(np.clip(round(BASE * at - side / 2), 0, room)) for at in (y, x))
        return cls(top, top + side, left, left + side)

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Window:
        """Of pictures of people: more often about the face than elsewhere."""
        side = int(rng.integers(20, 33))
        return cls.somewhere(side, rng, FACE if rng.random() < 0.6 else None)

    def of(self, pictures: Tensor) -> Tensor:
        """That part of square pictures [N, C, H, H]; H is a multiple of BASE."""
        return self.cut(pictures, pictures.shape[-1] // BASE)

    def cut(self, pictures: Tensor, scale: int) -> Tensor:
        """The same of pictures of any shape; scale: their pixels in a cell."""
        rows = slice(self.top * scale, self.bottom * scale)
        return pictures[..., rows, self.left * scale : self.right * scale]


WHOLE = Window(0, BASE, 0, BASE)


def draw(
    network: SynthesisNetwork, ws: Tensor, sizes: Sequence[int], window: Window = WHOLE
) -> list[Tensor]:
    """The parts of `network(ws, size)` for each of sizes, from one run, without the rest.

    sizes: rising; unless the window is WHOLE, all are more than BASE.
    """
    styles = network.styles(ws)
    high = max(0, window.top - MARGIN), min(BASE, window.bottom + MARGIN)
    wide = max(0, window.left - MARGIN), min(BASE, window.right + MARGIN)
    inside = Window(
        window.top - high[0], window.bottom - high[0], window.left - wide[0], window.right - wide[0]
    )
    x: Tensor = network.const
    picture: Tensor | None = None
    parts: list[Tensor] = []
    for layer in network.config.layers:
        if layer.doubles and layer.resolution == 2 * BASE:
            assert picture is not None
            picture = enlarged(picture, BASE)
            x, picture = (t[..., slice(*high), slice(*wide)] for t in (x, picture))
        y = network.conv(layer).modulate(x, styles[layer.name])
        if not layer.draws:
            x = y
            continue
        if layer.pixels > 1:
            y = F.pixel_shuffle(y, layer.pixels)
        picture = y if picture is None else enlarged(picture, y.shape[-1]) + y
        size = layer.resolution * layer.pixels
        if size in sizes:
            parts.append(picture if window == WHOLE else inside.cut(picture, size // BASE))
            if size == sizes[-1]:
                break
    return parts


def weight_of(weight: Tensor, window: Window) -> Tensor:
    """A weight of the whole picture on the window, with a mean of 1 there: else windows beside the
    face would hardly count."""
    part = window.of(weight)
    return part / torch.clamp(part.mean(), min=1e-6)
