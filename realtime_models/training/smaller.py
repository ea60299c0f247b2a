"""Let a pack's smaller pictures show as much of its textures as the largest ones do.

`python -m latentcam.realtime_models.training.smaller --avatar PACK`

How far textures are visible is added up by the layers to RGB (docs/packs.md#textures), and most of
it may be the last one's: a smaller picture, which ends before, then shows half of what the pack's
pictures of the faces hold, and looks soft. Here the layer that a smaller picture ends with learns
to say as much by itself, and the next to say as much less; nothing else of the network changes. It
takes some minutes on a CPU, and is done once for a new generator: generator.safetensors changes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.generator.layers import GeneratorConfig, SynthesisLayer
from latentcam.realtime_models.generator.network import SynthesisNetwork, composed
from latentcam.realtime_models.pack_places import find_pack
from latentcam.realtime_models.training.enrol.network import PREFIX, Teacher, autocast, synthesis_of
from latentcam.realtime_models.training.generator.losses import (
    MOUTH,
    psnr,
    reconstruction,
    region_weight,
    sharpness,
)
from latentcam.realtime_models.training.generator.train import even_visibility, keep_freed_memory
from latentcam.realtime_models.training.write_pack import write_card, write_generator

BATCH, STEPS = 4, 150
LR_WEIGHT, LR_MOVED = 0.01, 0.1
LARGEST_WEIGHT = 2.0  # of the largest picture, which is to stay as it is
HELD_OUT = 12  # pictures


def drawing(config: GeneratorConfig, size: int) -> tuple[SynthesisLayer, SynthesisLayer]:
    """The layer that pictures of a size end with, and the next that draws."""
    draws = [layer for layer in config.layers if layer.draws]
    sizes = [layer.resolution * layer.pixels for layer in draws]
    return draws[sizes.index(size)], draws[sizes.index(size) + 1]


def visibility_rows(config: GeneratorConfig, layer: SynthesisLayer) -> slice:
    """Of a layer's outputs, those that say how far textures are visible."""
    own = layer.pixels**2
    return slice(config.channels * own, (config.channels + config.textures) * own)


def matched(
    pack: AvatarPack, size: int, steps: int = STEPS, told: Callable[[str], None] = print
) -> dict[str, NDArray[np.float32]]:
    """generator.safetensors' tensors with which pictures of `size` look like the largest ones,
    averaged down to it; the largest stay as they were.

    Raises ValueError if the pack has no textures, or does not draw that size.
    """
    config = pack.card.generator
    if not config.flow or pack.textures is None:
        raise ValueError(f"the pack {pack.card.name} has no textures, expected one that has")
    if size not in config.picture_sizes[:-1]:
        raise ValueError(
            f"the pack {pack.card.name} draws {', '.join(map(str, config.picture_sizes))} pixels "
            f"a side, expected one of the smaller ones, got {size}"
        )
    teacher = Teacher(pack)
    network = synthesis_of(pack)
    layers = drawing(config, size)
    weight, bias = (
        [getattr(network.conv(layer), part).requires_grad_(True) for layer in layers]
        for part in ("weight", "bias")
    )
    rows = [visibility_rows(config, layer) for layer in layers]
    before = [one.detach().clone() for one in bias]
    moved = torch.zeros(config.textures)  # of the biases, from the second layer to the first
    optimiser = torch.optim.Adam(
        [
            {"params": weight, "rate": LR_WEIGHT},
            {"params": [moved], "rate": LR_MOVED},
        ],
        betas=(0.8, 0.99),
    )
    weights = {one: region_weight(one) for one in (size, config.resolution)}
    rng = np.random.default_rng(0)

    def seen(of: SynthesisNetwork, ws: Tensor, stop: int) -> Tensor:
        assert teacher.textures is not None
        with autocast(teacher.device):
            drawn = of.draw(ws, stop)
        return composed(config, drawn, *teacher.textures(ws[:, -1])).picture

    def latents(count: int) -> Tensor:
        anchors = teacher.anchors[torch.from_numpy(rng.integers(0, len(teacher.anchors), count))]
        return teacher.latents(anchors, teacher.random_x(count, rng))

    def averaged(pictures: Tensor) -> Tensor:
        return F.interpolate(pictures, size=(size, size), mode="area")

    held = latents(HELD_OUT)

    @torch.no_grad()
    def judged() -> str:
        wanted = torch.cat([seen(teacher.synthesis, ws, config.resolution) for ws in held.split(4)])
        small, large = (
            torch.cat([seen(network, ws, stop) for ws in held.split(4)])
            for stop in (size, config.resolution)
        )
        aim = averaged(wanted)
        return (
            f"{size}: {psnr(small, aim):.2f} dB, mouth {psnr(small, aim, MOUTH):.2f} dB, detail "
            f"{sharpness(small, aim, (0.0, 1.0, 0.0, 1.0)):.2f}; {config.resolution}: "
            f"{psnr(large, wanted):.2f} dB to what it was"
        )

    told(judged())
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * min(1.0, 2 * (1 - step / steps) + 0.05)
        ws = latents(BATCH)
        with torch.no_grad():
            wanted = seen(teacher.synthesis, ws, config.resolution)
        loss = reconstruction(seen(network, ws, size), averaged(wanted), weights[size])
        large = seen(network, ws, config.resolution)
        loss = loss + LARGEST_WEIGHT * reconstruction(large, wanted, weights[config.resolution])
        optimiser.zero_grad()
        loss.backward()
        for one, some in zip(weight, rows, strict=True):
            assert one.grad is not None
            own = one.grad[some].clone()
            one.grad.zero_()
            one.grad[some] = own
        moved.grad = torch.zeros_like(moved)
        for one, some, sign in zip(bias, rows, (1, -1), strict=True):
            assert one.grad is not None
            moved.grad += sign * one.grad[some].reshape(config.textures, -1).sum(dim=1)
            one.grad = None
        optimiser.step()
        with torch.no_grad():
            for one, some, sign, was in zip(bias, rows, (1, -1), before, strict=True):
                each = (some.stop - some.start) // config.textures
                one[some] = was[some] + sign * moved.repeat_interleave(each)
            even_visibility(network)
        if (step + 1) % 50 == 0 or step + 1 == steps:
            told(f"step {step + 1}: {judged()}")
    tensors = {name: tensor.copy() for name, tensor in pack.generator.items()}
    for name, value in network.state_dict().items():
        tensors[PREFIX + name] = value.float().numpy()
    return tensors


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", required=True, help="name or folder of the pack to change")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"default: {STEPS}")
    args = parser.parse_args(argv)
    keep_freed_memory()
    try:
        pack, folder = load_pack(args.avatar), find_pack(args.avatar)
        if not pack.card.smaller:
            parser.error(f"the pack {pack.card.name} has one size only, expected `smaller` ones")
        for size in pack.card.smaller:
            pack = replace(pack, generator=matched(pack, size, args.steps))
    except (AvatarPackError, ValueError) as error:
        parser.error(str(error))
    files = msgspec.structs.replace(
        pack.card.files, generator=write_generator(folder, pack.generator)
    )
    write_card(folder, msgspec.structs.replace(pack.card, files=files))


if __name__ == "__main__":
    main()
