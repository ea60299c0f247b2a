"""The shape of a StyleGAN2 generator, as data: every decoder reads this list, none knows a rule.

A pack's card holds it, so that generators of other makes fit as well: with the up-convolutions,
the noise and the mapping of the official network, of another width in every layer, with alpha.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from latentcam.realtime_models.bounds import within

Kind = Literal["conv", "up", "up_transposed", "rgb", "rgb_filtered"]

MOST_LAYERS, MOST_ROWS = 64, 64
MOST_CHANNELS, LARGEST = 4096, 2048
MOST_FEATURES = 2**26  # numbers that a layer gives: 256 MB
MOST_WEIGHTS = 2**27  # of one layer
MOST_MACS = 3e11  # the official network for 1024x1024 has 7e10


class SynthesisLayer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One modulated convolution of the synthesis network.

    kind: what it does with the features so far, and whether they or the picture take its output:
        "conv"           3x3, as large as before
        "up"             3x3, then bilinear to twice the size, edges continued
        "up_transposed"  3x3 transposed, of stride 2, then the filter [1, 3, 3, 1]: as in the
                         official network
        "rgb"            1x1, no demodulation, no activation; the picture so far comes bilinearly
                         to its size, edges continued, and its output is added
        "rgb_filtered"   the same, with the filter [1, 3, 3, 1] and zeros beyond the edges
    resolution: of its output.
    ws_index: the row of the latent [num_ws, w_dim] that modulates it.
    noise: whether constant noise is added before bias and activation: a picture of it times a
        strength, both among the weights.
    """

    name: str
    kind: Kind
    in_channels: int
    out_channels: int
    resolution: int
    ws_index: int
    noise: bool = False

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
        if self.noise and self.draws:
            raise ValueError(f"layer {self.name} has noise, expected none in a layer to RGB")

    @property
    def draws(self) -> bool:
        """Whether its output belongs to the picture."""
        return self.kind in ("rgb", "rgb_filtered")

    @property
    def doubles(self) -> bool:
        """Whether its output is twice as large as its input."""
        return self.kind in ("up", "up_transposed")

    @property
    def kernel_size(self) -> int:
        return 1 if self.draws else 3

    @property
    def macs(self) -> int:
        """Multiply-accumulates of its convolution."""
        side = self.resolution // 2 if self.doubles else self.resolution
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


class GeneratorConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A generator with the names of the StyleGAN2 paper's code.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), skip
    architecture. resolution: of the picture. channels: 3 for RGB, 4 with alpha. layers: in order
    of execution, from a constant of 4x4. One parameter is ours: with `subpixel` = 2 the last
    to-RGB layer predicts 2x2 pixels per position (sub-pixel convolution, Shi et al. 2016), so that
    the widest convolutions run at half of `resolution`.
    """

    z_dim: int
    w_dim: int
    mapping: MappingConfig
    resolution: int
    layers: tuple[SynthesisLayer, ...]
    channels: Literal[3, 4] = 3
    subpixel: Literal[1, 2] = 1

    def __post_init__(self) -> None:
        within("generator: z_dim", self.z_dim, 1, MOST_CHANNELS)
        within("generator: w_dim", self.w_dim, 1, MOST_CHANNELS)
        within("generator: number of layers", len(self.layers), 2, MOST_LAYERS)
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ValueError(f"generator: layers are {names}, expected no name twice")
        self._check_sizes()
        within("generator: multiply-accumulates", self.macs, 1, MOST_MACS)

    def _check_sizes(self) -> None:
        """Every layer takes what the one before it gives, and the last one ends the picture."""
        channels, resolution, drawn = self.layers[0].in_channels, 4, 2
        for index, layer in enumerate(self.layers):
            size, out = resolution, layer.out_channels
            if layer.doubles:
                size = 2 * resolution
            elif layer.draws:
                size = drawn = 2 * drawn
                ends = index + 1 == len(self.layers)
                out = self.channels * (self.subpixel**2 if ends else 1)
            got = (layer.in_channels, layer.out_channels, layer.resolution)
            if got != (channels, out, size) or (layer.draws and size != resolution):
                raise ValueError(
                    f"layer {layer.name} takes {got[0]} channels and gives {got[1]} at {got[2]}, "
                    f"expected it to take {channels} and give {out} at {size}, features being "
                    f"at {resolution}"
                )
            if not layer.draws:
                channels, resolution = layer.out_channels, layer.resolution
        last = self.layers[-1]
        if not last.draws or last.resolution * self.subpixel != self.resolution:
            raise ValueError(
                f"the last layer is {last.kind} at {last.resolution}, expected one to RGB at "
                f"{self.resolution}/{self.subpixel}"
            )

    @property
    def num_ws(self) -> int:
        """Rows of a latent in W+."""
        return 1 + max(layer.ws_index for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one picture's convolutions."""
        return sum(layer.macs for layer in self.layers)


def stylegan2(
    *,
    z_dim: int,
    w_dim: int,
    mapping_layers: int,
    resolution: int,
    channel_base: int,
    channel_max: int,
    subpixel: int = 1,
) -> GeneratorConfig:
    """The generator that `training` trains, by the paper's rules: min(channel_base / resolution,
    channel_max) channels, and a to-RGB layer shares the row of the latent with the first
    convolution of the next block. Raises ValueError if there is none of this size.
    """
    top = resolution // subpixel if subpixel in (1, 2) else 0
    if top < 8 or top & (top - 1) or top * subpixel != resolution:
        raise ValueError(
            f"resolution is {resolution} with subpixel {subpixel}, expected a power of two >= 8 "
            "times 1 or 2"
        )

    def channels(size: int) -> int:
        return min(channel_base // size, channel_max)

    base = channels(4)
    layers = [
        SynthesisLayer("b4_conv", "conv", base, base, 4, 0),
        SynthesisLayer("b4_rgb", "rgb", base, 3, 4, 1),
    ]
    index, size = 1, 8
    while size <= top:
        below, here = channels(size // 2), channels(size)
        rgb = 3 * subpixel**2 if size == top else 3
        layers += [
            SynthesisLayer(f"b{size}_up", "up", below, here, size, index),
            SynthesisLayer(f"b{size}_conv", "conv", here, here, size, index + 1),
            SynthesisLayer(f"b{size}_rgb", "rgb", here, rgb, size, index + 2),
        ]
        index, size = index + 2, size * 2
    return GeneratorConfig(
        z_dim=z_dim,
        w_dim=w_dim,
        mapping=MappingConfig(mapping_layers),
        resolution=resolution,
        layers=tuple(layers),
        subpixel=2 if subpixel == 2 else 1,
    )
