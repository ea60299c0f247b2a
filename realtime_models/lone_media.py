"""A media file, and nothing that it refers to."""

from __future__ import annotations

import errno
import io
from typing import IO

import av
from av.container import InputContainer


def open_alone(file: IO[bytes] | io.RawIOBase) -> InputContainer:
    """A file that is open already. Playlists and scripts open no other file and no address, and
    tags may be in any encoding. Raises OSError or av.FFmpegError."""
    container = av.open(
        file,
        "r",
        options={"protocol_whitelist": "none"},  # for what FFmpeg opens by itself
        io_open=_refuse,  # for what it asks us to open
        metadata_errors="replace",
    )
    assert isinstance(container, InputContainer)
    return container


def _refuse(name: str, flags: int, options: dict[str, str]) -> IO[bytes]:
    raise PermissionError(errno.EPERM, "it names another file, which is not opened")
