"""The files of MediaPipe's face tracker: not ours, not shipped, fetched when somebody wants them.

The model serves Python and pages alike; pages need tasks-vision as well, of which the wheel would
grow by 10 MB. Its release 0.10.21 is the last before those that report their use to Google.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from latentcam.realtime_models.enrolment import MODELS, models
from latentcam.realtime_models.errors import LatentcamError

MODEL = "face_landmarker.task"
PAGE_FILES = ("vision_bundle.mjs", "vision_wasm_internal.js", "vision_wasm_internal.wasm")
PATIENCE = 60.0  # seconds without a byte


class NotFetched(LatentcamError):
    """A file could not be had; the message says how to get it by hand."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is fetched. megabytes: about how much. digest: SHA-256. files: of an archive, name ->
    path in it; empty: the download is the file `name` itself."""

    name: str
    address: str
    megabytes: float
    digest: str
    files: tuple[tuple[str, str], ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """The files that it brings."""
        return tuple(name for name, _ in self.files) or (self.name,)


SOURCES = (
    Source(
        MODEL, MODELS[MODEL], 3.8,
        "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    ),
    Source(
        "tasks-vision",
        "https://registry.npmjs.org/@mediapipe/tasks-vision/-/tasks-vision-0.10.21.tgz", 6.5,
        "343736570f433c0100ffc360dbe70f09cc502a5fc573f5cd95954692edc9cfde",
        (
            ("vision_bundle.mjs", "package/vision_bundle.mjs"),
            ("vision_wasm_internal.js", "package/wasm/vision_wasm_internal.js"),
            ("vision_wasm_internal.wasm", "package/wasm/vision_wasm_internal.wasm"),
        ),
    ),
)  # fmt: skip


def missing() -> list[Source]:
    """Those of SOURCES that are not all here."""
    return [
        source
        for source in SOURCES
        if not all((models() / name).is_file() for name in source.wanted)
    ]


def page_files() -> dict[str, Path]:
    """What a page needs to follow a camera, by name; nothing unless all of it is here."""
    return {} if missing() else {name: models() / name for name in (MODEL, *PAGE_FILES)}


def fetch(source: Source, told: Callable[[float], None] = lambda share: None) -> None:
    """Download a source into the folder of models. told: how much of it is here, 0 to 1.

    Raises NotFetched; then nothing is changed.
    """
    try:
        data = _download(source, told)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise NotFetched(
            f"{source.address} cannot be fetched ({reason}); by hand, put "
            f"{', '.join(source.wanted)} of it into {models()}"
        ) from None
    found = hashlib.sha256(data).hexdigest()
    if found != source.digest:
        raise NotFetched(
            f"{source.address} has the SHA-256 {found}, expected {source.digest}: it is another "
            "file, and not kept"
        )
    contents = {source.name: data}
    if source.files:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            contents = {
                name: member.read()
                for name, path in source.files
                if (member := archive.extractfile(path)) is not None
            }
    models().mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        part = models() / f"{name}.part"
        part.write_bytes(content)
        part.replace(models() / name)


def _download(source: Source, told: Callable[[float], None]) -> bytes:
    most, parts, got = int(2e6 * source.megabytes), [], 0
    with urllib.request.urlopen(source.address, timeout=PATIENCE) as answer:
        while part := answer.read(1 << 16):
            parts.append(part)
            got += len(part)
            if got > most:
                raise ValueError(f"it is larger than {most} bytes")
            told(min(1.0, got / (1e6 * source.megabytes)))
    return b"".join(parts)
