"""Pictures moved as a generator moves: what a person would look like in a pose never shown.

Between two of a generator's own pictures of one latent, at x and at x', there is an optical flow
(Kroeger et al. 2016, dense inverse search); and a generator with textures says itself how these
flow. A photograph of the person at x, drawn along such a flow, is a target at x' with the person's
own texture. Where the optical flow cannot be followed back, or the generator shows no texture,
something comes to light that the photograph does not hold, as teeth or a lid; there the generator's
own picture is taken, in the photograph's colours.
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
NEAR = 81  # pixels at a side of 512 over which colours are compared
TURNS = 10  # of a fixed point, damped, as the flow of a turned head is steep
GAIN = 0.5, 2.0  # least and most that a colour is multiplied by


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


def flowed(picture: Levels, here: Flow, there: Flow, drawn: Levels, covered: Flow) -> Moved:
    """The picture, moved as textures flow.

    here, there: where a texture's pixels come from in the generator's pictures at the picture's x
    and at the wanted one; drawn: the latter; covered: float32 [S, S], how far it shows its texture.
    """
    way = there - here
    for _ in range(TURNS):  # r + here(r) = p + there(p), solved for r = p + way(p)
        before, way = way, (way + there - draw_along(here, way)) / 2
    # Where a turned head hides something, there is no such place, or more than one.
    astray = np.linalg.norm(way - before, axis=2) / (TOLERATED * len(picture) / 512)
    covered = covered * np.clip(2 - 4 * astray, 0, 1).astype(np.float32)
    along = draw_along(picture, way)
    filled = in_colours_of(drawn, along, covered)
    mixed = covered[..., None] * along + (1 - covered[..., None]) * filled
    return Moved(np.asarray(np.round(np.clip(mixed, 0, 255)), np.uint8), covered)


def between(a: Moved, b: Moved, share: Flow) -> Moved:
    """a, and b where `share`, float32 [S, S], is 1."""
    picture = a.picture + share[..., None] * (b.picture.astype(np.float32) - a.picture)
    sure = a.sure + share * (b.sure - a.sure)
    return Moved(np.asarray(np.round(picture), np.uint8), sure)


def in_colours_of(
    picture: Levels, like: NDArray[np.float32], sure: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The picture in the light and colour of `like` nearby, where that is sure. Colours are
    multiplied, not shifted, so that the inside of a mouth stays dark and teeth do not turn white.
    Alpha stays as it is."""
    width = max(3, round(NEAR * len(picture) / 512) | 1)
    weight = sure[..., None]
    near, own = (
        cv2.GaussianBlur(one[..., :3] * weight, (width, width), 0)
        for one in (like, picture.astype(np.float32))
    )
    filled = picture.astype(np.float32)
    filled[..., :3] *= np.clip((near + 1.0) / (own + 1.0), *GAIN)
    return np.minimum(filled, filled[..., 3:]) if filled.shape[2] == 4 else filled
