"""The real camera, through FFmpeg's own inputs: v4l2, AVFoundation or DirectShow."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from math import ceil

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from latentcam.stream.composition import I420, planes
from latentcam.stream.errors import DeviceError
from latentcam.stream.local import v4l2


class RealCamera:
    """An open camera. One thread at a time may call it, and may wait for ever: a camera that hangs
    makes FFmpeg wait, deaf to any time limit."""

    def __init__(self, name: str | None, width: int, height: int) -> None:
        """name: as the system knows it, None for the first. width, height: of the pictures wanted,
        even. Raises DeviceError."""
        self.width, self.height = width, height
        self._scaler = VideoReformatter()
        file, form, options = source_of(name, width, height)
        self.name = file
        try:
            try:
                self._container = av.open(file, "r", form, options=dict(options))
            except (OSError, av.FFmpegError):  # it has no such size; then as it pleases
                rate = {key: options[key] for key in options if key == "framerate"}
                self._container = av.open(file, "r", form, options=rate)
        except (OSError, av.FFmpegError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DeviceError(f"the camera {file} cannot be opened: {reason}") from None
        self._frames: Iterator[av.VideoFrame] = self._container.decode(video=0)

    def read(self) -> I420:
        """The next picture, cut to shape, as soon as there is one. Raises DeviceError if the camera
        is gone."""
        try:
            return fitted(self._scaler, next(self._frames), self.width, self.height)
        except (OSError, av.FFmpegError, StopIteration) as error:
            reason = getattr(error, "strerror", None) or "it gives no more pictures"
            raise DeviceError(f"the camera {self.name} went away: {reason}") from None

    def close(self) -> None:
        """May be called twice."""
        self._container.close()


def source_of(name: str | None, width: int, height: int) -> tuple[str, str, Mapping[str, str]]:
    """What FFmpeg is told to open: a name, a format and options. Raises DeviceError."""
    size = f"{width}x{height}"
    if sys.platform == "darwin":
        # Without a rate it asks for 29.97, which Apple's own cameras refuse.
        return f"{name or 'default'}:none", "avfoundation", {"framerate": "30", "video_size": size}
    if sys.platform == "win32":
        return f"video={name or _first_on_windows()}", "dshow", {"video_size": size}
    if name is None:
        cameras = v4l2.list_cameras()
        if not cameras:
            raise DeviceError("this machine has no camera, or this user may not open it")
        name = cameras[0]
    # Compressed by the camera: at 720 lines, USB 2 has room for 10 raw pictures a second.
    return name, "v4l2", {"video_size": size, "framerate": "30", "input_format": "mjpeg"}


def _first_on_windows() -> str:
    """The first camera that is not itself virtual. Raises DeviceError."""
    for device in av.enumerate_input_devices("dshow"):
        known = device.description or device.name
        if "video" in device.media_types and not any(
            word in known.lower() for word in ("virtual", "unity", "obs")
        ):
            return known
    raise DeviceError("this machine has no camera: --real-camera names one")


def fitted(scaler: VideoReformatter, frame: av.VideoFrame, width: int, height: int) -> I420:
    """The middle of the frame, which fills the whole of a picture of that size, even numbers."""
    scale = max(width / frame.width, height / frame.height)
    wide, high = (2 * ceil(scale * length / 2 - 1e-6) for length in (frame.width, frame.height))
    scaled = (
        scaler.reformat(
            frame,
            wide,
            high,
            "yuv420p",
            dst_color_range="MPEG",
            interpolation="BILINEAR",
            threads=1,
        )
        .to_ndarray()
        .astype(np.uint8, copy=False)
    )
    left, top = (wide - width) // 4 * 2, (high - height) // 4 * 2
    out = np.empty((height * 3 // 2, width), np.uint8)
    for n, (to, whole) in enumerate(zip(planes(out), planes(scaled), strict=True)):
        half = 2 if n else 1
        rows, columns = height // half, width // half
        to[:] = whole[top // half :, left // half :][:rows, :columns]
    return out
