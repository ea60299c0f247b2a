"""Bases of W: principal components in chunks, the Jacobian by its definition, walks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.generator.basis import global_pca
from latentcam.realtime_models.generator.latents import sample_z, z_to_w
from latentcam.realtime_models.training.latents import bases
from latentcam.realtime_models.training.latents.bases import (
    GlobalBasis,
    Jacobians,
    global_basis,
    sample_w,
)
from latentcam.realtime_models.training.latents.sheets import save_sheet
from latentcam.realtime_models.training.latents.walks import CHANGE, change, walked
from latentcam.server.__main__ import main

# PyTorch 2.13's own forward differentiation uses a name that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def test_chunks_give_what_all_at_once_gives(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bases, "CHUNK", 300)
    config, tensors = tiny_pack.card.generator, tiny_pack.generator
    parts = list(sample_w(config, tensors, 1000))
    assert [len(part) for part in parts] == [300, 300, 300, 100]
    basis = global_basis(iter(parts), 3)
    w = np.concatenate(parts)
    np.testing.assert_allclose(basis.mean, w.mean(axis=0), atol=1e-5)
    wanted = global_pca(w, 3)
    turned = np.sign((basis.columns * wanted).sum(axis=0))
    np.testing.assert_allclose(basis.columns * turned, wanted, atol=1e-4)
    np.testing.assert_allclose(basis.variance.sum(), w.var(axis=0, ddof=1).sum(), rtol=1e-5)
    assert basis.explained[-1] == pytest.approx(1) and (np.diff(basis.explained) >= 0).all()
    with pytest.raises(ValueError, match="3 samples of w, expected more than 3 components"):
        global_basis(iter([w[:3]]), 3)


def test_a_local_basis_is_the_derivative(tiny_pack: AvatarPack) -> None:
    config, tensors = tiny_pack.card.generator, tiny_pack.generator
    jacobians, z = Jacobians(config, tensors), sample_z(config, 1)
    basis = jacobians.at(z)
    for index in range(3):
        step = 1e-2 * basis.inputs[:, index]
        moved = (z_to_w(config, tensors, z + step) - z_to_w(config, tensors, z - step)) / 2e-2
        wanted = basis.stretch[index] * basis.columns[:, index]
        np.testing.assert_allclose(moved, wanted, atol=0.02 * basis.stretch[0])
    assert (np.diff(basis.stretch) <= 0).all()


def test_flat_directions_are_counted(tiny_pack: AvatarPack) -> None:
    """A mapping network that ignores half of z moves w in half of the directions only."""
    tensors = dict(tiny_pack.generator)
    first = tensors["mapping.layers.0.weight"].copy()
    first[:, 4:] = 0
    tensors["mapping.layers.0.weight"] = first
    config = tiny_pack.card.generator
    assert Jacobians(config, tensors).at(sample_z(config, 0)).flat == config.z_dim - 4


def test_walks_begin_where_they_should_and_stay_among_the_ws(tiny_pack: AvatarPack) -> None:
    config, tensors = tiny_pack.card.generator, tiny_pack.generator
    z = sample_z(config, 2)
    w = z_to_w(config, tensors, z)
    local = Jacobians(config, tensors).walk(z, 0)
    np.testing.assert_allclose(local(0.0), w, atol=1e-5)
    there, further, back = local(0.35), local(0.7), local(-0.35)
    assert np.linalg.norm(further - w) > np.linalg.norm(there - w) > 0.05
    assert (there - w) @ (back - w) < 0
    np.testing.assert_array_equal(local(0.35), there)
    basis = global_basis(sample_w(config, tensors, 500), 2)
    np.testing.assert_allclose(basis.walk(w, 1)(2.0), w + 2 * basis.columns[:, 1], rtol=1e-6)


def grey(level: float) -> Rgb:
    return np.full((8, 8, 3), round(level), np.uint8)


def test_a_walk_ends_at_an_equal_change() -> None:
    def even(w: np.ndarray) -> list[Rgb]:
        return [grey(100 + 8 * one[0]) for one in w]

    def sudden(w: np.ndarray) -> list[Rgb]:
        return [grey(100 + 20 * (one[0] > 1.4)) for one in w]

    line = GlobalBasis(np.zeros(1, np.float32), np.ones((1, 1), np.float32), np.ones(1))
    walk = line.walk(np.zeros(1, np.float32), 0)
    smooth = walked(walk, even, lambda a, b: change(a, b))
    assert smooth is not None and smooth.identity is not None
    assert smooth.amount == pytest.approx(CHANGE / 8, abs=0.1)
    assert smooth.identity == pytest.approx(CHANGE, abs=1)
    rough = walked(walk, sudden, lambda a, b: None)
    assert rough is not None and rough.roughness > 5 * smooth.roughness
    assert walked(walk, lambda w: [grey(0)] * len(w), lambda a, b: None) is None


def test_a_sheet_has_a_row_per_name(tmp_path: Path) -> None:
    from PIL import Image

    save_sheet(tmp_path / "a.png", {"a": [grey(0), grey(200)], "b": [grey(9)]})
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size == (96 + 16, 16) and sheet.getpixel((96 + 12, 4)) == (200,) * 3


def test_the_command(tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["avatar", "basis", "--avatar", str(tiny_folder), "--out", str(tmp_path / "out")]
    more = ["--samples", "500", "--components", "4", "--compare"]
    assert main([*argv, *more]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["samples"] == 500 and found["singular values"] == 8
    assert len(found["of them below 1 % of the largest"]) == 3
    assert found["walks"]["global"]["walks"] > 0 and found["walks"]["local"]["identity"] is None
    names = {"directions.safetensors", "explained.png", "spectrum.png", "global.jpg", "local.jpg"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    written = load_file(tmp_path / "out" / "directions.safetensors")
    assert written["global"].shape == (12, 4) and written["local 0"].shape == (12, 8)
    for options, said in (
        (("--components", "13"), "--components is 13, expected 1 to 12"),
        (("--samples", "4", "--components", "4"), "expected more samples than components"),
    ):
        assert main([*argv, *options]) == 2
        assert said in capsys.readouterr().err
