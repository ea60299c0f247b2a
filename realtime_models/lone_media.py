"""A media file, and nothing that it refers to."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import av
from av.container import InputContainer

MOST_PIXELS = 64 * 2**20  # of a picture: twice those of 8K; decoded, a quarter of a gigabyte


def open_alone(file: IO[bytes] | io.RawIOBase) -> InputContainer:
    """A file that is open already. Playlists and scripts open no other file and no address, tags
    may be in any encoding, and no picture has more than MOST_PIXELS. Raises OSError or
    av.FFmpegError."""
    container = av.open(
        file,
        "r",
        options={"protocol_whitelist": "none"},  # for what FFmpeg opens by itself
        io_open=_refuse,  # for what it asks us to open
        metadata_errors="replace",
    )
    assert isinstance(container, InputContainer)
    for stream in container.streams.video:
        if stream.codec_context is None:  # there is no decoder
            continue
        if stream.width * stream.height > MOST_PIXELS:
            container.close()
            size = f"{stream.width}x{stream.height}"
            raise OSError(
                errno.EFBIG,
                f"it has {size} pixels, expected at most {MOST_PIXELS // 10**6} million",
            )
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}  # it may grow on the way
    return container


@contextmanager
def damage_told() -> Iterator[None]:
    """Around reading: a stream that appears on the way, which PyAV does not know, is damage, too.
    Raises av.InvalidDataError."""
    try:
        yield
    except IndexError:
        raise av.InvalidDataError(errno.EINVAL, "a stream begins in the middle of it") from None


def _refuse(name: str, flags: int, options: dict[str, str]) -> IO[bytes]:
    raise PermissionError(errno.EPERM, "it names another file, which is not opened")
