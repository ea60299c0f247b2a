"""Where compiled decoders are kept between runs: the user's cache folder. Losing it costs only
time; when there is too much, the least recently used goes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

logger = logging.getLogger(__name__)

MOST_KEPT = 256 * 2**20  # bytes in one folder: six packs, alone and crowded


def cache_folder(name: str) -> Path | None:
    """A folder that exists and can be written, or None: then every start compiles."""
    folder = user_cache_path("latentcam", appauthor=False) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        logger.warning("nothing compiled is kept for the next start: %s", error.strerror)
        return None
    if not os.access(folder, os.W_OK):
        logger.warning("nothing compiled is kept for the next start: %s is read-only", folder)
        return None
    return folder


def cache_key(parts: Mapping[str, str | int | list[str]]) -> str:
    """A file name made from everything that a compiled blob depends on."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def load(folder: Path | None, key: str) -> bytes | None:
    """What was kept under this key, if it is intact."""
    if folder is None:
        return None
    try:
        content = (folder / key).read_bytes()
    except OSError:
        return None
    digest, blob = content[:32], content[32:]
    if hashlib.sha256(blob).digest() != digest:
        logger.warning("%s is damaged: compiling again", folder / key)
        return None
    with suppress(OSError):  # on a read-only disk it stays as old as it is
        os.utime(folder / key)
    return blob


def store(folder: Path | None, key: str, blob: bytes) -> None:
    """Keep blob under this key: whole or not at all."""
    if folder is None:
        return
    part = folder / f"{key}.{os.getpid()}.part"
    try:
        part.write_bytes(hashlib.sha256(blob).digest() + blob)
        part.replace(folder / key)
        tidy(folder, MOST_KEPT)
    except OSError as error:
        logger.warning("nothing compiled is kept for the next start: %s", error.strerror)
        with suppress(OSError):  # half of it
            part.unlink()


def tidy(folder: Path, most: int) -> None:
    """Delete what was used longest ago until the folder's files fit within so many bytes.

    Partial files left by killed starts go the same way.
    """
    files = []
    for path in folder.iterdir():
        with suppress(OSError):  # another process deletes, too
            files.append((path.stat().st_mtime, path.stat().st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= most:
            return
        with suppress(OSError):
            path.unlink()
            total -= size
