"""The shape of a StyleGAN2 generator, as data: decoders follow this list and add no rules.

A pack's card holds it, so that other kinds of generator fit as well: with the up-convolutions, the
noise and the mapping of the official network, with a different width in every layer, with alpha.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from latentcam.realtime_models.bounds import within

Kind = Literal["conv", "up", "up_transposed", "skip", "rgb", "rgb_filtered", "rgb_subpixels"]

MOST_LAYERS, MOST_ROWS = 64, 64
MOST_CHANNELS, LARGEST = 4096, 2048
MOST_FEATURES = 2**26  # numbers that a layer gives: 256 MB
MOST_WEIGHTS = 2**27  # of one layer
MOST_MACS = 3e11  # the official network for 1024x1024 has 7e10


class SynthesisLayer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One convolution of the synthesis network, modulated but for a "skip".

    kind: what it does with the features so far, and whether they or the picture take its output:
        "conv"           3x3, as large as before
        "up"             3x3, then bilinear to twice the size, edges continued
        "up_transposed"  3x3 transposed, of stride 2, then the filter [1, 3, 3, 1]: as in the
                         official network
        "skip"           1x1, of the features that the last layer took that doubles, scaled to
                         twice the size by the filter [1, 3, 3, 1]; the features so far become
                         their sum over the square root of 2: a residual block ends
        "rgb"            1x1, no demodulation, no activation; the picture so far comes bilinearly
                         to its size, edges continued, and its output is added
        "rgb_filtered"   the same, with the filter [1, 3, 3, 1] and zeros beyond the edges
        "rgb_subpixels"  as "rgb", with 2x2 pixels per position (sub-pixel convolution, Shi et al.
                         2016): a picture of twice the size at a quarter of the cost; ours
    resolution: of its features; of a layer to RGB, those that it reads.
    ws_index: the row of the latent [num_ws, w_dim] that modulates it; 0 for a "skip".
    noise: whether constant noise is added before bias and activation: a picture of it times a
        strength, both among the weights.
    clamp: what it gives, before it is added to anything, is cut off at this magnitude.
    """

    name: str
    kind: Kind
    in_channels: int
    out_channels: int
    resolution: int
    ws_index: int
    noise: bool = False
    clamp: float | None = None

    def __post_init__(self) -> None:
        if not (self.name.isascii() and self.name.isidentifier() and len(self.name) <= 64):
            raise ValueError(f"a layer is named {self.name[:64]!r}, expected letters, digits and _")
        for what, value, high in (
            ("in_channels", self.in_channels, MOST_CHANNELS),
            ("out_channels", self.out_channels, MOST_CHANNELS),
            ("resolution", self.resolution, LARGEST),
        ):
            within(f"layer {self.name}: {what}", value, 1, high)
        within(f"layer {self.name}: ws_index", self.ws_index, 0, MOST_ROWS - 1)
        features = self.resolution**2 * max(self.in_channels, self.out_channels)
        within(f"layer {self.name}: its output's numbers", features, 1, MOST_FEATURES)
        weights = self.kernel_size**2 * self.in_channels * self.out_channels
        within(f"layer {self.name}: its weights' number", weights, 1, MOST_WEIGHTS)
        if self.noise and (self.draws or self.kind == "skip"):
            raise ValueError(
                f"layer {self.name} has noise, expected none in a layer to RGB or skip"
            )
        if self.kind == "skip":
            within(f"layer {self.name}: ws_index of a skip", self.ws_index, 0, 0)
        if self.clamp is not None:
            within(f"layer {self.name}: clamp", self.clamp, 1e-3, 65504.0)

    @property
    def draws(self) -> bool:
        """Whether its output belongs to the picture."""
        return self.kind in ("rgb", "rgb_filtered", "rgb_subpixels")

    @property
    def doubles(self) -> bool:
        """Whether its output is twice as large as its input."""
        return self.kind in ("up", "up_transposed")

    @property
    def modulated(self) -> bool:
        """Whether a style scales its input."""
        return self.kind != "skip"

    @property
    def pixels(self) -> int:
        """Pixels per position, along a side, of a layer to RGB."""
        return 2 if self.kind == "rgb_subpixels" else 1

    @property
    def kernel_size(self) -> int:
        return 1 if self.draws or self.kind == "skip" else 3

    @property
    def macs(self) -> int:
        """Multiply-accumulates of its convolution."""
        halved = self.doubles or self.kind == "skip"
        side = self.resolution // 2 if halved else self.resolution
        return side**2 * self.kernel_size**2 * self.in_channels * self.out_channels


class MappingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mapping network, z -> w: fully connected layers, leaky ReLU between them.

    kind: "plain", or "official": z is normalised to mean square 1 first, and an activation follows
        the last layer, too.
    """

    layers: int
    kind: Literal["plain", "official"] = "plain"

    def __post_init__(self) -> None:
        within("mapping: layers", self.layers, 1, 16)


class MouthBox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a picture where the mouth is, however the head is turned, in 64ths of its side.
    All are multiples of 4, so that it ends between two pixels of every picture from 16x16 on."""

    top: int
    bottom: int
    left: int
    right: int

    def __post_init__(self) -> None:
        for what, low, high in (("top", 0, 60), ("bottom", self.top + 4, 64),
                                ("left", 0, 60), ("right", self.left + 4, 64)):  # fmt: skip
            within(f"mouth: {what}", getattr(self, what), low, high)
        if any(edge % 4 for edge in msgspec.structs.astuple(self)):
            raise ValueError(
                f"mouth: edges are {msgspec.structs.astuple(self)}, expected multiples of 4"
            )

    def edges(self, size: int) -> tuple[int, int, int, int]:
        """top, bottom, left, right in pixels of a picture of this size."""
        top, bottom, left, right = (e * size // 64 for e in msgspec.structs.astuple(self))
        return top, bottom, left, right

    @staticmethod
    def rim(size: int) -> float:
        """Within how many pixels of its edges the texture fades, so that no edge is seen."""
        return size / 32


class GeneratorConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A generator with the names of the StyleGAN2 paper's code.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), skip
    architecture. resolution: of the picture. channels: 3 for RGB; 4 with alpha, with which the
    colours are premultiplied. layers: in order of execution, from a constant of 4x4. After every
    layer to RGB there is a whole picture, of the size that `picture_sizes` gives.
    flow: 0; or the size of the picture up to which layers to RGB draw a flow as well, by which
    a texture of the face is moved into the picture: see `textures`. Behind the picture's channels
    every layer to RGB then gives another for how far the texture is visible, and up to this size
    two for the flow.
    mouth: the part of the picture, in 64ths of its side, into which a second texture of the face is
    moved likewise, that of its open mouth: behind the channel of the first texture then comes
    another, and behind its flow another two.
    """

    z_dim: int
    w_dim: int
    mapping: MappingConfig
    resolution: int
    layers: tuple[SynthesisLayer, ...]
    channels: Literal[3, 4] = 3
    flow: int = 0
    mouth: MouthBox | None = None

    def __post_init__(self) -> None:
        within("generator: z_dim", self.z_dim, 1, MOST_CHANNELS)
        within("generator: w_dim", self.w_dim, 1, MOST_CHANNELS)
        within("generator: number of layers", len(self.layers), 2, MOST_LAYERS)
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ValueError(f"generator: layers are {names}, expected no name twice")
        self._check_sizes()
        if self.flow and self.flow not in self.picture_sizes:
            raise ValueError(
                f"generator: flow is {self.flow}, expected 0 or one of the picture's sizes, "
                f"{', '.join(map(str, self.picture_sizes))}"
            )
        if self.mouth and not self.flow:
            raise ValueError("generator: mouth is given, expected a flow beside it")
        within("generator: multiply-accumulates", self.macs, 1, MOST_MACS)

    def _check_sizes(self) -> None:
        """Every layer takes what the one before it gives, and the last one ends the picture."""
        channels, resolution, drawn = self.layers[0].in_channels, 4, 0
        before: int | None = None  # channels of the features that the last layer took that doubles
        for layer in self.layers:
            size, out, taken = resolution, layer.out_channels, channels
            if layer.doubles:
                size, before = 2 * resolution, channels
            elif layer.draws:
                pixels = layer.pixels
                beside = self.textures * beside_texture(self.flow, size * pixels)
                out = (self.channels + beside) * pixels**2
            elif layer.kind == "skip":
                if before is None:
                    raise ValueError(
                        f"layer {layer.name} skips nothing, expected a doubling before"
                    )
                taken, out, before = before, channels, None
            got = (layer.in_channels, layer.out_channels, layer.resolution)
            if got != (taken, out, size):
                raise ValueError(
                    f"layer {layer.name} takes {got[0]} channels and gives {got[1]} at {got[2]}, "
                    f"expected it to take {taken} and give {out} at {size}"
                )
            if layer.draws:
                if drawn and size * layer.pixels not in (2 * drawn, 4 * drawn):
                    raise ValueError(
                        f"layer {layer.name} draws a picture of {size * layer.pixels}, expected "
                        f"twice or four times the {drawn} before it"
                    )
                drawn = size * layer.pixels
            else:
                channels, resolution = layer.out_channels, layer.resolution
        if not self.layers[-1].draws or drawn != self.resolution:
            raise ValueError(
                f"the last layer is {self.layers[-1].kind} and the picture has {drawn} pixels, "
                f"expected one to RGB and {self.resolution}"
            )

    def up_to(self, size: int) -> GeneratorConfig:
        """The part of it that draws a picture of this size, one of `picture_sizes`."""
        sizes = [layer.resolution * layer.pixels if layer.draws else 0 for layer in self.layers]
        layers = self.layers[: sizes.index(size) + 1]
        flow = min(size, self.flow)
        return msgspec.structs.replace(self, resolution=size, layers=layers, flow=flow)

    @property
    def textures(self) -> int:
        """How many textures of a face are moved into its picture: 0, 1 or 2."""
        return 0 if not self.flow else 2 if self.mouth else 1

    @property
    def texture_shape(self) -> tuple[int, int, int]:
        """[channels, rows, columns] of a face's texture; below the picture at rest is `mouth` of
        that with an open mouth, in its own columns, and nothing beside it."""
        top, bottom, *_ = self.mouth.edges(self.resolution) if self.mouth else (0, 0)
        return self.channels, self.resolution + bottom - top, self.resolution

    @property
    def picture_sizes(self) -> tuple[int, ...]:
        """Width of the picture after each layer to RGB; the last is `resolution`."""
        return tuple(layer.resolution * layer.pixels for layer in self.layers if layer.draws)

    @property
    def num_ws(self) -> int:
        """Rows of a latent in W+."""
        return 1 + max(layer.ws_index for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one picture's convolutions."""
        return sum(layer.macs for layer in self.layers)


def beside_texture(flow: int, size: int) -> int:
    """What a layer to RGB gives for every texture and each pixel of a picture of this size: how
    far it is visible, and its flow. See `GeneratorConfig`."""
    return 3 if size <= flow else 1


def stylegan2(
    *,
    z_dim: int,
    w_dim: int,
    mapping_layers: int,
    resolution: int,
    channel_base: int,
    channel_max: int,
    channels: Literal[3, 4] = 3,
    subpixels: int = 0,
    flow: int = 0,
    mouth: MouthBox | None = None,
) -> GeneratorConfig:
    """The generator that `training` trains, by the paper's rules: min(channel_base / resolution,
    channel_max) channels, and a to-RGB layer shares the row of the latent with the first
    convolution of the next block.

    subpixels: how many of the last blocks draw 2x2 pixels per position, so that the widest
    convolutions run at half of `resolution`. flow, mouth: see `GeneratorConfig`. Raises ValueError
    if there is none of this size.
    """
    top = resolution // 2 if subpixels else resolution
    if top < 8 or top & (top - 1) or top * (2 if subpixels else 1) != resolution:
        raise ValueError(
            f"resolution is {resolution}, expected a power of two of at least "
            f"{16 if subpixels else 8}"
        )

    textures = 0 if not flow else 2 if mouth else 1

    def width(size: int) -> int:
        return min(channel_base // size, channel_max)

    def to_rgb(size: int, index: int) -> SynthesisLayer:
        fine = size > top >> subpixels
        kind: Kind = "rgb_subpixels" if fine else "rgb"
        pixels = 2 if fine else 1
        out = (channels + textures * beside_texture(flow, size * pixels)) * pixels**2
        return SynthesisLayer(f"b{size}_rgb", kind, width(size), out, size, index)

    layers = [SynthesisLayer("b4_conv", "conv", width(4), width(4), 4, 0), to_rgb(4, 1)]
    index, size = 1, 8
    while size <= top:
        below, here = width(size // 2), width(size)
        layers += [
            SynthesisLayer(f"b{size}_up", "up", below, here, size, index),
            SynthesisLayer(f"b{size}_conv", "conv", here, here, size, index + 1),
            to_rgb(size, index + 2),
        ]
        index, size = index + 2, size * 2
    return GeneratorConfig(
        z_dim=z_dim,
        w_dim=w_dim,
        mapping=MappingConfig(mapping_layers),
        resolution=resolution,
        layers=tuple(layers),
        channels=channels,
        flow=flow,
        mouth=mouth,
    )


def light_branch(
    config: GeneratorConfig,
    *,
    resolution: int = 256,
    channel_base: int = 4096,
    channel_max: int = 256,
    subpixels: int = 1,
) -> GeneratorConfig:
    """A smaller generator for the same latents, 0.95 GMAC as it stands: see `stylegan2`. Raises
    ValueError if it would read more rows of them, or draw a larger picture."""
    light = stylegan2(
        z_dim=config.z_dim, w_dim=config.w_dim, mapping_layers=config.mapping.layers,
        resolution=resolution, channel_base=channel_base, channel_max=channel_max,
        channels=config.channels, subpixels=subpixels, flow=config.flow, mouth=config.mouth,
    )  # fmt: skip
    if light.num_ws > config.num_ws or resolution > config.resolution:
        raise ValueError(
            f"the light branch has {resolution} pixels a side and reads {light.num_ws} rows of a "
            f"latent, expected at most the generator's {config.resolution} and {config.num_ws}"
        )
    return msgspec.structs.replace(light, mapping=config.mapping)


def official(
    *,
    z_dim: int,
    w_dim: int,
    mapping_layers: int,
    widths: Mapping[int, int],
    architecture: Literal["skip", "resnet", "orig"] = "skip",
    noise: bool = True,
    clamp: float | None = None,
    channels: Literal[3, 4] = 3,
) -> GeneratorConfig:
    """The generator as the paper's authors build it, by the three names of its figure 7: a picture
    from every block ("skip"), residual blocks and one picture, or neither.

    widths: resolution -> channels, from 4 up in powers of two. Raises ValueError for other sizes.
    """
    sizes = sorted(widths)
    if len(sizes) < 2 or sizes != [4 << i for i in range(len(sizes))]:
        raise ValueError(f"resolutions are {sizes}, expected 4, 8 and so on, without a gap")
    layers: list[SynthesisLayer] = []

    def add(size: int, name: str, kind: Kind, width: int, out: int, index: int) -> None:
        noisy = noise and kind in ("conv", "up_transposed")
        layer = SynthesisLayer(f"b{size}_{name}", kind, width, out, size, index, noisy, clamp)
        layers.append(layer)

    index = 0
    for size in sizes:
        here = widths[size]
        if below := widths.get(size // 2):
            add(size, "up", "up_transposed", below, here, index)
            index += 1
        add(size, "conv", "conv", here, here, index)
        index += 1
        if below and architecture == "resnet":
            add(size, "skip", "skip", below, here, 0)
        if architecture == "skip" or size == sizes[-1]:
            add(size, "rgb", "rgb_filtered", here, channels, index)
    return GeneratorConfig(
        z_dim=z_dim,
        w_dim=w_dim,
        mapping=MappingConfig(mapping_layers, "official"),
        resolution=sizes[-1],
        layers=tuple(layers),
        channels=channels,
    )
