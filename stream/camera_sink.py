"""Frames to a camera, paced: a camera shows a picture at every moment, also when none is new."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from stream.messages import Frame
from stream.meter import Meter

LEAD = 0.25  # of a tick: how long a frame waits for its moment when all goes well
FOLLOW = 0.0002  # seconds per frame that the moments may move to follow the voice's clock


class CameraSink:
    """A frame sink that shows the newest frame at every tick of a clock, or the last one again.

    show: puts a frame on the outlet, None the last one again; runs in `thread`. Moments are
    counted from the first frame. The origin follows the voice's clock slowly, so that two clocks
    that disagree by a few parts in a million never make a frame be shown twice and the next not.
    """

    def __init__(self, show: Callable[[Frame | None], None], fps: int, thread: Executor) -> None:
        self._show, self._period, self._thread = show, 1.0 / fps, thread
        self._newest: tuple[Frame, float] | None = None  # with its time of arrival
        self._changed = asyncio.Event()
        self._closed = False
        self.frozen = False
        """The last frame stays."""
        self.meter = Meter()
        """Ages of frames when they were on the outlet; not of repeated ones."""
        self.repeated = 0

    def send(self, frame: Frame) -> None:
        self._newest = (frame, asyncio.get_running_loop().time())
        self._changed.set()

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    async def run(self) -> None:
        """Until closed. Raises what `show` raises."""
        loop = asyncio.get_running_loop()
        await self._changed.wait()
        shown: Frame | None = None
        moment = loop.time() + LEAD * self._period
        while not self._closed:
            await asyncio.sleep(moment - loop.time())
            fresh = None
            if self._newest is not None and not self.frozen and self._newest[0] is not shown:
                shown, arrived = self._newest
                fresh = shown
                late = LEAD * self._period - (moment - arrived)
                moment += max(-FOLLOW, min(FOLLOW, late))
            await loop.run_in_executor(self._thread, self._show, fresh)
            now = loop.time()
            if fresh is None:
                self.repeated += 1
            else:
                self.meter.frame(fresh.born, now)
            moment += self._period
            if moment < now:  # late: skip, do not burst
                moment += self._period * int((now - moment) / self._period + 1.0)
