"""Where compiled decoders are kept between runs: the user's cache folder. Losing it costs time,
nothing else."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

from platformdirs import user_cache_path

logger = logging.getLogger(__name__)


def cache_folder(name: str) -> Path | None:
    """A folder that exists and can be written, or None: then every start compiles."""
    folder = user_cache_path("latentcam", appauthor=False) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        logger.warning("nothing compiled is kept for the next start: %s", error)
        return None
    if not os.access(folder, os.W_OK):
        logger.warning("nothing compiled is kept for the next start: %s is read-only", folder)
        return None
    return folder


def cache_key(parts: Mapping[str, str | int | list[int]]) -> str:
    """A file name out of everything that a compiled blob depends on."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def load(folder: Path | None, key: str) -> bytes | None:
    """What was kept under this key, if it is whole."""
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
    return blob


def store(folder: Path | None, key: str, blob: bytes) -> None:
    """Keep blob under this key: whole or not at all."""
    if folder is None:
        return
    try:
        with NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(hashlib.sha256(blob).digest() + blob)
        Path(file.name).replace(folder / key)
    except OSError as error:
        logger.warning("nothing compiled is kept for the next start: %s", error)
