"""Shards that a pack draws, to train another generator on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.card import Card
from latentcam.realtime_models.training.generator.data import load_heads
from latentcam.realtime_models.training.imports.drawn import MOTIONS, main
from tests.tiny import clear_card, tiny_card, write_pack


@pytest.mark.parametrize("card", [tiny_card(), clear_card()], ids=["RGB", "alpha"])
def test_shards_are_drawn_once_and_alike(card: Card, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack", card)
    options = ["--avatar", str(pack), "--size", "16", "--shard", "80", "--count", "200"]
    main([*options, "--out", str(tmp_path / "a")])
    shards = sorted((tmp_path / "a").iterdir())
    assert [shard.name for shard in shards] == [f"shard_{n:05d}.npz" for n in range(3)]
    kept = shards[0].read_bytes()
    shards[1].unlink()
    first = shards[0].stat().st_mtime_ns
    main([*options, "--out", str(tmp_path / "a")])
    assert shards[0].stat().st_mtime_ns == first, "it goes on where it stopped"
    main([*options, "--out", str(tmp_path / "b")])
    for shard in shards:
        with np.load(shard) as one, np.load(tmp_path / "b" / shard.name) as other:
            assert all((one[name] == other[name]).all() for name in one.files)
    with np.load(shards[0]) as one:
        z, x, images = one["z"], one["x"], one["images"]
        assert images.shape == (80, 16, 16, 4) and (one["curated"] == -1).all()
        same = (z[1:] == z[:-1]).all(axis=1)
        assert same.tolist() == [(i + 1) % MOTIONS != 0 for i in range(79)]
        assert abs(z.mean()) < 0.2 and 0.8 < z.std() < 1.2
        assert x.shape == (80, len(FACE_AXES)) and len(np.unique(x, axis=0)) > 70
        assert all(axis.low <= low for axis, low in zip(FACE_AXES, x.min(axis=0), strict=True))
        opaque = (images[..., 3] == 255).all()
        assert opaque if card.generator.channels == 3 else not opaque
        assert len(np.unique(images.reshape(80, -1), axis=0)) > 70, "all are alike"
    train, held_out = load_heads(tmp_path / "a")
    assert len(train) + len(held_out) == 200
    assert kept == shards[0].read_bytes()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--count", "0"], "--count is 0, expected 1 or more"),
        (["--avatar", "nobody"], "nobody"),
    ],
)
def test_mistakes_are_told(
    option: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path / "out"), *option])
    assert told in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_pack_that_lacks_axes_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = write_pack(tmp_path / "pack", tiny_card(axes=FACE_AXES[:5]))
    with pytest.raises(SystemExit):
        main(["--avatar", str(pack), "--out", str(tmp_path / "out")])
    assert f"lacks the axis {FACE_AXES[5].name}" in capsys.readouterr().err
