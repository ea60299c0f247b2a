"""A file that appears under its name only when it is whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from latentcam.stream.errors import MediaError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A new empty file beside `path` to write to; on success it takes path's place.

    If `path` is a link, the file it points to is replaced, as if it were written to. The new file's
    name is random, and nothing existed under it. Raises MediaError; errors raised inside the block
    pass through unchanged.
    """
    with writing(path):
        if path.is_dir():
            raise MediaError(f"{path} is a folder, expected a file's name")
        if not path.parent.is_dir():
            raise MediaError(f"the folder {path.parent} does not exist")
        target = Path(os.path.realpath(path))
        if target.is_symlink() or target.exists() and not target.is_file():
            raise MediaError(f"{path} is there and is no file, expected a file's name")
        partial = target.with_name(f".{secrets.token_hex(8)}.partial{path.suffix}")
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield partial
        with writing(path):
            partial.replace(target)
    finally:
        with suppress(OSError):  # it is gone: it was renamed
            partial.unlink()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError raised inside into a MediaError."""
    try:
        yield
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {error.strerror}") from None
