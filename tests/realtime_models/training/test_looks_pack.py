"""Pictures with alpha into shards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
Image = pytest.importorskip("PIL.Image")

# ruff: noqa: E402

from latentcam.realtime_models.training.looks.backdrop import over, room
from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.looks.pack import rows, write


def test_a_shard_holds_what_was_rendered(tmp_path: Path) -> None:
    (tmp_path / "factors").mkdir()
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[:, :4] = (200, 100, 50, 255)
    Image.fromarray(picture).save(tmp_path / "000000.png")
    about = {"pictures": ["000000.png", "000001.png"], "name": "Mei", "z": [0.5] * 3,
             "xs": [[0.0] * 24, [1.0] * 24]}  # fmt: skip
    (tmp_path / "factors" / "00000.json").write_text(json.dumps(about))
    found = list(rows(tmp_path))
    assert len(found) == 1  # the second was never rendered
    write(found, tmp_path / "shard_00000.npz", 4)
    with np.load(tmp_path / "shard_00000.npz") as shard:
        assert shard["images"].shape == (1, 4, 4, 4)
        assert shard["curated"][0] == list(CAST).index("Mei")
        # Halving keeps the colour at the edge of what is transparent.
        assert tuple(shard["images"][0, 0, 1]) == (200, 100, 50, 255)


def test_the_room_lies_behind() -> None:
    behind = room(32)
    assert behind.shape == (32, 32, 3)
    clear = np.zeros((32, 32, 4), np.uint8)
    assert np.array_equal(over(clear, behind), behind)
    solid = np.full((32, 32, 4), 255, np.uint8)
    assert (over(solid, behind) == 255).all()
