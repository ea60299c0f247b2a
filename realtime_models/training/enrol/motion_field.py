"""Pictures moved as a generator moves: what a person would look like in a pose never shown.

Between two of a generator's own pictures of one latent, at x and at x', there is an optical flow
(Kroeger et al. 2016, dense inverse search). A photograph of the person at x, drawn along this flow,
is a target at x' with the person's own texture. Where the flow cannot be followed back, something
comes to light that the photograph does not hold, as teeth or a lid; there the generator's own
picture is taken, in the photograph's colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.uint8]
"""uint8 [S, S, C]"""
Flow = NDArray[np.float32]
"""float32 [S, S, 2], pixels"""

TOLERATED = 1.5  # pixels at a side of 512 that a way there and back may be off
SOFT = 5  # pixels at a side of 512 of the seam
NEAR = 41  # pixels at a side of 512 over which colours are compared


@dataclass(frozen=True, slots=True)
class Moved:
    """picture: the target. sure: float32 [S, S], 1 where it is the person's own texture."""

    picture: Levels
    sure: NDArray[np.float32]


def flow(a: Levels, b: Levels) -> Flow:
    """Where each pixel of a is in b: a(p) looks like b(p + flow(p))."""
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(np.ascontiguousarray(one[..., :3]), cv2.COLOR_RGB2GRAY) for one in (a, b)]
    nothing = np.zeros((*grey[0].shape, 2), np.float32)
    return np.asarray(finder.calc(grey[0], grey[1], nothing), np.float32)


def draw_along(picture: Levels | Flow, way: Flow) -> NDArray[np.float32]:
    """picture(p + way(p)) for every p."""
    y, x = np.mgrid[: way.shape[0], : way.shape[1]].astype(np.float32)
    drawn = cv2.remap(
        picture, x + way[..., 0], y + way[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(drawn, np.float32)


def moved(picture: Levels, here: Levels, there: Levels) -> Moved:
    """The picture, which looks as `here` does, moved as `here` moves to `there`.

    here, there: the generator's pictures at the picture's x and at the wanted one.
    """
    side = len(picture) / 512
    back, forth = flow(there, here), flow(here, there)
    drawn = draw_along(picture, back)
    round_trip = back + draw_along(forth, back)
    apart = np.linalg.norm(round_trip, axis=2)
    sure = (apart < max(0.75, TOLERATED * side)).astype(np.float32)
    # What flows from far off is not what it was.
    seen = draw_along(here, back)
    unlike = np.abs(seen - there).max(axis=2) > 40
    sure[unlike] = 0
    soft = max(3, round(SOFT * side) | 1)
    inner = cv2.erode(sure, np.ones((soft, soft), np.uint8))
    sure = np.asarray(cv2.GaussianBlur(inner, (soft, soft), 0), np.float32)
    filled = in_colours_of(there, drawn, sure)
    mixed = sure[..., None] * drawn + (1 - sure[..., None]) * filled
    return Moved(np.asarray(np.round(np.clip(mixed, 0, 255)), np.uint8), sure)


def in_colours_of(
    picture: Levels, like: NDArray[np.float32], sure: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The picture, its colours shifted towards those of `like` nearby, where that is sure."""
    width = max(3, round(NEAR * len(picture) / 512) | 1)
    weight = sure[..., None]
    near = cv2.GaussianBlur(sure, (width, width), 0)[..., None] + 1e-3
    shift = cv2.GaussianBlur((like - picture) * weight, (width, width), 0) / near
    return np.asarray(picture + shift, np.float32)
