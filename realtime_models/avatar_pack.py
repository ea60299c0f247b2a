"""An avatar pack: a folder with a JSON card and two safetensors files, checked whole at the door.

    card.json               rates, dimensions, axes, identities, licence, provenance
    generator.safetensors   mapping and synthesis network, basis, identities' latents
    motion.safetensors      the motion model

Weights may be stored as float16; they are float32 in memory. Nothing here unpickles anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.motion.lstm import weight_shapes
from latentcam.realtime_models.motion.model import MotionConfig

FORMAT = 1
PACKS = Path(__file__).parent / "packs"
DEFAULT_PACK = "studio"
INT8_RANGE = (-0.5, 1.0)  # leaky ReLUs reach farther up than down; a level of 256 is exactly 0

Tensors = Mapping[str, NDArray[np.float32]]


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The card of a pack. Nearly every field is required: a pack says where it comes from.

    articulation: factor on what the motion model says, 1 for the lips of the speakers it learned
        from; more reads better on a small picture.
    int8: names of the convolutions that a decoder may compute in int8; what they convolve lies
        within INT8_RANGE, but for rare peaks (`training.int8`).
    int8_crowded: those that it may as well when sessions share it, where a picture less fine is
        better than none.
    truncation_psi: how far a sampled identity is drawn towards the mean face (1: not at all).
    identities: names of the curated faces, in the order of the tensor `identities`.
    digests: SHA-256 of each weights file.
    """

    format: int
    name: str
    licence: str
    provenance: str
    consent: str
    retrain: tuple[str, ...]
    generator: GeneratorConfig
    int8: tuple[str, ...]
    int8_crowded: tuple[str, ...] = ()
    truncation_psi: float
    motion: MotionConfig
    articulation: float
    axes: tuple[Axis, ...]
    identities: tuple[str, ...]
    digests: dict[str, str]

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"format is {self.format}, expected {FORMAT}")
        if not 0.5 <= self.articulation <= 3.0:
            raise ValueError(f"articulation is {self.articulation}, expected 0.5 to 3")
        layers = [layer.name for layer in self.generator.layers]
        for field, layer_names in (("int8", self.int8), ("int8_crowded", self.int8_crowded)):
            if unknown := set(layer_names) - set(layers):
                raise ValueError(f"{field} names {sorted(unknown)}, which are not layers")
        names = [axis.name for axis in self.axes]
        for what, given in (("axes", names), ("identities", list(self.identities))):
            if not given or len(set(given)) != len(given):
                raise ValueError(f"{what} are {given}, expected at least one and no name twice")
        if unknown := set(self.motion.axes) - set(names):
            raise ValueError(f"the motion model moves {sorted(unknown)}, which are not axes")
        for axis in self.axes:
            if not axis.low <= 0.0 <= axis.high or axis.low == axis.high:
                raise ValueError(
                    f"axis {axis.name} spans {axis.low} to {axis.high}, expected a range around 0"
                )


@dataclass(frozen=True, slots=True)
class AvatarPack:
    """A pack in memory.

    generator: tensors by their names in `stylegan2.Generator`, plus
        `basis` float32 [num_ws, w_dim, k], the matrix V with one column per axis,
        `identities` float32 [n, num_ws, w_dim], one latent per curated face.
    """

    card: Card
    generator: Tensors
    motion: Tensors


def generator_shapes(card: Card) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that generator.safetensors must hold."""
    config = card.generator
    shapes: dict[str, tuple[int, ...]] = {
        "mapping.w_avg": (config.w_dim,),
        "synthesis.const": (1, config.channels(4), 4, 4),
        "basis": (config.num_ws, config.w_dim, len(card.axes)),
        "identities": (len(card.identities), config.num_ws, config.w_dim),
    }
    width = config.z_dim
    for index in range(config.mapping_layers):
        shapes[f"mapping.layers.{index}.weight"] = (config.w_dim, width)
        shapes[f"mapping.layers.{index}.bias"] = (config.w_dim,)
        width = config.w_dim
    for layer in config.layers:
        name = f"synthesis.convs.{layer.name}"
        size = layer.kernel_size
        shapes[f"{name}.weight"] = (layer.out_channels, layer.in_channels, size, size)
        shapes[f"{name}.bias"] = (layer.out_channels,)
        shapes[f"{name}.affine.weight"] = (layer.in_channels, config.w_dim)
        shapes[f"{name}.affine.bias"] = (layer.in_channels,)
    return shapes


def motion_shapes(card: Card) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that motion.safetensors must hold."""
    motion = card.motion
    return weight_shapes(motion.mel.mels, motion.hidden, motion.layers, len(motion.axes))


def find_pack(avatar: str) -> Path:
    """The folder of a pack: a folder's path, or the name of a pack that is installed."""
    for folder in (PACKS / avatar, Path(avatar)):
        if (folder / "card.json").is_file():
            return folder
    installed = ", ".join(sorted(path.parent.name for path in PACKS.glob("*/card.json")))
    raise AvatarPackError(
        f"avatar {avatar!r} is neither a folder with a card.json nor an installed pack "
        f"({installed or 'none'})"
    )


def load_pack(avatar: str) -> AvatarPack:
    """Read and check a pack. Raises AvatarPackError with one sentence."""
    folder = find_pack(avatar)
    path = folder / "card.json"
    try:
        card = msgspec.json.decode(path.read_bytes(), type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise AvatarPackError(f"{path}: {error}") from None
    return AvatarPack(
        card,
        _load_tensors(folder / "generator.safetensors", generator_shapes(card), card),
        _load_tensors(folder / "motion.safetensors", motion_shapes(card), card),
    )


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load_tensors(path: Path, shapes: Mapping[str, tuple[int, ...]], card: Card) -> Tensors:
    if not path.is_file():
        raise AvatarPackError(f"{path} is missing")
    try:
        with safe_open(path, framework="numpy") as file:
            got = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
            wrong = [name for name in {**shapes, **got} if got.get(name) != shapes.get(name)]
            if wrong:
                name = wrong[0]
                raise AvatarPackError(
                    f"{path}: tensor {name} has shape {got.get(name, 'none: it is missing')}, "
                    f"expected {shapes.get(name, 'no such tensor')}"
                )
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in shapes}
    except SafetensorError as error:
        raise AvatarPackError(f"{path} is not a safetensors file: {error}") from None
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise AvatarPackError(f"{path}: tensor {name} holds NaN or infinity, expected numbers")
        tensor.flags.writeable = False
    digest = sha256(path)
    if card.digests.get(path.name) != digest:
        raise AvatarPackError(
            f"{path}: its SHA-256 is {digest}, the card expects {card.digests.get(path.name)}"
        )
    return tensors
