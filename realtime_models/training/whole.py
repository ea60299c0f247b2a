"""Files that are there only when they are whole: work that is killed half-way is done again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A hidden path beside `path`, with its ending, to write to; on success it takes path's place.

    Processes that write the same file do not meet: the last one's stays.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
