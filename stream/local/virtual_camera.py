"""A camera that meeting apps can pick. The one file that imports `pyvirtualcam`, when needed:
it is GPL-2.0 and an extra of its own."""

from __future__ import annotations

import logging
import sys
from typing import Any

from latentcam.stream.composition import I420
from latentcam.stream.errors import DeviceError
from latentcam.stream.local import advice, v4l2

logger = logging.getLogger(__name__)

OBS = "install OBS 30 or newer, start its virtual camera once, stop it, close OBS"
SETUP = {"darwin": OBS, "win32": f"{OBS}; or install Unity Capture"}


class VirtualCamera:
    """Opened by `open_virtual_camera`. One thread at a time may call it."""

    def __init__(self, camera: Any) -> None:
        self._camera = camera
        self.device: str = camera.device

    def send(self, picture: I420) -> None:
        """Show a picture of the camera's size. Raises DeviceError if the camera is gone."""
        try:
            self._camera.send(picture)
        except RuntimeError as error:
            raise DeviceError(f"{self.device} no longer takes pictures: {error}") from None

    def close(self) -> None:
        """May be called twice."""
        self._camera.close()


def open_virtual_camera(device: str | None, width: int, height: int, fps: int) -> VirtualCamera:
    """Open a device by its name, or the first free one. Raises DeviceError.

    On Linux, others see it as a camera from the first picture sent.
    """
    try:
        import pyvirtualcam
    except ModuleNotFoundError:
        raise DeviceError(
            "the package pyvirtualcam is missing", advice.install_extra("camera")
        ) from None
    if sys.platform.startswith("linux"):
        device = v4l2.choose_loopback(device)
    try:
        camera = pyvirtualcam.Camera(
            width, height, fps, device=device, fmt=pyvirtualcam.PixelFormat.I420
        )
    except RuntimeError as error:
        logger.info("pyvirtualcam: %s", error)
        if sys.platform in SETUP:
            raise DeviceError("there is no virtual camera", SETUP[sys.platform]) from None
        raise DeviceError(f"{device} cannot be opened as a camera; --verbose says why") from None
    if sys.platform.startswith("linux"):
        held = v4l2.held_size(camera.device)
        if held is not None and held != (width, height):
            name = camera.device
            camera.close()
            raise DeviceError(_pinned(name, held, (width, height)))
    return VirtualCamera(camera)


def _pinned(device: str, held: tuple[int, int], asked: tuple[int, int]) -> str:
    """A reader that has stayed open keeps its size: other sizes would be silently cut off."""
    readers = " and ".join(v4l2.users(device)) or "a program"
    return (
        f"{device} is still open at {held[0]}x{held[1]} in {readers}, got --size "
        f"{asked[0]}x{asked[1]}: close it there, or give --size {held[0]}x{held[1]}"
    )
