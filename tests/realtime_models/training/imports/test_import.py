"""Imported networks draw what the papers' arithmetic draws, in every decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack
from latentcam.realtime_models.decoders.auto import open_decoder
from latentcam.realtime_models.decoders.eager import EagerDecoder
from latentcam.realtime_models.decoders.pictures import PictureNetwork
from latentcam.realtime_models.generator.latents import sample_z, z_to_w
from latentcam.realtime_models.generator.network import MappingNetwork, SynthesisNetwork
from latentcam.realtime_models.training.imports.errors import ForeignFileError
from latentcam.realtime_models.training.imports.make import (
    Words,
    import_network,
    published_by_nvidia,
    write_imported,
)
from latentcam.realtime_models.training.imports.network import Imported
from latentcam.realtime_models.training.imports.tensors import STORAGES
from tests.official import Official, write_nvidia, write_rosinality

WORDS = Words("CC0-1.0", "random numbers", "nobody is shown")
FULL_RANGE = 2.0

NETWORKS: dict[str, dict[str, Any]] = {
    "skip": {},
    "resnet": {"architecture": "resnet"},
    "orig": {"architecture": "orig"},
    "clamp": {"clamp": 0.7},
    "resnet clamp": {"architecture": "resnet", "clamp": 0.7},
    "classes": {"c_dim": 3},
    "no noise": {"noise": False},
    "larger": {"widths": {4: 8, 8: 8, 16: 6, 32: 4, 64: 3}, "mapping_layers": 8},
}


def pictures(imported: Imported, ws: np.ndarray) -> np.ndarray:
    network = SynthesisNetwork(imported.config).eval()
    network.load_state_dict(
        {
            name.removeprefix("synthesis."): torch.from_numpy(tensor)
            for name, tensor in imported.tensors.items()
            if name.startswith("synthesis.")
        }
    )
    with torch.inference_mode():
        drawn: np.ndarray = network(torch.from_numpy(ws.astype(np.float32))).numpy()
    return drawn


def far(got: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference as a share of the full range."""
    assert wanted.std() > 0.05, "nothing is drawn"
    return float(np.abs(got - wanted).max() / FULL_RANGE)


def some_z(network: Official, count: int = 3) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((count, network.z_dim))


@pytest.mark.parametrize("name", NETWORKS)
def test_nvidias_networks_are_the_papers(tmp_path: Path, name: str) -> None:
    network = Official(**NETWORKS[name])
    label = 2 if network.c_dim else None
    imported = import_network(write_nvidia(network, tmp_path / "network.pkl"), label)
    wanted = network.mapping(some_z(network), label or 0)
    w = z_to_w(imported.config, imported.tensors, some_z(network).astype(np.float32))
    np.testing.assert_allclose(w, wanted[:, 0], atol=1e-5)
    assert imported.config.num_ws == wanted.shape[1]
    varied = wanted + np.random.default_rng(0).standard_normal(wanted.shape) * 0.3
    assert far(pictures(imported, varied), network.synthesis(varied)) < 1e-4


@pytest.mark.parametrize("name", ["skip", "larger"])
@pytest.mark.parametrize("zipped", [True, False])
def test_rosinalitys_networks_are_the_papers(tmp_path: Path, name: str, zipped: bool) -> None:
    network = Official(**{**NETWORKS[name], "z_dim": 8})
    imported = import_network(write_rosinality(network, tmp_path / "n.pt", zipped=zipped))
    wanted = network.mapping(some_z(network))
    w = z_to_w(imported.config, imported.tensors, some_z(network).astype(np.float32))
    np.testing.assert_allclose(w, wanted[:, 0], atol=1e-5)
    assert far(pictures(imported, wanted), network.synthesis(wanted)) < 1e-4


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_pickle_is_read(tmp_path: Path, protocol: int) -> None:
    network = Official()
    imported = import_network(write_nvidia(network, tmp_path / "network.pkl", protocol))
    ws = network.mapping(some_z(network))
    assert far(pictures(imported, ws), network.synthesis(ws)) < 1e-4


def test_numpys_numbers_beside_the_tensors_are_no_hindrance(tmp_path: Path) -> None:
    gains = {"gain": np.float64(2), "table": np.arange(3), "device": torch.device("cuda", 0)}
    write_nvidia(Official(), tmp_path / "network.pkl", training_options=gains)
    assert import_network(tmp_path / "network.pkl").config.resolution == 16


@pytest.mark.parametrize("kind", [name for name in STORAGES if "Float" in name or "Half" in name])
def test_weights_of_every_precision(tmp_path: Path, kind: str) -> None:
    network = Official(z_dim=8)
    path = write_rosinality(network, tmp_path / "n.pt")
    content = torch.load(path, weights_only=True)
    dtypes = {"F": torch.float32, "H": torch.float16, "B": torch.bfloat16}
    for name in content["g_ema"]:
        content["g_ema"][name] = content["g_ema"][name].to(dtypes[kind.split(".")[1][0]])
    torch.save(content, path)
    imported = import_network(path)
    ws = network.mapping(some_z(network))
    assert far(pictures(imported, ws), network.synthesis(ws)) < 0.1


