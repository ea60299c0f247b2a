"""What the panic key does: the real camera takes the avatar's place, and gives it back."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Literal

from latentcam.stream.composition import I420
from latentcam.stream.errors import DeviceError
from latentcam.stream.local.camera_reader import CameraReader, OpenCamera
from latentcam.stream.local.camera_sink import CameraSink

logger = logging.getLogger(__name__)

Seen = Literal["avatar", "camera", "still"]
"""What the meeting sees: the avatar, the real camera, or the last picture there was."""

OPENED_WITHIN = 10.0  # seconds; some cameras take five
PATIENCE = 3.0  # seconds without a picture until a camera counts as gone


class PutThrough:
    """Shows the real camera in place of the face while that is wanted. Until it is open, and where
    it cannot be opened, the last picture stays: whoever presses the key wants the avatar gone.

    open_camera: None if there is none to be opened.
    """

    def __init__(self, sink: CameraSink, open_camera: OpenCamera | None) -> None:
        self._sink, self._open = sink, open_camera
        self._changed = asyncio.Event()
        self._reader: CameraReader | None = None  # the newest; it may have ended
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
        if not wanted and self._reader is not None:
            self._reader.end()
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
            self._reader = CameraReader(self._open, self._reader)
            try:
                await self._show_camera(self._reader)
            except DeviceError as error:
                logger.warning("%s; a still picture is shown", error)
                if self.wanted:
                    self.seen = "still"
                    self.reason = f"A still picture is shown: {error}."
            finally:
                self._reader.end()

    async def _show_camera(self, reader: CameraReader) -> None:
        """Until its pictures end. Raises DeviceError if they should not have."""
        patience = OPENED_WITHIN
        with suppress(StopAsyncIteration):
            while True:
                try:
                    async with asyncio.timeout(patience):
                        picture = await anext(reader.pictures)
                except TimeoutError:
                    raise DeviceError(f"the camera gave nothing for {patience:.0f} s") from None
                if reader.ended:  # the avatar is back: not one more of the real ones
                    return
                self._show("camera", picture)
                patience = PATIENCE
        if reader.error is not None:
            raise reader.error
