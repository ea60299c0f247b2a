"""An avatar pack: a folder with a JSON card and safetensors files, checked whole at the door.

    card.json                rates, dimensions, layers, axes, identities, licence, provenance
    generator.safetensors    mapping and synthesis network, basis
    motion.safetensors       the motion model
    identities.safetensors   the faces' latents
    light.safetensors        the light branch, if the pack has one
    textures.safetensors     the faces in full detail, if the generator draws a flow: one uint8
                             tensor for each, "0", "1" and so on, by `textures.packed`

The generator and the motion model may be borrowed: another pack then holds the file, and the card
identifies it by its digest. Weights may be stored as float16; they are float32 in memory. Nothing
here unpickles anything, and no file is read until its size is known to match the card.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from latentcam.realtime_models.card import (
    FORMAT,
    Card,
    Shapes,
    Weights,
    generator_shapes,
    identities_shapes,
    light_shapes,
    motion_shapes,
    numbers,
)
from latentcam.realtime_models.errors import AvatarPackError, in_one_line
from latentcam.realtime_models.generator.textures import Textures, textures_of, unpacked
from latentcam.realtime_models.pack_places import CARD, find_lender, find_pack

DEFAULT_PACK = "studio"
GENERATOR_FILE = "generator.safetensors"
MOTION_FILE = "motion.safetensors"
IDENTITIES_FILE = "identities.safetensors"
LIGHT_FILE = "light.safetensors"
TEXTURES_FILE = "textures.safetensors"

LARGEST_CARD = 2**20  # bytes
LARGEST_HEADER = 2**20  # bytes, of a safetensors file
LARGEST_WEIGHT = 65504.0  # what float16 holds; far beyond what any network needs
LEAST_STD = 1e-4  # of any feature that the motion model hears
DTYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}

Tensors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class AvatarPack:
    """A pack in memory. Its card's digests identify its tensors; whatever is compiled from them is
    cached under those digests.

    generator: tensors by their names in `generator.network.Generator`, plus
        `basis` float32 [num_ws, w_dim, k], the matrix V with one column per axis.
    identities: float32 [n, num_ws, w_dim], one latent per curated face.
    light: the tensors of the light branch, by their names in `generator.network.Generator`.
    textures: of the faces, in the size of the generator's picture.
    resolution: by which `--resolution` knows what the generator draws: see `resolutions`.
    """

    card: Card
    generator: Tensors
    motion: Tensors
    identities: NDArray[np.float32]
    resolution: str
    light: Tensors | None = None
    textures: Textures | None = None


def load_pack(avatar: str) -> AvatarPack:
    """Read and check a pack. Raises AvatarPackError with one sentence."""
    folder = find_pack(avatar)
    card = load_card(folder)

    def tensors(file: str, shapes: Shapes, weights: Weights) -> Tensors:
        return _load_tensors(weights_path(folder, card, file), shapes, weights)

    files, light, textures = card.files, None, None
    generator = tensors(GENERATOR_FILE, generator_shapes(card), files.generator)
    motion = tensors(MOTION_FILE, motion_shapes(card), files.motion)
    identities = tensors(IDENTITIES_FILE, identities_shapes(card), files.identities)["identities"]
    if files.light is not None:
        light = tensors(LIGHT_FILE, light_shapes(card), files.light)
    size = card.generator.resolution
    if files.textures is not None:
        pictures = _load_textures(weights_path(folder, card, TEXTURES_FILE), card, files.textures)
        textures = textures_of(pictures, identities, generator["mapping.w_avg"], size)
    return AvatarPack(card, generator, motion, identities, str(size), light, textures)


def load_card(folder: Path) -> Card:
    """Read and check a pack's card alone. Raises AvatarPackError with one sentence."""
    path = folder / CARD
    try:
        if path.stat().st_size > LARGEST_CARD:
            raise AvatarPackError(
                f"{path} has {path.stat().st_size} bytes, expected at most {LARGEST_CARD}"
            )
        text = path.read_bytes()
        found = msgspec.json.decode(text)
        if isinstance(found, dict) and found.get("format") == 1:
            raise AvatarPackError(
                f"{path} is of format 1, expected {FORMAT}: make the pack again with "
                "python -m latentcam.realtime_models.training.make_pack"
            )
        return msgspec.json.decode(text, type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AvatarPackError(in_one_line(f"{path}: {error}")) from None
    except OSError as error:
        raise AvatarPackError(f"{path} cannot be read: {error.strerror}") from None


def weights_path(folder: Path, card: Card, file: str) -> Path:
    """The path of one of a pack's files, which may be in another pack.

    Raises AvatarPackError if that pack is not here.
    """
    weights: Weights = getattr(card.files, file.removesuffix(".safetensors"))
    if weights.borrow is None:
        return folder / file
    lender = find_lender(folder, weights.borrow)
    if lender is None:
        raise AvatarPackError(
            f"{folder / CARD} borrows {file} from the pack {weights.borrow}, which is neither "
            f"beside it nor installed"
        )
    return lender / file


def pack_files(folder: Path) -> dict[str, Path]:
    """Name -> path of each file of a pack, with those that it borrows. Raises AvatarPackError."""
    card = load_card(folder)
    weights = [GENERATOR_FILE, MOTION_FILE, IDENTITIES_FILE]
    weights += [LIGHT_FILE] if card.files.light else []
    weights += [TEXTURES_FILE] if card.files.textures else []
    return {CARD: folder / CARD} | {name: weights_path(folder, card, name) for name in weights}


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load_tensors(path: Path, shapes: Shapes, weights: Weights) -> Tensors:
    content = _read(path, 4 * numbers(shapes))
    found = _found(path, content)
    got = {name: tuple(tensor["shape"]) for name, tensor in found.items()}
    for name in {**shapes, **got}:
        if got.get(name) != shapes.get(name):
            raise AvatarPackError(
                f"{path}: tensor {name} has shape {got.get(name, 'none: it is missing')}, "
                f"expected {shapes.get(name, 'no such tensor')}"
            )
    tensors = {}
    for name, shape in shapes.items():
        if (dtype := DTYPES.get(found[name]["dtype"])) is None:
            raise AvatarPackError(
                f"{path}: tensor {name} is {found[name]['dtype']}, expected {' or '.join(DTYPES)}"
            )
        stored: NDArray[Any] = np.frombuffer(found[name]["data"], dtype)
        tensors[name] = tensor = stored.reshape(shape).astype(np.float32)
        if not np.isfinite(tensor).all():
            raise AvatarPackError(f"{path}: tensor {name} holds NaN or infinity, expected numbers")
        if (largest := np.abs(tensor).max()) > LARGEST_WEIGHT:
            raise AvatarPackError(
                f"{path}: tensor {name} reaches {largest:g}, expected at most {LARGEST_WEIGHT:g}"
            )
        if name == "input.std" and tensor.min() < LEAST_STD:
            raise AvatarPackError(
                f"{path}: tensor {name} is {tensor.min():g}, expected at least {LEAST_STD:g}"
            )
        tensor.flags.writeable = False
    _check_digest(path, content, weights)
    return tensors


def _load_textures(path: Path, card: Card, weights: Weights) -> NDArray[np.uint8]:
    """uint8 [identities, *GeneratorConfig.texture_shape]."""
    count, shape = len(card.identities), card.generator.texture_shape
    pictures = np.empty((count, *shape), np.uint8)
    content = _read(path, pictures.nbytes + pictures.nbytes // 100)
    found = _found(path, content)
    if set(found) != {str(index) for index in range(count)}:
        raise AvatarPackError(
            f"{path} holds the tensors {', '.join(sorted(found)[:20])}, expected one for each of "
            f"the {count} identities, 0 to {count - 1}"
        )
    for name, tensor in found.items():
        if tensor["dtype"] != "U8":
            raise AvatarPackError(f"{path}: tensor {name} is {tensor['dtype']}, expected U8")
        try:
            pictures[int(name)] = unpacked(np.frombuffer(tensor["data"], np.uint8), shape)
        except ValueError as error:
            raise AvatarPackError(f"{path}: tensor {name}: {error}") from None
    _check_digest(path, content, weights)
    pictures.flags.writeable = False
    return pictures


def _found(path: Path, content: bytes) -> dict[str, dict[str, Any]]:
    """The tensors of a safetensors file by their names."""
    try:
        return dict(deserialize(content))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise AvatarPackError(f"{path} is not a safetensors file: {error}") from None


def _check_digest(path: Path, content: bytes, weights: Weights) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if weights.digest != digest:
        raise AvatarPackError(f"{path}: its SHA-256 is {digest}, the card expects {weights.digest}")


def _read(path: Path, count: int) -> bytes:
    """The whole file, if it is no larger than `count` bytes and a header."""
    if not path.is_file():
        raise AvatarPackError(f"{path} is missing")
    try:
        size = path.stat().st_size
        most = 8 + LARGEST_HEADER + count
        if size > most:
            raise AvatarPackError(
                f"{path} has {size} bytes, expected at most {most} for what the card says"
            )
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise AvatarPackError(f"{path} cannot be read: {error.strerror}") from None
