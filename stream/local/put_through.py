"""What the panic key does: the real camera takes the avatar's place, and gives it back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Literal

from latentcam.stream.composition import I420
from latentcam.stream.errors import DeviceError
from latentcam.stream.local.camera_sink import CameraSink
from latentcam.stream.local.real_camera import RealCamera

logger = logging.getLogger(__name__)

Seen = Literal["avatar", "camera", "still"]
"""What the meeting sees: the avatar, the real camera, or the last picture there was."""


class PutThrough:
    """Shows the real camera in place of the face while that is wanted. Until it is open, and where
    it cannot be opened, the last picture stays: whoever presses the key wants the avatar gone.

    open_camera: opens it, or raises DeviceError; None if there is none to be opened. thread: where
    that, and reading, blocks; one worker of its own.
    """

    def __init__(
        self, sink: CameraSink, open_camera: Callable[[], RealCamera] | None, thread: Executor
    ) -> None:
        self._sink, self._open, self._thread = sink, open_camera, thread
        self._changed = asyncio.Event()
        self.wanted = False
        self.seen: Seen = "avatar"
        self.reason = ""
        """Why the camera is not seen although it is wanted, or nothing."""

    def put(self, wanted: bool) -> None:
        """Takes effect with the next picture."""
        if wanted == self.wanted:
            return
        self.wanted, self.reason = wanted, ""
        self._show("still" if wanted else "avatar", self._sink.picture if wanted else None)
        self._changed.set()

    def _show(self, seen: Seen, instead: I420 | None) -> None:
        self.seen, self._sink.instead = seen, instead

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not self.wanted:
                continue
            if self._open is None:
                self.reason = "No real camera was asked for: a still picture is shown."
                continue
            try:
                await self._show_camera(self._open)
            except DeviceError as error:
                logger.warning("%s; a still picture is shown", error)
                if self.wanted:
                    self.seen = "still"
                    self.reason = f"A still picture is shown: {error}."

    async def _show_camera(self, open_camera: Callable[[], RealCamera]) -> None:
        """While it is wanted. Raises DeviceError."""
        loop = asyncio.get_running_loop()
        camera = await loop.run_in_executor(self._thread, open_camera)
        try:
            while self.wanted:
                picture = await loop.run_in_executor(self._thread, camera.read)
                if self.wanted:
                    self._show("camera", picture)
        finally:
            # Cancelled, a picture is still being read: in the same thread, so it is waited for.
            await asyncio.shield(loop.run_in_executor(self._thread, camera.close))
