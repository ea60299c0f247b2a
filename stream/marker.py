"""Puts the mark of a session on its pictures, just before they leave."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Picture
from latentcam.realtime_models.mark import MOST, pattern

if TYPE_CHECKING:
    import av

    from latentcam.stream.composition import I420

Plane = NDArray[np.uint8]

OPAQUE = 128  # levels of alpha from which a pixel is marked


class Marker:
    """Keeps the pattern for each size, so that a picture costs one sum. There is no way to switch
    it off. One thread at a time may call it.

    number: the session's, see `latentcam.realtime_models.mark.session_mark`; by default one of its
    own.
    """

    def __init__(self, number: int | None = None) -> None:
        self.number = secrets.randbits(32) if number is None else number
        self._patterns: dict[tuple[int, int], Plane] = {}

    @property
    def name(self) -> str:
        """The number as people read it."""
        return f"{self.number:08x}"

    def camera(self, picture: I420) -> I420:
        """The picture itself, marked."""
        self.luma(picture[: len(picture) * 2 // 3])
        return picture

    def luma(self, luma: Plane, alpha: Plane | None = None) -> None:
        """Mark in place: uint8 [H, W], H even. alpha: of the same shape; what is see-through stays
        as it is, bit by bit."""
        marked = luma if alpha is None else np.empty_like(luma)
        # So the sum cannot pass an end; no level of video, from 16 to 235, is changed by it.
        np.clip(luma, MOST, 255 - MOST, out=marked)
        np.add(marked, self._pattern(*luma.shape), out=marked)
        if alpha is not None:
            np.copyto(luma, marked, where=alpha >= OPAQUE)

    def frame(self, frame: av.VideoFrame) -> None:
        """Mark a frame in yuv420p in place, which nobody else has."""
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
        self.luma(rows[:, : plane.width])

    def colours(self, picture: Picture) -> Picture:
        """A new picture, of uint8 [H, W, 3 or 4], H even. Alpha, if any, is straight and stays as
        it is, and so does what is see-through."""
        added = self._pattern(*picture.shape[:2]).view(np.int8)[:, :, None]
        if picture.shape[2] == 4:
            added = np.where(picture[:, :, 3:] < OPAQUE, np.int8(0), added)
        marked = picture.copy()
        marked[:, :, :3] = np.clip(picture[:, :, :3] + added.astype(np.int16), 0, 255)
        return marked

    def _pattern(self, height: int, width: int) -> Plane:
        """As bytes: sums of them wrap as those of signed numbers do."""
        size = height, width
        if size not in self._patterns:
            self._patterns[size] = pattern(height, width, self.number).view(np.uint8)
        return self._patterns[size]
