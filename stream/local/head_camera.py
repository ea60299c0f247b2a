"""The real camera lends the face a head: what is seen moves it, and no picture of it leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import av

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.motion.driven import Driven
from latentcam.realtime_models.motion.following import FollowState, Observed, follow
from latentcam.stream.composition import I420
from latentcam.stream.errors import DeviceError
from latentcam.stream.local.camera_reader import CameraReader, OpenCamera
from latentcam.stream.local.real_camera import RealCamera
from latentcam.stream.threads import finish

logger = logging.getLogger(__name__)

Look = Callable[[Rgb, float], Observed | None]
"""What is seen of a person in a picture, at a time in seconds, growing; None of nobody."""

AGAIN = 2.0  # seconds until a camera that went away is opened again
UNSEEN = 1.0  # seconds without a face after which it is said


class HeadCamera:
    """Looks at the newest picture of the camera, and at the next one only when that is done.

    open_look: called once, in the thread that looks; may take its time. lips: how much of the mouth
    follows the camera where it sees lips well, 0 to 1.
    """

    def __init__(
        self, open_camera: OpenCamera, open_look: Callable[[], Look], lips: float = 0.0
    ) -> None:
        self._open, self._open_look, self._lips = open_camera, open_look, lips
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._reader: CameraReader | None = None
        self._state = FollowState()
        self.notice = ""
        """What a person should know or do, or nothing."""

    def pause(self, paused: bool) -> None:
        """Paused, the camera is let go: only one program, and only once, may have it."""
        if paused:
            self._wanted.clear()
            if self._reader is not None:
                self._reader.end()
        else:
            self._wanted.set()

    def let_go_before(self, open_camera: OpenCamera) -> OpenCamera:
        """As `open_camera`, once a paused camera is closed here."""

        def opened() -> RealCamera:
            if self._reader is not None:
                self._reader.wait()
            return open_camera()

        return opened

    async def run(self, drive: Callable[[Driven], None]) -> None:
        """For ever. drive: takes what is lent, on the event loop."""
        thread = ThreadPoolExecutor(1, "follow")
        try:
            look = await asyncio.get_running_loop().run_in_executor(thread, self._open_look)
            while True:
                await self._wanted.wait()
                self._reader = CameraReader(self._open, self._reader)
                try:
                    await self._follow(self._reader, look, drive, thread)
                except DeviceError as error:
                    logger.warning("%s; the face goes its own way", error)
                    self.notice = f"The face does not follow you: {error}."
                    await asyncio.sleep(AGAIN)
                finally:
                    self._reader.end()
        finally:
            await finish(thread)

    async def _follow(
        self,
        reader: CameraReader,
        look: Look,
        drive: Callable[[Driven], None],
        thread: ThreadPoolExecutor,
    ) -> None:
        """Until its pictures end. Raises DeviceError if they should not have."""
        loop = asyncio.get_running_loop()
        seen_at = loop.time()
        async for picture in reader.pictures:
            at = loop.time()
            seen = await loop.run_in_executor(thread, lambda p, at: look(rgb(p), at), picture, at)
            if seen is not None:
                seen_at = at
                driven, self._state = follow(seen, self._lips, self._state)
                if driven is not None:
                    drive(driven)
            self.notice = self._words(at - seen_at)
        if reader.error is not None:
            raise reader.error

    def _words(self, unseen: float) -> str:
        if unseen > UNSEEN:
            return "Your camera sees nobody: the face goes its own way."
        if self._state.rest is None:
            return "Look at the screen and rest for two seconds: then the face follows your head."
        return ""


def rgb(picture: I420) -> Rgb:
    """The picture as a tracker wants it."""
    return av.VideoFrame.from_ndarray(picture, format="yuv420p").to_ndarray(format="rgb24")  # type: ignore[return-value]
