"""Avatar packs as folders: the one place where cards are written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import (
    GENERATOR_FILE,
    IDENTITIES_FILE,
    LIGHT_FILE,
    MOTION_FILE,
    TEXTURES_FILE,
    AvatarPack,
    Tensors,
    sha256,
)
from latentcam.realtime_models.card import Card, Files, Weights
from latentcam.realtime_models.generator.textures import packed
from latentcam.realtime_models.pack_places import CARD, find_lender
from latentcam.realtime_models.training.weights import save_weights
from latentcam.realtime_models.training.whole import whole

Precision = type[np.float16] | type[np.float32]


def write_generator(folder: Path, tensors: Tensors, dtype: Precision = np.float16) -> Weights:
    """Write generator.safetensors; what the card says of it."""
    return _write(folder / GENERATOR_FILE, tensors, dtype)


def write_motion(folder: Path, tensors: Tensors) -> Weights:
    """Write motion.safetensors; what the card says of it."""
    return _write(folder / MOTION_FILE, tensors, np.float16)


def write_identities(
    folder: Path, identities: NDArray[np.float32], dtype: Precision = np.float16
) -> Weights:
    """Write identities.safetensors; what the card says of it."""
    return _write(folder / IDENTITIES_FILE, {"identities": identities}, dtype)


def write_light(folder: Path, tensors: Tensors) -> Weights:
    """Write light.safetensors; what the card says of it."""
    return _write(folder / LIGHT_FILE, tensors, np.float16)


def write_textures(folder: Path, pictures: NDArray[np.uint8]) -> Weights:
    """Write textures.safetensors; what the card says of it. pictures: [identities,
    *GeneratorConfig.texture_shape], colours multiplied by alpha."""
    path = folder / TEXTURES_FILE
    save_weights({str(index): packed(picture) for index, picture in enumerate(pictures)}, path)
    return Weights(sha256(path))


def write_card(folder: Path, card: Card) -> None:
    """Write the card, whole or not at all."""
    with whole(folder / CARD) as part:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")


def borrowed(weights: Weights, lender: str) -> Weights:
    """The same file, in the pack `lender`, or in the one from which that borrows it."""
    return weights if weights.borrow else Weights(weights.digest, lender)


def write_with_motion_of(
    lender: AvatarPack,
    name: str,
    folder: Path,
    card: Card,
    tensors: Tensors,
    identities: NDArray[np.float32],
    dtype: Precision = np.float16,
    textures: NDArray[np.uint8] | None = None,
) -> Card:
    """Write a pack that speaks with the motion model of the pack `name`, lent where `folder` will
    find it, or else copied. What the card says of files is set here. textures: of its faces, if
    there are any."""
    folder.mkdir(parents=True, exist_ok=True)
    motion = borrowed(lender.card.files.motion, name)
    found = find_lender(folder, motion.borrow or name)
    if found is None or found.resolve() == folder.resolve():
        motion = write_motion(folder, lender.motion)
    files = Files(
        generator=write_generator(folder, tensors, dtype),
        motion=motion,
        identities=write_identities(folder, identities, dtype),
        textures=None if textures is None else write_textures(folder, textures),
    )
    card = msgspec.structs.replace(card, files=files)
    write_card(folder, card)
    return card


def unwritten(light: bool = False, textures: bool = False) -> Files:
    """What a card says of files that are not written yet. light: with those of a light branch;
    textures: with those of the faces."""
    nothing = Weights("0" * 64)
    return Files(
        nothing, nothing, nothing, nothing if light else None, nothing if textures else None
    )


def _write(path: Path, tensors: Tensors, dtype: Precision) -> Weights:
    """As float16, weights that were float16 before come out bit for bit the same."""
    save_weights({key: tensor.astype(dtype) for key, tensor in tensors.items()}, path)
    return Weights(sha256(path))