def test_a_checkpoint_of_a_training_has_more_in_it(tmp_path: Path) -> None:
    """Discriminator, optimisers, and the options of the command, of which nothing is needed."""
    from argparse import Namespace

    network, model = Official(z_dim=8), torch.nn.Linear(3, 3)
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(3)).sum().backward()
    optimiser.step()
    more = {
        "d": model.state_dict(),
        "g_optim": optimiser.state_dict(),
        "args": Namespace(size=16, path="data"),
        "ada_aug_p": 0.3,
    }
    for zipped in (True, False):
        path = write_rosinality(network, tmp_path / "n.pt", zipped=zipped, **more)
        assert import_network(path).config.resolution == 16


def test_without_a_mean_it_is_estimated(tmp_path: Path) -> None:
    network = Official(z_dim=8)
    imported = import_network(write_rosinality(network, tmp_path / "n.pt", latent_avg=None))
    mean = network.mapping(np.random.default_rng(9).standard_normal((10_000, 8)))[:, 0].mean(axis=0)
    np.testing.assert_allclose(imported.tensors["mapping.w_avg"], mean, atol=0.05)


def pack_of(network: Official, folder: Path, **options: Any) -> AvatarPack:
    path = write_nvidia(network, folder / "network.pkl")
    write_imported(
        import_network(path), folder / "pack", WORDS, load_pack(DEFAULT_PACK), DEFAULT_PACK,
        **options,
    )  # fmt: skip
    return load_pack(str(folder / "pack"))


@pytest.mark.parametrize("cutoff", [None, 3, 0])
def test_seeds_are_truncated_as_the_paper_does(tmp_path: Path, cutoff: int | None) -> None:
    network = Official()
    pack = pack_of(network, tmp_path, psi=0.5, cutoff=cutoff)
    avatar = Avatar(pack, EagerDecoder(pack))
    z = sample_z(pack.card.generator, 7)
    wanted = network.mapping(z[None].astype(np.float64), psi=0.5, cutoff=cutoff)[0]
    np.testing.assert_allclose(avatar.anchor("7"), wanted, atol=1e-5)
    np.testing.assert_allclose(avatar.anchor("Face 7"), wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["skip", "resnet", "orig", "clamp", "larger"])
@pytest.mark.parametrize("decoder", ["eager", "openvino-f32", "openvino-bf16"])
def test_every_decoder_draws_it(tmp_path: Path, name: str, decoder: str) -> None:
    network = Official(**NETWORKS[name])
    pack = pack_of(network, tmp_path)
    wanted = network.synthesis(pack.identities.astype(np.float64)).transpose(0, 2, 3, 1)
    levels = (wanted * 127.5 + 127.5).round().clip(0, 255)
    got = open_decoder(decoder, pack).decode(pack.identities.copy()).astype(float)
    assert levels.std() > 5
    difference = np.abs(got - levels)
    if decoder.endswith("bf16"):  # of random weights, which amplify
        assert difference.mean() < 4
    else:
        assert difference.max() <= 1


@pytest.mark.parametrize("name", ["skip", "resnet", "clamp"])
def test_half_precision_is_close(tmp_path: Path, name: str) -> None:
    """What the decoders for a GPU run, on the CPU."""
    pack = pack_of(Official(**NETWORKS[name]), tmp_path)
    with torch.inference_mode():
        levels = PictureNetwork(pack, "fp16")(torch.tensor(pack.identities)).numpy()
    difference = np.abs(levels - EagerDecoder(pack).decode(pack.identities.copy()))
    assert difference.mean() < 0.2 and difference.max() <= 5


def test_the_mapping_network_in_torch_is_the_same(tmp_path: Path) -> None:
    network = Official()
    imported = import_network(write_nvidia(network, tmp_path / "network.pkl"))
    mapping = MappingNetwork(imported.config)
    mapping.load_state_dict(
        {
            name.removeprefix("mapping."): torch.from_numpy(tensor)
            for name, tensor in imported.tensors.items()
            if name.startswith("mapping.")
        }
    )
    z = some_z(network)
    for psi in (1.0, 0.5):
        w = mapping(torch.from_numpy(z).float(), psi).detach().numpy()
        np.testing.assert_allclose(w, network.mapping(z, psi=psi)[:, 0], atol=1e-5)


def test_a_class_is_asked_for(tmp_path: Path) -> None:
    path = write_nvidia(Official(c_dim=3), tmp_path / "classes.pkl")
    for label, said in ((None, "got class none"), (3, "got class 3"), (-1, "got class -1")):
        with pytest.raises(ForeignFileError, match=f"{said}, expected one of 0 to 2"):
            import_network(path, label)
    path = write_nvidia(Official(), tmp_path / "plain.pkl")
    with pytest.raises(ForeignFileError, match="no classes, got class 1"):
        import_network(path, 1)


@pytest.mark.parametrize(
    ("file", "pictures", "word"),
    [
        ("ffhq.pkl", "", "ffhq"),
        ("network.pkl", "/data/FFHQ-512.zip", "ffhq"),
        ("afhqcat.pkl", "", "afhq"),
        ("mine.pkl", "/data/mine.zip", None),
    ],
)
def test_nvidias_own_networks_are_known_by_their_names(
    tmp_path: Path, file: str, pictures: str, word: str | None
) -> None:
    path = write_nvidia(Official(), tmp_path / file, training_set_kwargs={"path": pictures})
    assert published_by_nvidia(path, import_network(path)) == word
