"""Reads the real camera picture by picture, for whoever wants the newest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from latentcam.stream.composition import I420
from latentcam.stream.errors import DeviceError
from latentcam.stream.latest import Latest
from latentcam.stream.local.real_camera import RealCamera

OpenCamera = Callable[[], RealCamera]
"""Opens it, or raises DeviceError."""

LET_GO_WITHIN = 2.0  # seconds for the same camera to be closed before it is opened again


class CameraReader:
    """Reads a camera in a thread of its own. Nobody waits for that thread, and the program does not
    either: a camera that hangs would hold it for ever."""

    def __init__(self, open_camera: OpenCamera, before: CameraReader | None) -> None:
        """before: who may still hold the camera."""
        self._open, self._before = open_camera, before
        self._loop, self._ended = asyncio.get_running_loop(), threading.Event()
        self.pictures: Latest[I420] = Latest()
        self.error: DeviceError | None = None
        self._thread = threading.Thread(target=self._read, name="real camera", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def end(self) -> None:
        """No picture follows. May be called twice."""
        self._ended.set()
        self.pictures.close()

    def wait(self) -> None:
        """Until the camera is closed, or LET_GO_WITHIN is over. In a thread."""
        self._thread.join(LET_GO_WITHIN)

    def _read(self) -> None:
        if self._before is not None:
            self._before.wait()
            self._before = None
        try:
            camera = self._open()
            try:
                while not self.ended:
                    self._tell(self.pictures.put, camera.read())
            finally:
                camera.close()
        except DeviceError as error:
            self._tell(self._fail, error)

    def _tell(self, what: Callable[..., None], value: object) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(what, value)

    def _fail(self, error: DeviceError) -> None:
        if not self.ended:
            self.error = error
            self.end()
