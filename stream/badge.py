"""A label that says "Synthetic face", in the picture itself, for whoever wants everybody to see it.

badge.png: the words in DejaVu Sans Bold before a dark pill, grey with alpha.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from latentcam.stream.composition import BLACK, GREY, I420, planes

LABEL = Path(__file__).with_name("badge.png")
HEIGHT, MARGIN = 0.05, 0.03  # of the picture's height
WIDEST = 0.6  # of the picture's width


@dataclass(frozen=True, slots=True)
class _Label:
    """levels, shares: of Y, uint16 [h, w], sides even; half: shares of U and V."""

    levels: NDArray[np.uint16]
    shares: NDArray[np.uint16]
    half: NDArray[np.uint16]


def put_badge(picture: I420) -> I420:
    """The picture itself, its label in the upper left corner."""
    y, u, v = planes(picture)
    label = _label(*y.shape)
    height, width = label.levels.shape
    at = round(MARGIN * len(y) / 2) * 2
    _over(y[at : at + height, at : at + width], label.levels, label.shares)
    for plane in (u, v):
        part = plane[at // 2 : (at + height) // 2, at // 2 : (at + width) // 2]
        _over(part, np.uint16(GREY), label.half)
    return picture


def _over(
    part: NDArray[np.uint8], level: NDArray[np.uint16] | np.uint16, share: NDArray[np.uint16]
) -> None:
    """share: 0 leaves what is there, 256 covers it."""
    part[:] = (part * (256 - share) + level * share + 128) >> 8


@cache
def _label(height: int, width: int) -> _Label:
    """For a picture of this size."""
    with av.open(str(LABEL), "r") as container:
        frame = next(container.decode(video=0))
    high = max(2, round(min(HEIGHT * height, WIDEST * width * frame.height / frame.width) / 2) * 2)
    wide = round(high * frame.width / frame.height / 2) * 2
    scaled = frame.reformat(wide, high, "rgba", interpolation="AREA", threads=1).to_ndarray()
    grey, alpha = scaled[:, :, 0].astype(np.float32), scaled[:, :, 3].astype(np.float32)
    shares = np.round(alpha * 256 / 255).astype(np.uint16)
    half = shares.reshape(high // 2, 2, wide // 2, 2).mean(axis=(1, 3)).round().astype(np.uint16)
    return _Label(np.round(BLACK + grey * 219 / 255).astype(np.uint16), shares, half)
