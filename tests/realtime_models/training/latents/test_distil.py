"""A small generator learns a large one's pictures, and takes its place with its faces and axes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.decoders.eager import EagerDecoder
from latentcam.realtime_models.generator.layers import GeneratorConfig, official, stylegan2
from latentcam.realtime_models.training.latents import distil
from latentcam.realtime_models.training.latents.distil import (
    LEAST_RATE,
    PATIENCE,
    Distiller,
    row_map,
    small_config,
    some_latents,
)
from latentcam.server.__main__ import main
from tests.tiny import write_pack

TEACHER = official(z_dim=8, w_dim=12, mapping_layers=2, widths={4 << i: 4 for i in range(6)})


def narrow(teacher: GeneratorConfig, resolution: int) -> GeneratorConfig:
    """Small enough for a test."""
    config = stylegan2(
        z_dim=teacher.z_dim, w_dim=teacher.w_dim, mapping_layers=teacher.mapping.layers,
        resolution=resolution, channel_base=128, channel_max=8, subpixels=1,
    )  # fmt: skip
    return config


def test_w_means_what_it_meant() -> None:
    student = small_config(TEACHER, 64)
    assert student.mapping == TEACHER.mapping and student.w_dim == TEACHER.w_dim
    rows = row_map(TEACHER, student)
    assert len(rows) == student.num_ws and rows == sorted(rows)
    assert rows[:7] == list(range(7)), "as far as both have the same resolutions"
    assert rows[-1] == TEACHER.num_ws - 1
    with pytest.raises(ValueError, match="resolution is 100"):
        small_config(TEACHER, 100)


def test_latents_lie_where_an_avatar_goes(tiny_pack: AvatarPack) -> None:
    rng = np.random.default_rng(0)
    ws = some_latents(tiny_pack, 40, rng)
    config = tiny_pack.card.generator
    assert ws.shape == (40, config.num_ws, config.w_dim) and ws.dtype == np.float32
    moved = [min(np.abs(one - face).max() for face in tiny_pack.identities) for one in ws]
    assert len({round(float(m), 4) for m in moved}) > 30, "all differ"


def test_it_ends_when_it_gets_no_better(tiny_pack: AvatarPack) -> None:
    distiller = Distiller(narrow(tiny_pack.card.generator, 32), "cpu")
    assert distiller.judged(20.0) and distiller.judged(21.0)
    told = [distiller.judged(21.0) for _ in range(PATIENCE * 4)]
    assert told.index(False) == 3 * PATIENCE - 1 and distiller.progress.rate < LEAST_RATE


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(distil, "small_config", narrow)
    tiny_folder = write_pack(tmp_path / "tiny")
    argv = ["avatar", "distil", "--avatar", str(tiny_folder), "--work", str(tmp_path / "work")]
    options = ["--pictures", "128", "--minutes", "0.05", "--every", "5", "--batch", "4"]
    assert main([*argv, "--out", str(tmp_path / "small"), *options]) == 0
    out, err = capsys.readouterr()
    assert "dB on held-out latents" in out and "of 128 pictures drawn" in err
    first = json.loads([line for line in err.splitlines() if line.startswith("{")][-1])
    small = load_pack(str(tmp_path / "small"))
    large = load_pack(str(tiny_folder))
    assert small.card.axes == large.card.axes and small.card.identities == large.card.identities
    assert "Distilled into a smaller network" in small.card.provenance and small.card.int8
    a, b = Avatar(large, EagerDecoder(large)), Avatar(small, EagerDecoder(small))
    rows = row_map(large.card.generator, small.card.generator)
    np.testing.assert_allclose(a.anchor("7")[rows], b.anchor("7"), atol=2e-3)
    np.testing.assert_allclose(a.basis.matrix[rows], b.basis.matrix, rtol=1e-2, atol=2e-3)
    # The same command goes on, with the pictures that are there.
    assert main([*argv, "--out", str(tmp_path / "again"), *options]) == 0
    out, err = capsys.readouterr()
    assert f"going on at step {first['step']}" in err and "pictures drawn" not in err
    assert (tmp_path / "work" / "sheet.jpg").exists()
    assert main([*argv, "--out", str(tmp_path / "again"), *options]) == 2
    assert "is a pack already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pictures", "10"), "expected at least 96, 1 and 1"),
        (("--resolution", "100"), "resolution is 100, expected a power of two"),
        (("--vgg", "none.onnx"), "none.onnx does not exist"),
    ],
)
def test_refusals(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    argv: list[Any] = ["avatar", "distil", "--avatar", tiny_folder, "--out", tmp_path / "a"]
    assert main([*map(str, argv), "--work", str(tmp_path / "w"), *options]) == 2
    assert said in capsys.readouterr().err


def test_a_step_lowers_the_loss(tiny_pack: AvatarPack) -> None:
    torch.manual_seed(0)
    distiller = Distiller(narrow(tiny_pack.card.generator, 32), "cpu")
    config = distiller.config
    ws = torch.randn(4, config.num_ws, config.w_dim)
    real = torch.rand(4, 3, 32, 32) - 0.5
    losses = [distiller.step(ws, real, sharp=False) for _ in range(40)]
    assert losses[-1] < 0.9 * losses[0]
    assert np.isfinite(distiller.step(ws, real, sharp=True))
