"""Parts of large pictures at a part of the cost: blocks of large features run on a window only.

Up to BASE x BASE features everything is computed, as styles and small features reach everywhere;
from there on convolutions see some positions beyond the window, which are cut off at the end, so
that what is left equals that part of the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentcam.realtime_models.generator.network import Drawn, SynthesisNetwork, added, enlarged
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

    def of_drawn(self, drawn: Drawn, scale: int) -> Drawn:
        """The same of all that is drawn; of its flow, in the picture's size."""
        width = drawn.picture.shape[-1]
        return _each(lambda part: self.cut(enlarged(part, width), scale), drawn)

    def begin(self, size: int) -> tuple[int, int]:
        """Where it begins in pictures of a size: row and column."""
        return self.top * size // BASE, self.left * size // BASE


WHOLE = Window(0, BASE, 0, BASE)


def draw(
    network: SynthesisNetwork, ws: Tensor, sizes: Sequence[int], window: Window = WHOLE
) -> list[Drawn]:
    """The parts of what the network draws for each of sizes, from one run, without the rest.

    sizes: rising; unless the window is WHOLE, all are more than BASE.
    """
    styles = network.styles(ws)
    rows = slice(max(0, window.top - MARGIN), min(BASE, window.bottom + MARGIN))
    columns = slice(max(0, window.left - MARGIN), min(BASE, window.right + MARGIN))
    inside = Window(
        window.top - rows.start, window.bottom - rows.start,
        window.left - columns.start, window.right - columns.start,
    )  # fmt: skip
    x: Tensor = network.const
    drawn: Drawn | None = None
    parts: list[Drawn] = []
    for layer in network.config.layers:
        if layer.doubles and layer.resolution == 2 * BASE:
            assert drawn is not None
            x = x[..., rows, columns]
            drawn = _each(lambda part: enlarged(part, BASE)[..., rows, columns], drawn)
        y = network.conv(layer).modulate(x, styles[layer.name])
        if not layer.draws:
            x = y
            continue
        drawn = added(network.config, drawn, layer, y)
        size = layer.resolution * layer.pixels
        if size in sizes:
            parts.append(drawn if window == WHOLE else inside.of_drawn(drawn, size // BASE))
            if size == sizes[-1]:
                break
    return parts


def _each(change: Callable[[Tensor], Tensor], drawn: Drawn) -> Drawn:
    return Drawn(*(None if part is None else change(part) for part in drawn))  # type: ignore[arg-type]


def weight_of(weight: Tensor, window: Window) -> Tensor:
    """A weight of the whole picture on the window, with a mean of 1 there: else windows beside the
    face would hardly count."""
    part = window.of(weight)
    return part / torch.clamp(part.mean(), min=1e-6)
