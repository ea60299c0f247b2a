"""Mutated packs: a sentence, or a pack that runs, within a bounded time; nothing else."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.bounds import within
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.motion.performance import Performer, Settings
from tests.tiny import write_pack

WEIRD: list[Any] = [
    None, True, 0, -1, 1, 1e308, -1e308, 2**31, 2**63, 2**64, 10**30, 0.5, "", "x", "\0", "é",
    [], {}, [[]], ["a"] * 50, 1e-320, -0.0, 1 << 20, 1 << 40, "studio", "../..",
]  # fmt: skip
FACTORS = [0, -1, 2, 10, 1000, 10**9]
quick = settings(
    max_examples=300, derandomize=True, deadline=20_000,  # ms: the mutated packs hung for good
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("mutated") / "tiny")


@pytest.fixture(scope="module")
def whole(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def tried(folder: Path, whole: dict[str, bytes], **changed: bytes) -> str:
    """What becomes of the pack: a refusal's sentence, or "" where it runs."""
    for name, content in whole.items():
        (folder / name).write_bytes(changed.get(name.partition(".")[0], content))
    try:
        pack = load_pack(str(folder))
    except AvatarPackError as error:
        assert "\n" not in str(error) and len(str(error)) < 20_000
        return str(error)
    performer, state = Performer(pack), Performer(pack).initial_state(0)
    for seed in range(3):
        samples = np.random.default_rng(seed).standard_normal(640).astype(np.float32)
        x, state = performer.perform(0.1 * samples, state, Settings())
        assert np.isfinite(x).all()
    return ""


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a card."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:5])
    found = []
    for key, inner in items:
        found.append((*path, key))
        if isinstance(inner, dict | list):
            found += places(inner, (*path, key))
    return found


@quick
@given(data=st.data())
def test_mutated_cards(folder: Path, whole: dict[str, bytes], data: st.DataObject) -> None:
    card = json.loads(whole["card.json"])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(card)))
        at = card
        for key in path[:-1]:
            at = at[key]
        was = at[path[-1]]
        change = data.draw(st.sampled_from(["drop", "weird", "scale"]))
        if change == "drop":
            del at[path[-1]]
        elif change == "scale" and isinstance(was, int | float):
            at[path[-1]] = was * data.draw(st.sampled_from(FACTORS))
        else:
            at[path[-1]] = copy.deepcopy(data.draw(st.sampled_from(WEIRD)))
        if not card:
            break
    tried(folder, whole, card=json.dumps(card).encode())


@quick
@given(data=st.data())
def test_mutated_text(folder: Path, whole: dict[str, bytes], data: st.DataObject) -> None:
    text = whole["card.json"]
    at = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.sampled_from([b"NaN", b"1e999", b"\0", b"{", b"[", b'"', b"9" * 300, b""]))
    tried(folder, whole, card=text[:at] + put + text[at + data.draw(st.integers(0, 3)) :])


SHAPES = [[10**12], [2**63, 2], [2**32, 2**32], [-1], [0], [], [1] * 1000, [1.5], "x", [2**64]]
OFFSETS = [[0, 0], [0, 2**63], [-1, 4], [4, 0], None, [0], [0, 1, 2], [2**40, 2**40 + 4]]
DTYPES = ["F16", "BF16", "F64", "I8", "I64", "BOOL", "F8_E4M3", "X", "", None, 1]


@quick
@given(data=st.data())
def test_mutated_headers(folder: Path, whole: dict[str, bytes], data: st.DataObject) -> None:
    """With the digest of what is there, so that nothing but the content is in the way."""
    name = data.draw(st.sampled_from(["generator", "motion", "identities"]))
    content = whole[f"{name}.safetensors"]
    (size,) = struct.unpack("<Q", content[:8])
    header, body = json.loads(content[8 : 8 + size]), content[8 + size :]
    kind = data.draw(st.sampled_from(["size", "dtype", "shape", "data_offsets", "cut", "values"]))
    if kind == "size":
        claimed = data.draw(st.sampled_from([0, 1, 2**63, 2**64 - 1, 10**9, len(content)]))
        content = struct.pack("<Q", claimed) + content[8:]
    elif kind == "cut":
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        tensor = header[data.draw(st.sampled_from([k for k in header if k != "__metadata__"]))]
        if kind == "values":
            value = data.draw(st.sampled_from([np.nan, np.inf, 3e38, -3e38, 1e-42, 0.0]))
            begin, end = tensor["data_offsets"]
            body = body[:begin] + struct.pack("<f", value) * ((end - begin) // 4) + body[end:]
        else:
            choices: dict[str, list[Any]]
            choices = {"dtype": DTYPES, "shape": SHAPES, "data_offsets": OFFSETS}
            tensor[kind] = data.draw(st.sampled_from(choices[kind]))
        text = json.dumps(header).encode()
        content = struct.pack("<Q", len(text)) + text + body
    card = json.loads(whole["card.json"])
    card["files"][name]["digest"] = hashlib.sha256(content).hexdigest()
    said = tried(folder, whole, card=json.dumps(card).encode(), **{name: content})
    assert said or kind in ("values", "dtype", "data_offsets", "shape")


def test_deep_nesting_is_a_sentence(folder: Path, whole: dict[str, bytes]) -> None:
    assert tried(folder, whole, card=b"[" * 100_000)
    assert "expected at most" in tried(folder, whole, card=b" " * 2_000_000)


@pytest.mark.parametrize("value", [-1.0, 2.0, math.nan, math.inf])
def test_bounds(value: float) -> None:
    within("share", 0.0, 0.0, 1.0)
    within("share", 1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match=f"share is {value:g}, expected 0 to 1"):
        within("share", value, 0.0, 1.0)
