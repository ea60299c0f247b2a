"""Pictures without alpha: where their backdrop is, and how it goes on to the sides.

The faces of such a pack are in front of a plain backdrop, a vertical gradient. That makes both
cheap: going outward from an edge, whatever is in front of the backdrop (a shoulder) slopes down and
the backdrop continues; and whatever lies between the first and the last pixel of a row that differ
from the backdrop is the person.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb

EDGE = 3  # columns averaged to an edge
SHOULDER_SLOPE = 0.6  # rows down per column outward
KEY_FROM, KEY_TO = 14.0, 34.0  # levels off the backdrop: none of the person, all of the person

Layer = NDArray[np.float32]


def _edges(face: Rgb) -> tuple[Layer, Layer]:
    """The outermost columns, left and right, float32 [R, 3]."""
    return (
        face[:, :EDGE].mean(axis=1, dtype=np.float32),
        face[:, -EDGE:].mean(axis=1, dtype=np.float32),
    )


def _backdrop_line(edge: Layer) -> Layer:
    """The backdrop along an edge: a line through its upper half, where no shoulder is."""
    rows = np.arange(len(edge), dtype=np.float32)
    upper = len(edge) // 2
    slope, start = np.polyfit(rows[:upper], edge[:upper], 1).astype(np.float32)
    line: Layer = start + slope * rows[:, None]
    return line


def extended(face: Rgb, margin: int) -> Rgb:
    """uint8 [R, R + 2 * margin, 3]; a negative margin cuts columns off."""
    if margin <= 0:
        return np.ascontiguousarray(face[:, -margin : len(face) + margin])
    size = len(face)
    rows, outward = np.arange(size)[:, None], np.arange(1, margin + 1)[None]
    source = np.clip(np.round(rows - SHOULDER_SLOPE * outward), 0, size - 1).astype(np.intp)
    wide = np.empty((size, size + 2 * margin, 3), np.uint8)
    wide[:, margin : margin + size] = face
    left, right = _edges(face)
    for edge, columns in ((left, slice(margin - 1, None, -1)), (right, slice(margin + size, None))):
        line = _backdrop_line(edge)
        before = edge - line  # what stands before the backdrop
        side = line[:, None] + before[source]
        wide[:, columns] = np.clip(side, 0.0, 255.0)
    return wide


def person_matte(face: Rgb, wide: Rgb) -> NDArray[np.uint8]:
    """How much of each pixel of the extended picture is the person: uint8 [R, columns]."""
    left, right = (_backdrop_line(edge) for edge in _edges(face))
    backdrop = ((left + right) / 2.0).astype(np.int16)[:, None]
    off = np.abs(wide - backdrop)
    most = np.maximum(np.maximum(off[:, :, 0], off[:, :, 1]), off[:, :, 2]).astype(np.float32)
    most[:, 1:-1] = (most[:, :-2] + most[:, 1:-1] + most[:, 2:]) / 3.0  # no single pixels
    share = np.clip((most - KEY_FROM) * (255.0 / (KEY_TO - KEY_FROM)), 0.0, 255.0).astype(np.uint8)
    from_left = np.maximum.accumulate(share, axis=1)
    from_right = np.maximum.accumulate(share[:, ::-1], axis=1)[:, ::-1]
    return np.minimum(from_left, from_right)
