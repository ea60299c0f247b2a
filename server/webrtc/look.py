"""How a face looks when it leaves: before a background, or with its alpha below it."""

from __future__ import annotations

import av

from latentcam.stream.backgrounds import Background
from latentcam.stream.composition import Composer, Stack, pixels


class Look:
    """Turns frames of a face into what an encoder takes, on the thread that encodes."""

    def __init__(self, background: Background, stacked: bool) -> None:
        """stacked: instead of a background, the picture is twice as high: see `Stack`."""
        self.background = background
        """Of a face with alpha, from the next frame on; any thread may set it."""
        self.stacked = stacked
        self._stack = Stack()
        self._composer: Composer | None = None

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """From rgb24 or rgba to yuv420p."""
        if frame.format.name == "rgb24":
            # One thread: to start more takes longer than the work, most of all on a busy machine.
            return frame.reformat(format="yuv420p", threads=1)
        face = pixels(frame)
        if self.stacked:
            picture = self._stack(face)
        else:
            side = len(face)
            if self._composer is None or self._composer.height != side:
                self._composer = Composer(side, side, self.background)
            self._composer.background = self.background
            picture = self._composer(face)
        shown = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        shown.pts, shown.time_base = frame.pts, frame.time_base
        return shown
