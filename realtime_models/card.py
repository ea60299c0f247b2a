"""The card of an avatar pack, format 2: `docs/packs.md` describes it field by field.

Everything a card says is checked when it is constructed: every number has bounds and every name
refers to something, so whatever is built from it afterwards fits into a computer's memory.
"""

from __future__ import annotations

import math
import re

import msgspec

from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.bounds import within
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.motion.lstm import weight_shapes
from latentcam.realtime_models.motion.model import MotionConfig

FORMAT = 2
INT8_RANGE = (-0.5, 1.0)  # leaky ReLUs reach farther up than down; one of the 256 levels is 0
MOST_WEIGHTS = 2**28  # numbers in one file: 1 GiB in memory
PACK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@_.-]{0,63}")
DIGEST = re.compile(r"[0-9a-f]{64}")

Shapes = dict[str, tuple[int, ...]]


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file of weights.

    digest: SHA-256 of the whole file, in hexadecimal.
    borrow: name of the pack that holds the file, if this one does not.
    """

    digest: str
    borrow: str | None = None

    def __post_init__(self) -> None:
        if not DIGEST.fullmatch(self.digest):
            raise ValueError(f"digest is {self.digest[:80]!r}, expected 64 digits of 0-9, a-f")
        if self.borrow is not None and not PACK_NAME.fullmatch(self.borrow):
            raise ValueError(f"borrow is {self.borrow[:80]!r}, expected the name of a pack")


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weights of a pack. Identities are always its own; the rest may be in another pack."""

    generator: Weights
    motion: Weights
    identities: Weights

    def __post_init__(self) -> None:
        if self.identities.borrow is not None:
            raise ValueError("identities are borrowed, expected a pack to have its own")


class Drive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One axis of the motion model moves one axis of the face, `gain` times as far."""

    motion: str
    axis: str
    gain: float = 1.0

    def __post_init__(self) -> None:
        within(f"gain of {self.motion[:64]} on {self.axis[:64]}", self.gain, -1000.0, 1000.0)


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this pack's face follows its motion model.

    articulation: factor on everything the motion model outputs; 1 gives the lips of the speakers
        it was trained on, and more reads better on a small picture.
    drives: what moves what; several may move one axis, and their effects add up. None in a pack
        whose axes have no names yet: its lips rest.
    """

    articulation: float
    drives: tuple[Drive, ...]

    def __post_init__(self) -> None:
        within("articulation", self.articulation, 0.5, 3.0)
        within("number of drives", len(self.drives), 0, 1000)

    @classmethod
    def straight(cls, articulation: float, axes: tuple[str, ...]) -> Calibration:
        """Each motion axis drives the face's axis of its own name, in the same unit."""
        return cls(articulation, tuple(Drive(name, name) for name in axes))


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The card of a pack. Nearly every field is required: a pack must say where it comes from.

    provenance: what the pack was made of. consent: who is shown, and that they agreed.
    int8: names of the convolutions that a decoder may compute in int8; their inputs lie within
        INT8_RANGE except for rare peaks (`training.int8`).
    int8_crowded: further ones it may compute in int8 while sessions share it, when a slightly
        coarser picture is better than none.
    truncation_psi: how far a sampled identity is pulled towards the mean face (1: not at all).
    truncation_cutoff: how many rows of its latent, from the coarsest; None: all.
    axes: of the control vector, in the order of the tensor `basis`.
    identities: names of the curated faces, in the order of the tensor `identities`.
    """

    format: int
    name: str
    licence: str
    provenance: str
    consent: str
    retrain: tuple[str, ...]
    files: Files
    generator: GeneratorConfig
    int8: tuple[str, ...]
    int8_crowded: tuple[str, ...] = ()
    truncation_psi: float
    truncation_cutoff: int | None = None
    axes: tuple[Axis, ...]
    motion: MotionConfig
    calibration: Calibration
    identities: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"format is {self.format}, expected {FORMAT}")
        if not PACK_NAME.fullmatch(self.name):
            raise ValueError(
                f"name is {self.name[:80]!r}, expected at most 64 letters, digits, _ . @ or -"
            )
        for field in ("licence", "provenance", "consent"):
            if not getattr(self, field).strip():
                raise ValueError(f"{field} is empty, expected words that say it")
        within("truncation_psi", self.truncation_psi, 0.0, 1.0)
        if self.truncation_cutoff is not None:
            within("truncation_cutoff", self.truncation_cutoff, 0, self.generator.num_ws)
        layers = {layer.name for layer in self.generator.layers}
        for field, layer_names in (("int8", self.int8), ("int8_crowded", self.int8_crowded)):
            if unknown := set(layer_names) - layers:
                raise ValueError(f"{field} names {sorted(unknown)}, which are not layers")
        names = [axis.name for axis in self.axes]
        within("number of axes", len(names), 1, 256)
        within("number of identities", len(self.identities), 1, 1000)
        for what, given in (("axes", names), ("identities", list(self.identities))):
            if len({name.casefold() for name in given}) != len(given):
                raise ValueError(f"{what} are {given}, expected no name twice")
        for name in self.identities:
            if not (name.isprintable() and name.strip() and len(name) <= 64):
                raise ValueError(f"an identity is named {name[:64]!r}, expected 1 to 64 letters")
        for drive in self.calibration.drives:
            if drive.motion not in self.motion.axes or drive.axis not in names:
                raise ValueError(
                    f"{drive.motion[:64]} drives {drive.axis[:64]}, expected an axis of the motion "
                    "model and one of the face"
                )
        for part, shapes in (
            ("generator", generator_shapes(self)),
            ("motion model", motion_shapes(self)),
            ("identities", identities_shapes(self)),
        ):
            within(f"numbers in the {part}", numbers(shapes), 1, MOST_WEIGHTS)


def generator_shapes(card: Card) -> Shapes:
    """Name and shape of every tensor that generator.safetensors must hold."""
    config = card.generator
    shapes: Shapes = {
        "mapping.w_avg": (config.w_dim,),
        "synthesis.const": (1, config.layers[0].in_channels, 4, 4),
        "basis": (config.num_ws, config.w_dim, len(card.axes)),
    }
    width = config.z_dim
    for index in range(config.mapping.layers):
        shapes[f"mapping.layers.{index}.weight"] = (config.w_dim, width)
        shapes[f"mapping.layers.{index}.bias"] = (config.w_dim,)
        width = config.w_dim
    for layer in config.layers:
        name = f"synthesis.convs.{layer.name}"
        size = layer.kernel_size
        shapes[f"{name}.weight"] = (layer.out_channels, layer.in_channels, size, size)
        if not layer.modulated:
            continue
        shapes[f"{name}.bias"] = (layer.out_channels,)
        shapes[f"{name}.affine.weight"] = (layer.in_channels, config.w_dim)
        shapes[f"{name}.affine.bias"] = (layer.in_channels,)
        if layer.noise:
            shapes[f"{name}.noise"] = (layer.resolution, layer.resolution)
            shapes[f"{name}.noise_strength"] = (1,)
    return shapes


def motion_shapes(card: Card) -> Shapes:
    """Name and shape of every tensor that motion.safetensors must hold."""
    motion = card.motion
    return weight_shapes(motion.mel.mels, motion.hidden, motion.layers, len(motion.axes))


def identities_shapes(card: Card) -> Shapes:
    """Name and shape of the one tensor of identities.safetensors."""
    config = card.generator
    return {"identities": (len(card.identities), config.num_ws, config.w_dim)}


def numbers(shapes: Shapes) -> int:
    """How many numbers tensors of these shapes hold."""
    return sum(math.prod(shape) for shape in shapes.values())
