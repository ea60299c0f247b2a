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
from latentcam.realtime_models.generator.layers import GeneratorConfig, SynthesisLayer
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


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The weights of a pack. Identities and textures are always its own; the rest may be in another
    pack. light: of its light branch, if it has one. textures: of its faces, if its generator moves
    them into the picture."""

    generator: Weights
    motion: Weights
    identities: Weights
    light: Weights | None = None
    textures: Weights | None = None

    def __post_init__(self) -> None:
        if self.identities.borrow is not None:
            raise ValueError("identities are borrowed, expected a pack to have its own")
        if self.textures is not None and self.textures.borrow is not None:
            raise ValueError("textures are borrowed, expected a pack to have its own")


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


class Light(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A small synthesis network that draws the same faces from the same latents, of which it reads
    the first rows, for machines that are too slow for the generator. int8, int8_crowded: as a
    card's."""

    resolution: int
    layers: tuple[SynthesisLayer, ...]
    int8: tuple[str, ...] = ()
    int8_crowded: tuple[str, ...] = ()


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The card of a pack. Nearly every field is required: a pack must say where it comes from.

    provenance: what the pack was made of. consent: who is shown, and that they agreed.
    int8: names of the convolutions that a decoder may compute in int8; their inputs lie within
        INT8_RANGE except for rare peaks (`training.int8`).
    int8_crowded: further ones it may compute in int8 while sessions share it, when a slightly
        coarser picture is better than none.
    smaller: sizes of pictures, out of the generator's and below its resolution, that it was trained
        to draw as well: a decoder may end with them.
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
    smaller: tuple[int, ...] = ()
    light: Light | None = None
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
        sizes = self.generator.picture_sizes[:-1]
        if list(self.smaller) != sorted(set(self.smaller) & set(sizes), reverse=True):
            raise ValueError(
                f"smaller is {list(self.smaller)}, expected sizes out of {list(sizes)}, the "
                "largest first"
            )
        self._check_light()
        if self.files.textures is not None and not self.generator.flow:
            raise ValueError("files.textures is given, expected a generator with a flow beside it")
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

    def _check_light(self) -> None:
        if (self.light is None) != (self.files.light is None):
            raise ValueError(
                "light and files.light belong together, got only one of them: a network and its "
                "weights"
            )
        if self.light is None:
            return
        try:
            config = light_generator(self)
        except ValueError as error:
            raise ValueError(f"light: {error}") from None
        within("light: rows of the latent", config.num_ws, 1, self.generator.num_ws)
        layers = {layer.name for layer in config.layers}
        if unknown := {*self.light.int8, *self.light.int8_crowded} - layers:
            raise ValueError(f"light: int8 names {sorted(unknown)}, which are not layers")
        shapes = numbers(synthesis_shapes(config))
        within("numbers in the light branch", shapes, 1, MOST_WEIGHTS)


def light_generator(card: Card) -> GeneratorConfig:
    """The light branch as the whole of a generator. Raises ValueError if it is none."""
    assert card.light is not None
    resolution, layers = card.light.resolution, card.light.layers
    return msgspec.structs.replace(card.generator, resolution=resolution, layers=layers)


def generator_shapes(card: Card) -> Shapes:
    """Name and shape of every tensor that generator.safetensors must hold."""
    config = card.generator
    shapes = synthesis_shapes(config)
    shapes["mapping.w_avg"] = (config.w_dim,)
    shapes["basis"] = (config.num_ws, config.w_dim, len(card.axes))
    width = config.z_dim
    for index in range(config.mapping.layers):
        shapes[f"mapping.layers.{index}.weight"] = (config.w_dim, width)
        shapes[f"mapping.layers.{index}.bias"] = (config.w_dim,)
        width = config.w_dim
    return shapes


def light_shapes(card: Card) -> Shapes:
    """Name and shape of every tensor that light.safetensors must hold."""
    return synthesis_shapes(light_generator(card))


def synthesis_shapes(config: GeneratorConfig) -> Shapes:
    """Name and shape of every tensor of a synthesis network."""
    shapes: Shapes = {"synthesis.const": (1, config.layers[0].in_channels, 4, 4)}
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
