"""The shape of a StyleGAN2 generator, without a framework: every decoder builds from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec


@dataclass(frozen=True, slots=True)
class SynthesisLayer:
    """One modulated convolution of the synthesis network.

    kind: "conv" (3x3 at `resolution`), "up" (3x3 at half of it, then bilinear 2x upsampling),
        "rgb" (1x1, no demodulation, no activation).
    ws_index: the row of the latent [num_ws, w_dim] that modulates it.
    """

    name: str
    kind: Literal["conv", "up", "rgb"]
    in_channels: int
    out_channels: int
    resolution: int
    ws_index: int

    @property
    def kernel_size(self) -> int:
        return 1 if self.kind == "rgb" else 3

    @property
    def macs(self) -> int:
        """Multiply-accumulates of its convolution."""
        side = self.resolution // 2 if self.kind == "up" else self.resolution
        return side**2 * self.kernel_size**2 * self.in_channels * self.out_channels


class GeneratorConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of the generator, with the names of the StyleGAN2 paper's code.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), skip
    architecture. One parameter is ours: with `subpixel` = 2 the last to-RGB layer predicts 2x2
    pixels per position (sub-pixel convolution, Shi et al. 2016), so that the widest convolutions
    run at half of `resolution`.
    """

    z_dim: int
    w_dim: int
    mapping_layers: int
    resolution: int
    channel_base: int
    channel_max: int
    subpixel: int = 1

    def __post_init__(self) -> None:
        for field in ("z_dim", "w_dim", "mapping_layers", "channel_base", "channel_max"):
            if getattr(self, field) < 1:
                raise ValueError(f"generator: {field} is {getattr(self, field)}, expected >= 1")
        if self.subpixel not in (1, 2):
            raise ValueError(f"generator: subpixel is {self.subpixel}, expected 1 or 2")
        top = self.resolution // self.subpixel
        if top < 8 or top & (top - 1) or top * self.subpixel != self.resolution:
            raise ValueError(
                f"generator: resolution is {self.resolution}, expected a power of two >= "
                f"{8 * self.subpixel}"
            )

    def channels(self, resolution: int) -> int:
        """Channels of the features at `resolution`."""
        return min(self.channel_base // resolution, self.channel_max)

    @property
    def layers(self) -> tuple[SynthesisLayer, ...]:
        """All layers in order of execution. As in StyleGAN2, a to-RGB layer shares the row of
        the latent with the first convolution of the next block."""
        base = self.channels(4)
        layers = [
            SynthesisLayer("b4_conv", "conv", base, base, 4, 0),
            SynthesisLayer("b4_rgb", "rgb", base, 3, 4, 1),
        ]
        top = self.resolution // self.subpixel
        index, resolution = 1, 8
        while resolution <= top:
            below, here = self.channels(resolution // 2), self.channels(resolution)
            rgb = 3 * self.subpixel**2 if resolution == top else 3
            block = f"b{resolution}"
            layers += [
                SynthesisLayer(f"{block}_up", "up", below, here, resolution, index),
                SynthesisLayer(f"{block}_conv", "conv", here, here, resolution, index + 1),
                SynthesisLayer(f"{block}_rgb", "rgb", here, rgb, resolution, index + 2),
            ]
            index, resolution = index + 2, resolution * 2
        return tuple(layers)

    @property
    def num_ws(self) -> int:
        """Rows of a latent in W+."""
        return self.layers[-1].ws_index + 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one picture's convolutions."""
        return sum(layer.macs for layer in self.layers)
