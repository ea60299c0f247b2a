"""Packs from strangers: a card or a file of weights that was made to do harm."""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.motion.performance import Performer, Settings
from tests.fuzz.damage import changed_json, damaged
from tests.fuzz.target import Fault, Take, Target
from tests.tiny import three_card, worn_card, write_pack

SHAPES = [[10**12], [2**63, 2], [2**32, 2**32], [-1], [0], [], [1] * 1000, [1.5], "x", [2**64]]
OFFSETS = [[0, 0], [0, 2**63], [-1, 4], [4, 0], None, [0], [0, 1, 2], [2**40, 2**40 + 4]]
DTYPES = ["F16", "BF16", "F64", "I8", "I64", "BOOL", "F8_E4M3", "X", "", None, 1]
CHOICES: dict[str, list[Any]] = {"dtype": DTYPES, "shape": SHAPES, "data_offsets": OFFSETS}
VALUES = (np.nan, np.inf, 3e38, -3e38, 1e-42, 0.0)
CLAIMS = (0, 1, 2**63, 2**64 - 1, 10**9, 2**20 + 1)
FILES = ("generator", "motion", "identities", "textures")


@cache
def whole() -> dict[str, bytes]:
    """The files of a tiny pack with textures, by their names without endings."""
    with tempfile.TemporaryDirectory() as folder:
        pack = write_pack(Path(folder), worn_card())
        return {path.stem: path.read_bytes() for path in pack.iterdir()}


def cards() -> list[Any]:
    """That of `whole`, and one with all that a card may have, whose weights are not there."""
    with tempfile.TemporaryDirectory() as folder:
        rich = write_pack(Path(folder), three_card()) / "card.json"
        return [json.loads(whole()["card"]), json.loads(rich.read_bytes())]


def runs(folder: Path) -> str:
    """Loads the pack and performs three ticks with it. Raises AvatarPackError."""
    pack = load_pack(str(folder))
    performer, state = Performer(pack), Performer(pack).initial_state(0)
    for seed in range(3):
        samples = np.random.default_rng(seed).standard_normal(640).astype(np.float32)
        x, state = performer.perform(0.1 * samples, state, Settings())
        if not np.isfinite(x).all():
            raise Fault(f"the face is moved to {x}")
    return "it runs"


@contextmanager
def opened_cards(folder: Path) -> Iterator[Take]:
    pack = write_pack(folder / "worn", worn_card())

    def take(case: bytes) -> str:
        (pack / "card.json").write_bytes(case)
        return runs(pack)

    yield take


CARDS = Target(
    "cards", st.deferred(lambda: changed_json(cards())), opened_cards, (AvatarPackError,), 600
)


@contextmanager
def opened_weights(folder: Path) -> Iterator[Take]:
    """The first byte says which file, the rest is what is in it, of which the card has the digest:
    so nothing but the content is in the way."""
    pack = write_pack(folder / "worn", worn_card())

    def take(case: bytes) -> str:
        name, content = FILES[(case[:1] or b"\0")[0] % len(FILES)], case[1:]
        said = json.loads(whole()["card"])
        said["files"][name]["digest"] = hashlib.sha256(content).hexdigest()
        (pack / "card.json").write_text(json.dumps(said))
        (pack / f"{name}.safetensors").write_bytes(content)
        try:
            return runs(pack)
        finally:
            (pack / f"{name}.safetensors").write_bytes(whole()[name])

    yield take


@st.composite
def changed_weights(draw: DrawFn) -> bytes:
    """A file whose header says something else, or whose numbers are others."""
    number = draw(st.integers(0, len(FILES) - 1))
    content = whole()[FILES[number]]
    (size,) = struct.unpack("<Q", content[:8])
    header, body = json.loads(content[8 : 8 + size]), content[8 + size :]
    tensors = [name for name in header if name != "__metadata__"]
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(tensors))
        match draw(st.sampled_from(("values", "name", "metadata", *CHOICES))):
            case "values":
                value = draw(st.sampled_from(VALUES))
                begin, end = json.loads(content[8 : 8 + size])[name]["data_offsets"]
                numbers = struct.pack("<f", value) * ((end - begin) // 4)
                body = body[:begin] + numbers + body[end:]
            case "name":
                header[draw(st.sampled_from(("", "\0", "x" * 300, *tensors)))] = header[name]
            case "metadata":
                header["__metadata__"] = draw(st.sampled_from(({"a": 1}, [], None, {"a": "b"})))
            case field:
                header[name][field] = draw(st.sampled_from(CHOICES[field]))
    text = json.dumps(header).encode()
    claim = draw(st.sampled_from((len(text), len(text), len(text), *CLAIMS)))
    return bytes([number]) + struct.pack("<Q", claim) + text + body


WEIGHTS = Target(
    "weights",
    changed_weights()
    | st.deferred(lambda: damaged([bytes([n]) + whole()[f] for n, f in enumerate(FILES)])),
    opened_weights,
    (AvatarPackError,),
    500,
)
