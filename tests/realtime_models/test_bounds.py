"""Bounds, and cards that are beyond them. Mutated packs: tests/fuzz."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.bounds import within
from latentcam.realtime_models.errors import AvatarPackError
from tests.tiny import write_pack


def test_a_card_that_is_nested_deeply_or_too_long_is_a_sentence(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny")
    for text, said in ((b"[" * 100_000, "card.json: "), (b" " * 2_000_000, "expected at most")):
        (folder / "card.json").write_bytes(text)
        with pytest.raises(AvatarPackError, match=said):
            load_pack(str(folder))


@pytest.mark.parametrize("value", [-1.0, 2.0, math.nan, math.inf])
def test_bounds(value: float) -> None:
    within("share", 0.0, 0.0, 1.0)
    within("share", 1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match=f"share is {value:g}, expected 0 to 1"):
        within("share", value, 0.0, 1.0)
