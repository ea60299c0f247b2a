"""The picture network as a graph for a compiler, and the key under which its engine is kept."""

from __future__ import annotations

import inspect

import torch
from torch.export import Dim, ExportedProgram

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders import cache, pictures
from latentcam.realtime_models.decoders.pictures import PictureNetwork
from latentcam.realtime_models.generator import network as stylegan2
from latentcam.realtime_models.generator import textures


def export_pictures(
    pack: AvatarPack, precision: str, max_batch: int, device: str
) -> ExportedProgram:
    """Trace a `PictureNetwork` for 1 to max_batch >= 2 latents at a time.

    It ends in float32: Torch-TensorRT 2.14 converts no cast to uint8.
    """
    config = pack.card.generator
    network = PictureNetwork(pack, precision).to(device)
    example = torch.zeros(2, config.num_ws, config.w_dim, device=device)
    batch = Dim("batch", min=1, max=max_batch)
    return torch.export.export(network, (example,), dynamic_shapes=({0: batch},))


def engine_key(
    pack: AvatarPack, precision: str, max_batch: int, device: str, versions: dict[str, str]
) -> str:
    """A file name that changes with everything an engine depends on.

    device: the GPU's name and compute capability. versions: package -> version.
    """
    code = "".join(inspect.getsource(module) for module in (stylegan2, pictures, textures))
    files = pack.card.files
    # What textures are moved, and by which faces they are found, becomes a part of the engine.
    worn = [] if files.textures is None else [files.textures.digest, files.identities.digest]
    return cache.cache_key(
        {
            "weights": files.generator.digest,
            "textures": worn,
            "generator": repr(pack.card.generator),
            "precision": precision,
            "batch": max_batch,
            "device": device,
            "versions": repr(sorted(versions.items())),
            "code": code,
        }
    )
