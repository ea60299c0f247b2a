"""Opens one media file for reading: exactly that path, and nothing that the file refers to."""

from __future__ import annotations

import io
import logging
import os
import select
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from av.container import InputContainer

from latentcam.realtime_models.lone_media import open_alone
from latentcam.stream.errors import MediaError

logger = logging.getLogger(__name__)

PIPE_OPENED_WITHIN = 5.0  # seconds until somebody writes to a named pipe
PIPE_PATIENCE = 60.0  # seconds between two pieces out of a pipe; a voice may have to be made first
MOST_PIPED = 2 << 30  # bytes; disk space stands behind it
PIECE = 1 << 20  # bytes read at a time


class Part(io.RawIOBase):
    """Bytes [begin, end) of a file, as a file of their own. The file is the caller's to close."""

    def __init__(self, file: IO[bytes], name: str, begin: int, end: int) -> None:
        self._file, self._begin, self._size, self._at = file, begin, end - begin, 0
        self.name = name
        """The name FFmpeg is told; only its ending matters, for formats that have no other mark."""

    def part(self, begin: int, end: int) -> Part:
        """Bytes [begin, end) of it."""
        return Part(self._file, self.name, self._begin + begin, self._begin + end)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        self._file.seek(self._begin + self._at)
        piece = self._file.read(left if size < 0 else min(size, left))
        self._at += len(piece)
        return piece


def open_container(part: Part) -> InputContainer:
    """From its begin, see `open_alone`."""
    part.seek(0)
    return open_alone(part)


@contextmanager
def opened(path: Path) -> Iterator[Part]:
    """The bytes of a file, or of a pipe, which is read to its end first. Raises MediaError."""
    try:
        # A pipe must not hold us here until somebody writes to it.
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAIT))
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from None
    with file:
        kind = os.fstat(file.fileno()).st_mode
        name = f"file{path.suffix}" if path.suffix[1:].isalnum() else "file"
        if stat.S_ISREG(kind):
            yield Part(file, name, 0, os.fstat(file.fileno()).st_size)
        elif stat.S_ISFIFO(kind):
            with tempfile.TemporaryFile() as whole:
                yield Part(whole, name, 0, _copy(file.fileno(), whole, path))
        else:
            raise MediaError(f"{path} cannot be read: it is neither a file nor a pipe")


_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def _copy(pipe: int, whole: IO[bytes], path: Path) -> int:
    """Returns the number of bytes. Raises MediaError if nothing comes, or it never ends."""
    size, patience = 0, PIPE_OPENED_WITHIN
    while True:
        ready, _, _ = select.select([pipe], [], [], patience)
        try:
            piece = os.read(pipe, PIECE)
        except BlockingIOError:  # somebody has it open and writes nothing
            if patience == PIPE_PATIENCE:
                raise MediaError(
                    f"nothing came out of the pipe {path} for {patience:.0f} s"
                ) from None
            logger.warning("waiting for what comes out of the pipe %s", path)
            patience = PIPE_PATIENCE
            continue
        if not piece and not ready:
            raise MediaError(f"nobody writes to the pipe {path}")
        if not piece:
            return size
        size, patience = size + len(piece), PIPE_PATIENCE
        if size > MOST_PIPED:
            raise MediaError(f"more than {MOST_PIPED} bytes came out of the pipe {path}")
        whole.write(piece)
