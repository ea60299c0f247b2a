"""Where a camera's pictures go: the virtual camera, if there is one, and the page."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import av
import numpy as np

from stream.composition import I420, Composer
from stream.messages import Frame

JPEG_QUALITY = "4"  # FFmpeg's scale, 2 (best) to 31


class Camera(Protocol):
    """Takes pictures, one thread at a time."""

    def send(self, picture: I420) -> None:
        """Show the picture; must not keep it."""
        ...

    def close(self) -> None:
        """No picture follows. May be called twice."""
        ...


class Outlet:
    """`show` is called by one thread; `picture` may be read by any."""

    def __init__(self, composer: Composer, camera: Camera | None) -> None:
        self._composer, self._camera = composer, camera
        grey = np.full((composer.height * 3 // 2, composer.width), 128, np.uint8)
        self.picture: I420 = grey
        """The newest picture; replaced, never written."""

    def show(self, frame: Frame | None) -> None:
        """Show a frame, or the last picture again. Raises what the camera raises."""
        if frame is not None:
            self.picture = self._composer(frame.rgb)
        if self._camera is not None:
            self._camera.send(self.picture)


def jpeg(picture: I420) -> bytes:
    """The picture as a JPEG file, which counts levels from 0 to 255."""
    source = av.VideoFrame.from_ndarray(picture, format="yuv420p")
    frame = source.reformat(format="yuvj420p", src_color_range="MPEG", dst_color_range="JPEG")
    frame.pts = 0
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)  # any; a file of one picture has no time
    encoder.options = {"qmin": JPEG_QUALITY, "qmax": JPEG_QUALITY}
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
