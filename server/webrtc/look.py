"""How a face looks when it leaves: before a background, or with its alpha below it; marked."""

from __future__ import annotations

import av
import numpy as np

from latentcam.stream.backgrounds import Background
from latentcam.stream.composition import Composer, Stack, pixels, planes
from latentcam.stream.marker import Marker


class Look:
    """Turns frames of a face into what an encoder takes, on the thread that encodes."""

    def __init__(self, background: Background, stacked: bool) -> None:
        """stacked: instead of a background, the picture is twice as high: see `Stack`."""
        self.background = background
        """Of a face with alpha, from the next frame on; any thread may set it."""
        self.stacked = stacked
        self.marker = Marker()
        """Marks every frame."""
        self._stack = Stack()
        self._composer: Composer | None = None

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """From rgb24 or rgba to yuv420p."""
        if frame.format.name == "rgb24":
            # One thread: to start more takes longer than the work, most of all on a busy machine.
            whole = frame.reformat(format="yuv420p", threads=1)
            self.marker.frame(whole)
            return whole
        face = pixels(frame)
        side = len(face)
        if self.stacked:
            picture = self._stack(face)
            self.marker.luma(planes(picture)[0][:side], np.ascontiguousarray(face[:, :, 3]))
        else:
            if self._composer is None or self._composer.height != side:
                self._composer = Composer(side, side, self.background)
            self._composer.background = self.background
            picture = self.marker.camera(self._composer(face))
        shown = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        shown.pts, shown.time_base = frame.pts, frame.time_base
        return shown
