"""A picture as a JPEG file."""

from __future__ import annotations

from fractions import Fraction

import av

from latentcam.stream.composition import I420

JPEG_QUALITY = "4"  # FFmpeg's scale, 2 (best) to 31


def jpeg(picture: I420) -> bytes:
    """A camera's picture as a JPEG file, which counts levels from 0 to 255."""
    return as_jpeg(av.VideoFrame.from_ndarray(picture, format="yuv420p"))


def as_jpeg(source: av.VideoFrame) -> bytes:
    """A frame as a JPEG file; one in YUV counts levels from 16 to 235."""
    levels = None if source.format.name == "rgb24" else "MPEG"
    frame = source.reformat(
        format="yuvj420p", src_color_range=levels, dst_color_range="JPEG", threads=1
    )
    frame.pts = 0
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)  # any; a file of one picture has no time
    encoder.options = {"qmin": JPEG_QUALITY, "qmax": JPEG_QUALITY}
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
