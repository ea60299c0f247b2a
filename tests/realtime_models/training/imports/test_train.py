"""A generator of the official architecture, trained here, as a file of another project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.training.generator.data import Heads
from latentcam.realtime_models.training.imports.make import import_network
from latentcam.realtime_models.training.imports.train import as_unknown, main, normal_scores
from tests.official import from_checkpoint, write_nvidia, write_rosinality
from tests.realtime_models.training.imports.test_import import far, pictures


def test_factors_become_normal_numbers_in_the_same_order() -> None:
    rng = np.random.default_rng(0)
    values = torch.tensor(np.maximum(rng.standard_normal((2000, 2)), 0), dtype=torch.float32)
    scores = normal_scores(values, rng)
    assert scores.mean(dim=0).abs().max() < 0.01 and (scores.std(dim=0) - 1).abs().max() < 0.02
    for column in range(2):
        order = scores[:, column].argsort()
        assert (values[order, column].diff() >= 0).all()
    rest = values[:, 0] == 0
    assert abs(np.corrcoef(scores[rest, 0], np.flatnonzero(rest))[0, 1]) < 0.1


def test_pictures_with_alpha_come_before_grey() -> None:
    images = torch.zeros(3, 4, 8, 8, dtype=torch.uint8)
    images[0, 3] = images[0, 0] = 255
    heads = Heads(images, torch.zeros(3, 5), torch.zeros(3, 24), torch.full((3,), -1))
    train, held_out = as_unknown(heads, heads)
    assert train.images.shape == (3, 3, 8, 8) and train.z.shape == (3, 29)
    assert train.images[0, :, 0, 0].tolist() == [255, 0, 0]
    assert train.images[1, 0, 0, 0] in (127, 128) and len(held_out) == 3


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--stages", "16"], "expected SIZE:MINUTES"),
        (["--resolution", "100"], "expected a power of two from 8 up"),
        (["--resolution", "4"], "expected a power of two from 8 up"),
    ],
)
def test_mistakes_are_told_before_anything_is_read(
    tmp_path: Path, option: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path / "none"), "--out", str(tmp_path / "out"), *option])
    assert told in capsys.readouterr().err and not (tmp_path / "out").exists()


def shards(folder: Path, count: int = 1200, size: int = 16) -> Path:
    rng = np.random.default_rng(0)
    folder.mkdir()
    x = rng.uniform(0, 1, (count, len(FACE_AXES))).astype(np.float32)
    images = rng.integers(0, 256, (count, size, size, 3), np.uint8)
    images[..., 0] = (x[:, 0, None, None] * 255).astype(np.uint8)
    np.savez(
        folder / "shard_00000.npz", images=images, x=x,
        z=rng.standard_normal((count, 4)).astype(np.float32),
        curated=np.where(np.arange(count) < 600, 0, -1).astype(np.int16),
    )  # fmt: skip
    return folder


@pytest.mark.slow
def test_what_is_trained_is_imported_from_both_formats(tmp_path: Path) -> None:
    main([
        "--data", str(shards(tmp_path / "data")), "--out", str(tmp_path / "out"),
        "--resolution", "16", "--channel-base", "64", "--channel-max", "8", "--w-dim", "28",
        "--mapping-layers", "2", "--stages", "16:30steps",
    ])  # fmt: skip
    network = from_checkpoint(tmp_path / "out" / "checkpoint.pt")
    ws = network.mapping(np.random.default_rng(1).standard_normal((2, network.z_dim)))
    wanted = network.synthesis(ws)
    for path in (
        write_nvidia(network, tmp_path / "network.pkl"),
        write_rosinality(network, tmp_path / "network.pt"),
    ):
        imported = import_network(path)
        assert isinstance(imported.config, GeneratorConfig) and imported.config.resolution == 16
        assert far(pictures(imported, ws), wanted) < 1e-3
