"""How finely a pack can be drawn: by its generator, by the first part of it, by its light branch.

Each is again a pack, with the same faces and axes, whose generator is smaller; the latents of the
whole pack serve for all, since a smaller generator reads their first rows.
"""

from __future__ import annotations

import msgspec

from latentcam.realtime_models.avatar_pack import AvatarPack, Tensors
from latentcam.realtime_models.card import Card, light_generator
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.generator.textures import Textures, textures_of

AUTO, LARGEST = "auto", "largest"
LIGHT = "-light"


def resolutions(card: Card) -> tuple[str, ...]:
    """What `--resolution` may name, the finest first: pixels a side, as "512", and for the light
    branch with "-light" behind."""
    sizes = (card.generator.resolution, *card.smaller)
    light = (f"{card.light.resolution}{LIGHT}",) if card.light else ()
    return (*map(str, sizes), *light)


def side(resolution: str) -> int:
    """Pixels a side."""
    return int(resolution.removesuffix(LIGHT))


def drawn_at(pack: AvatarPack, resolution: str) -> AvatarPack:
    """The pack with as much of its generator as this resolution takes.

    Raises AvatarPackError if it has no such resolution.
    """
    card, there = pack.card, resolutions(pack.card)
    if resolution not in there:
        raise AvatarPackError(
            f"the pack {card.name} has no resolution {resolution[:40]!r}, expected "
            f"{' or '.join((*there, 'auto'))}"
        )
    if resolution == pack.resolution:
        return pack
    if resolution.endswith(LIGHT):
        assert card.light is not None and card.files.light is not None and pack.light is not None
        config, synthesis, weights = light_generator(card), pack.light, card.files.light
        int8, crowded = card.light.int8, card.light.int8_crowded
    else:
        config, synthesis, weights = (
            card.generator.up_to(int(resolution)), pack.generator, card.files.generator,
        )  # fmt: skip
        int8, crowded = _kept(card, config)
    rows = config.num_ws
    files = msgspec.structs.replace(card.files, generator=weights, light=None)
    if not config.flow:
        files = msgspec.structs.replace(files, textures=None)
    cutoff = card.truncation_cutoff
    return AvatarPack(
        msgspec.structs.replace(
            card, generator=config, files=files, int8=int8, int8_crowded=crowded, smaller=(),
            light=None, truncation_cutoff=None if cutoff is None else min(cutoff, rows),
        ),
        {**_mapping(pack, rows), **_of(config, synthesis)},
        pack.motion,
        pack.identities[:, :rows],
        resolution,
        textures=textures_for(pack, config),
    )  # fmt: skip


def textures_for(pack: AvatarPack, config: GeneratorConfig) -> Textures | None:
    """Those of the pack's faces, for the picture that a smaller generator draws."""
    if pack.textures is None or not config.flow:
        return None
    w_avg, identities = pack.generator["mapping.w_avg"], pack.identities[:, : config.num_ws]
    return textures_of(pack.textures.pictures, identities, w_avg, config.resolution)


def _kept(card: Card, config: GeneratorConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The layers for int8 that are left. The last convolution, which draws the finest detail unless
    that comes from textures, is one of them only while sessions share the decoder, as that of the
    whole generator."""
    last = [layer.name for layer in config.layers if not layer.draws and layer.modulated][-1]
    left = {layer.name for layer in config.layers}
    exact = set() if config.flow else {last}
    always = tuple(name for name in card.int8 if name in left and name not in exact)
    shared = (*card.int8, *card.int8_crowded)
    return always, tuple(name for name in shared if name in left and name not in always)


def _mapping(pack: AvatarPack, rows: int) -> Tensors:
    """What stands before the synthesis network."""
    kept = {name: tensor for name, tensor in pack.generator.items() if name.startswith("mapping.")}
    return {**kept, "basis": pack.generator["basis"][:rows]}


def _of(config: GeneratorConfig, tensors: Tensors) -> Tensors:
    """Those of a synthesis network with these layers."""
    names = {f"synthesis.convs.{layer.name}" for layer in config.layers}
    return {
        name: tensor
        for name, tensor in tensors.items()
        if name == "synthesis.const" or ".".join(name.split(".")[:3]) in names
    }
