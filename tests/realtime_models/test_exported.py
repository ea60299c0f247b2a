"""The graph that Torch-TensorRT gets: one engine must cover all of it, and be kept under the
right key."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch._decomp import get_decompositions
from torch._export.utils import (
    _collect_all_valid_cia_ops_for_aten_namespace,
    _get_decomp_for_cia,
)

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack
from latentcam.realtime_models.decoders.eager import EagerDecoder
from latentcam.realtime_models.decoders.exported import engine_key, export_pictures
from latentcam.realtime_models.generator.layers import official
from tests.tiny import tiny_card, write_pack
from tests.torch_tensorrt_converters import CONVERTERS

# PyTorch 2.13's own tracing uses a name that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")


def lowered(exported: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Decompose as `torch_tensorrt.dynamo.lowering.get_decompositions` does by default."""
    registry = json.loads(CONVERTERS.read_text())

    def operators(names: list[str]) -> list[Any]:
        return [reduce(getattr, name.split("."), torch.ops) for name in names]

    kept = operators(registry["kept"])
    composite = _collect_all_valid_cia_ops_for_aten_namespace()
    table = {
        **get_decompositions(operators(registry["decomposed"])),
        **{op: _get_decomp_for_cia(op) for op in composite if op not in kept},
    }
    program: torch.export.ExportedProgram = exported.run_decompositions(table)
    return program


@pytest.mark.parametrize("name", ["tiny", "clear", "worn"])
@pytest.mark.parametrize("precision", ["fp16", "bf16", "f32"])
def test_torch_tensorrt_converts_every_operator(
    tiny_pack: AvatarPack,
    clear_pack: AvatarPack,
    worn_pack: AvatarPack,
    precision: str,
    name: str,
) -> None:
    packs = {"tiny": tiny_pack, "clear": clear_pack, "worn": worn_pack}
    registry, pack = json.loads(CONVERTERS.read_text()), packs[name]
    graph = lowered(export_pictures(pack, precision, 8, "cpu")).graph
    nodes = [
        node
        for node in graph.nodes
        if node.op == "call_function" and str(node.target) not in registry["erased"]
    ]
    names = {str(node.target) for node in nodes}
    assert {"aten.convolution.default", "aten.pixel_shuffle.default"} <= names
    assert ("aten.grid_sampler_2d.default" in names) == (name == "worn")
    missing = {name for name in names if not registry["converters"].get(name)}
    assert not missing, f"no converter that takes dynamic batches: {missing}"
    casts = [getattr(torch, name.removeprefix("torch.")) for name in registry["casts"]]
    for node in nodes:
        if str(node.target) == "aten._to_copy.default":
            assert node.kwargs["dtype"] in casts


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
def test_torch_tensorrt_converts_official_layers(tmp_path: Path, architecture: Any) -> None:
    config = official(
        z_dim=8, w_dim=12, mapping_layers=1, widths={4: 4, 8: 4, 16: 4},
        architecture=architecture, clamp=256.0,
    )  # fmt: skip
    pack = load_pack(str(write_pack(tmp_path / "official", tiny_card(generator=config))))
    registry = json.loads(CONVERTERS.read_text())
    graph = lowered(export_pictures(pack, "fp16", 8, "cpu")).graph
    names = {str(node.target) for node in graph.nodes if node.op == "call_function"}
    missing = {
        name for name in names - set(registry["erased"]) if not registry["converters"].get(name)
    }
    assert not missing, f"no converter that takes dynamic batches: {missing}"


def test_the_graph_takes_any_batch(tiny_pack: AvatarPack) -> None:
    config = tiny_pack.card.generator
    traced = export_pictures(tiny_pack, "f32", 8, "cpu").module()
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 8):
        ws = rng.standard_normal((count, config.num_ws, config.w_dim)).astype(np.float32)
        levels = traced(torch.from_numpy(ws)).numpy()
        difference = np.abs(levels - EagerDecoder(tiny_pack).decode(ws))
        assert levels.shape[0] == count and difference.max() <= 1


def test_an_engines_key_holds_all_that_it_depends_on(
    tiny_pack: AvatarPack, worn_pack: AvatarPack
) -> None:
    versions = {"torch": "2.14.0", "tensorrt": "11.1"}

    def key(pack: AvatarPack = tiny_pack, **changes: object) -> str:
        arguments = {"precision": "fp16", "max_batch": 8, "device": "X 9.0", "versions": versions}
        return engine_key(pack, **{**arguments, **changes})  # type: ignore[arg-type]

    other = load_pack(DEFAULT_PACK)
    files = msgspec.structs.replace(other.card.files, textures=None)
    trained = msgspec.structs.replace(tiny_pack.card, files=files)
    faces = msgspec.structs.replace(worn_pack.card.files, identities=other.card.files.identities)
    looks = msgspec.structs.replace(worn_pack.card.files, textures=other.card.files.textures)
    worn = [msgspec.structs.replace(worn_pack.card, files=each) for each in (faces, looks)]
    keys = [
        key(),
        key(worn_pack),
        *(key(replace(worn_pack, card=card)) for card in worn),
        key(other),
        key(replace(tiny_pack, card=trained)),
        key(precision="bf16"),
        key(max_batch=4),
        key(device="X 10.0"),
        key(versions={**versions, "tensorrt": "11.2"}),
    ]
    assert key() == key() and len(set(keys)) == len(keys)
