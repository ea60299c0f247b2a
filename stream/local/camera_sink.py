"""Frames to a camera, paced: a camera shows a picture at every tick, even when none is new."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from latentcam.realtime_models.arrays import Picture
from latentcam.stream.composition import I420
from latentcam.stream.latest import Latest
from latentcam.stream.messages import Frame
from latentcam.stream.meter import Meter

LEAD = 0.25  # of a tick: how long a picture waits for its moment when all goes well
FOLLOW = 0.0002  # seconds per frame that the moments may move to follow the voice's clock


class CameraSink:
    """A frame sink that shows the newest picture at every tick of a clock, or the last one again.

    compose: a face to a picture, runs in `composing`. show: puts a picture on the camera, with the
    frame it was made of or None for the last one again; runs in `showing`, so that the camera is
    fed on time while a picture is composed. Moments are counted from the first picture. The origin
    slowly follows the voice's clock, so that two clocks that differ by a few parts in a million
    never cause one frame to be shown twice and the next not at all.
    """

    def __init__(
        self,
        compose: Callable[[Picture], I420],
        show: Callable[[I420, Frame | None], None],
        fps: int,
        composing: Executor,
        showing: Executor,
        picture: I420,
    ) -> None:
        """picture: what the camera shows before the first frame."""
        self._compose, self._composing = compose, composing
        self._show, self._showing = show, showing
        self._period = 1.0 / fps
        self._frames: Latest[Frame] = Latest()
        self._newest: tuple[Frame, I420, float] | None = None  # with the time it was composed
        self._composed = asyncio.Event()
        self.picture = picture
        """What the camera shows; replaced, never written to."""
        self._face = picture  # the same, unless something else is shown instead
        self.frozen = False
        """The last picture stays."""
        self.instead: I420 | None = None
        """Shown in place of the face."""
        self.meter = Meter()
        """Ages of frames when they reached the camera; repeated ones are not counted."""
        self.repeated = 0

    def send(self, frame: Frame) -> None:
        self._frames.put(frame)

    def close(self) -> None:
        self._frames.close()

    async def run(self) -> None:
        """Until closed. Raises, in a group, what `compose` and `show` raise."""
        async with asyncio.TaskGroup() as tasks:
            pace = tasks.create_task(self._pace(), name="pace")
            loop = asyncio.get_running_loop()
            async for frame in self._frames:
                picture = await loop.run_in_executor(self._composing, self._compose, frame.picture)
                self._newest = frame, picture, loop.time()
                self._composed.set()
            pace.cancel()

    async def _pace(self) -> None:
        loop = asyncio.get_running_loop()
        await self._composed.wait()
        shown: Frame | None = None
        moment = loop.time() + LEAD * self._period
        while True:
            await asyncio.sleep(moment - loop.time())
            fresh: Frame | None = None
            held = self.instead is not None or self.frozen
            if self._newest is not None and not held and self._newest[0] is not shown:
                fresh, self._face, composed = self._newest
                shown = fresh
                late = LEAD * self._period - (moment - composed)
                moment += max(-FOLLOW, min(FOLLOW, late))
            self.picture = self._face if self.instead is None else self.instead
            await loop.run_in_executor(self._showing, self._show, self.picture, fresh)
            now = loop.time()
            if fresh is not None:
                self.meter.frame(fresh.born, now)
            elif self.instead is None:
                self.repeated += 1
            moment += self._period
            # Late by less than a tick: at once, and the pace is kept. By more: skip, do not burst.
            moment += self._period * int(max(0.0, now - moment) / self._period)
