"""StyleGAN2 in PyTorch: mapping network and synthesis network, as a card lists its layers.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020
(https://arxiv.org/abs/1912.04958). Written for export: a modulated convolution scales its
inputs by the style, convolves with constant weights and demodulates its outputs, which equals
the paper's equations 1 and 3 without weights that depend on the data. In our own layers upsampling
is bilinear (the paper's [1, 3, 3, 1] filter, with edges continued) and follows the convolution; the
official ones convolve transposed, and beyond the edges is nothing. Noise is constant, if there is
any: one latent is one picture, always.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latentcam.realtime_models.generator.filters import upsampling_filter
from latentcam.realtime_models.generator.latents import (
    LRELU_GAIN,
    LRELU_SLOPE,
    Z_EPSILON,
    Tensors,
)
from latentcam.realtime_models.generator.layers import GeneratorConfig, MouthBox, SynthesisLayer
from latentcam.realtime_models.generator.textures import FLOW_UNIT, Textures

DEMOD_EPSILON = 1e-8


def load_part(module: nn.Module, tensors: Tensors, prefix: str) -> None:
    """A copy of the weights of a part of a `Generator`: of those whose names begin with prefix."""
    module.load_state_dict(
        {
            name.removeprefix(prefix): torch.tensor(tensor, dtype=torch.float32)
            for name, tensor in tensors.items()
            if name.startswith(prefix)
        }
    )


class MappingNetwork(nn.Module):
    """z ~ N(0, I) -> w: fully connected layers with leaky ReLU. See `MappingConfig`."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.official = config.mapping.kind == "official"
        dims = [config.z_dim] + [config.w_dim] * config.mapping.layers
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in zip(dims, dims[1:], strict=False))
        self.register_buffer("w_avg", torch.zeros(config.w_dim))
        self.w_avg: Tensor

    def forward(self, z: Tensor, truncation_psi: float = 1.0) -> Tensor:
        """z: float [N, z_dim]. Returns w: float [N, w_dim], drawn towards w_avg by psi < 1."""
        x = z
        if self.official:
            x = x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + Z_EPSILON)
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if self.official or index + 1 < len(self.layers):
                x = F.leaky_relu(x, LRELU_SLOPE) * LRELU_GAIN
        return self.w_avg.lerp(x, truncation_psi) if truncation_psi != 1.0 else x


class ModulatedConv(nn.Module):
    """One `SynthesisLayer`: style, convolution, demodulation, noise, bias, activation."""

    def __init__(self, layer: SynthesisLayer, w_dim: int) -> None:
        super().__init__()
        self.layer = layer
        fan_in = layer.in_channels * layer.kernel_size**2
        gain = 0.3 if layer.draws else 1.0
        self.weight = nn.Parameter(
            torch.randn(layer.out_channels, layer.in_channels, layer.kernel_size, layer.kernel_size)
            * (gain / math.sqrt(fan_in))
        )
        self.bias = nn.Parameter(torch.zeros(layer.out_channels))
        self.affine = nn.Linear(w_dim, layer.in_channels)
        nn.init.normal_(self.affine.weight, std=0.5 / math.sqrt(w_dim))
        nn.init.ones_(self.affine.bias)
        if layer.noise:
            self.register_buffer("noise", torch.randn(layer.resolution, layer.resolution))
            self.noise: Tensor
            self.noise_strength = nn.Parameter(torch.zeros(1))
        if layer.kind == "up_transposed":
            smooth = torch.from_numpy(upsampling_filter(layer.out_channels))
            self.register_buffer("filter", smooth, persistent=False)
            self.filter: Tensor
        self.register_buffer("energy", None, persistent=False)
        self.energy: Tensor | None

    def freeze(self, dtype: torch.dtype) -> None:
        """Convolve in dtype from now on; styles and demodulation stay in float32."""
        self.requires_grad_(False)
        self.energy = self.weight.square().sum(dim=(2, 3))
        self.weight.data, self.bias.data = self.weight.to(dtype), self.bias.to(dtype)
        if self.layer.noise:
            self.noise = (self.noise * self.noise_strength).to(dtype)
        if self.layer.kind == "up_transposed":
            self.filter = self.filter.to(dtype)
            self.weight.data = self.weight.transpose(0, 1).contiguous()  # as the operator wants it

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x: [N, I, h, w]; w: [N, w_dim]. Returns [N, O, H, W]."""
        return self.modulate(x, self.affine(w))

    def modulate(self, x: Tensor, style: Tensor) -> Tensor:
        """The same from a style of space S. x: [N or 1, I, h, w]; style: [N, I]."""
        if x.dtype == torch.float16 and not self.layer.draws:
            # Demodulation undoes the scale of a style: at most 1, it cannot overflow float16.
            style = style / style.abs().amax(dim=1, keepdim=True)
        x = x * style[:, :, None, None].to(x.dtype)
        if self.layer.kind == "up_transposed":
            kernel = self.weight.transpose(0, 1) if self.energy is None else self.weight
            x = F.conv_transpose2d(x, kernel, stride=2)  # 2h + 1
            x = F.conv2d(x, self.filter, padding=1, groups=self.layer.out_channels)
        else:
            x = F.conv2d(x, self.weight, padding=self.layer.kernel_size // 2)
        if self.layer.draws:
            return self.cut_off(x + self.bias[None, :, None, None].to(x.dtype))
        # [O, I]
        energy = self.weight.square().sum(dim=(2, 3)) if self.energy is None else self.energy
        demod = torch.rsqrt(style.square() @ energy.t() + DEMOD_EPSILON)  # [N, O]
        x = x * demod[:, :, None, None].to(x.dtype)
        if self.layer.kind == "up":
            x = upsample(x)
        if self.layer.noise:
            x = x + (self.noise * self.noise_strength if self.energy is None else self.noise)
        x = x + self.bias[None, :, None, None].to(x.dtype)
        return self.cut_off(F.leaky_relu(x, LRELU_SLOPE) * LRELU_GAIN)

    def cut_off(self, x: Tensor) -> Tensor:
        clamp = self.layer.clamp
        return x if clamp is None else x.clamp(-clamp, clamp)


class SkipConv(nn.Module):
    """The other way around a residual block, and where both meet: a `SynthesisLayer` "skip"."""

    def __init__(self, layer: SynthesisLayer) -> None:
        super().__init__()
        self.layer = layer
        weight = torch.randn(layer.out_channels, layer.in_channels, 1, 1)
        self.weight = nn.Parameter(weight / math.sqrt(layer.in_channels))

    def freeze(self, dtype: torch.dtype) -> None:
        """Convolve in dtype from now on."""
        self.requires_grad_(False)
        self.weight.data = self.weight.to(dtype)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """x: what the block gives, [N, O, 2h, 2w]; before: what it took, [N, I, h, w]."""
        y = upsample_filtered(F.conv2d(before, self.weight))
        if self.layer.clamp is not None:
            y = y.clamp(-self.layer.clamp, self.layer.clamp)
        return (x + y) * math.sqrt(0.5)


def upsample_filtered(x: Tensor) -> Tensor:
    """By the filter [1, 3, 3, 1], which is bilinear, zeros beyond the edges: [N, C, h, w] ->
    [N, C, 2h, 2w]."""
    return upsample(F.pad(x, (1, 1, 1, 1)))[:, :, 2:-2, 2:-2]


def upsample(x: Tensor) -> Tensor:
    """Bilinear, twice the size: [N, C, h, w] -> [N, C, 2h, 2w]."""
    y: Tensor = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return y


class Drawn(NamedTuple):
    """What the layers to RGB have drawn so far.

    picture: [N, channels, h, w]. visible: [N, textures, h, w], before its sigmoid; flow:
    [N, 2 * textures, f, f], x and y of each; both None of a generator without a flow.
    """

    picture: Tensor
    visible: Tensor | None = None
    flow: Tensor | None = None


class FaceTextures(nn.Module):
    """`Textures` as part of a network."""

    def __init__(self, textures: Textures) -> None:
        super().__init__()
        for name in ("pictures", "keys", "reach"):
            values = torch.from_numpy(getattr(textures, name).copy())
            self.register_buffer(name, values, persistent=False)
        self.pictures: Tensor
        self.keys: Tensor
        self.reach: Tensor

    def forward(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """w: [N, w_dim], the last rows of latents. Returns textures in [-1, 1], [N, C, rows, H],
        and their shares, [N, 1, 1, 1]."""
        distances = (w[:, None] - self.keys).square().sum(dim=2).sqrt()  # [N, n]
        index = distances.argmin(dim=1)
        share = (1 - distances.amin(dim=1) / self.reach.index_select(0, index)).clamp(0, 1)
        pictures = self.pictures.index_select(0, index).float() / 127.5 - 1
        return pictures, share[:, None, None, None]


class SynthesisNetwork(nn.Module):
    """Latent in W+ -> picture: every layer to RGB adds to the picture so far."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.const = nn.Parameter(torch.randn(1, config.layers[0].in_channels, 4, 4))
        self.convs = nn.ModuleDict(
            {
                layer.name: ModulatedConv(layer, config.w_dim)
                if layer.modulated
                else SkipConv(layer)
                for layer in config.layers
            }
        )
        self.textures: FaceTextures | None = None

    def freeze(self, dtype: torch.dtype) -> None:
        """For decoding only: features in dtype, constants computed once. See `ModulatedConv`."""
        self.requires_grad_(False)
        self.const.data = self.const.to(dtype)
        for module in self.convs.values():
            assert isinstance(module, ModulatedConv | SkipConv)
            module.freeze(dtype)

    def wear(self, textures: Textures | None) -> None:
        """Move these textures into every picture; None: draw without any."""
        self.textures = None if textures is None else FaceTextures(textures)

    def conv(self, layer: SynthesisLayer) -> ModulatedConv:
        module = self.convs[layer.name]
        assert isinstance(module, ModulatedConv)
        return module

    def styles(self, ws: Tensor) -> dict[str, Tensor]:
        """Space S (Wu et al. 2021, "StyleSpace Analysis"): layer name -> style [N, channels].

        ws: [N, num_ws, w_dim].
        """
        return {
            layer.name: self.conv(layer).affine(ws[:, layer.ws_index])
            for layer in self.config.layers
            if layer.modulated
        }

    def forward(self, ws: Tensor, stop: int | None = None) -> Tensor:
        """ws: [N, num_ws, w_dim]. Returns pictures [N, channels, resolution, resolution], about
        [-1, 1]; with alpha, the colours are multiplied by it.

        stop: end with a picture of this size, one of `config.picture_sizes`; None: the largest.
        """
        drawn = self.draw(ws, stop)
        if self.textures is None:
            return drawn.picture.float()
        pictures, share = self.textures(ws[:, self.config.num_ws - 1].float())
        return composed(self.config, drawn, pictures, share).picture

    def draw(self, ws: Tensor, stop: int | None = None) -> Drawn:
        """All that the layers draw, the textures apart. ws, stop: as in `forward`."""
        return self.from_styles(self.styles(ws), stop)

    def from_styles(self, styles: dict[str, Tensor], stop: int | None = None) -> Drawn:
        """What the layers draw, from space S."""
        x: Tensor = self.const
        before = x  # what the last layer took that doubles
        drawn: Drawn | None = None
        for layer in self.config.layers:
            if not layer.modulated:
                x = self.convs[layer.name](x, before)
                continue
            if layer.doubles:
                before = x
            y = self.conv(layer).modulate(x, styles[layer.name])
            if not layer.draws:
                x = y
                continue
            drawn = added(self.config, drawn, layer, y)
            if layer.resolution * layer.pixels == stop:
                break
        assert drawn is not None
        return drawn


def added(config: GeneratorConfig, drawn: Drawn | None, layer: SynthesisLayer, y: Tensor) -> Drawn:
    """What is drawn after a layer to RGB that gave y."""
    if layer.pixels > 1:
        y = F.pixel_shuffle(y, layer.pixels)
    size, filtered = y.shape[-1], layer.kind == "rgb_filtered"
    now = _parted(config, y)
    if drawn is None:
        return now
    picture = enlarged(drawn.picture, size, filtered) + now.picture
    if now.visible is None or drawn.visible is None or drawn.flow is None:
        return Drawn(picture)
    visible = enlarged(drawn.visible, size, filtered) + now.visible
    if now.flow is None:
        return Drawn(picture, visible, drawn.flow)
    return Drawn(picture, visible, enlarged(drawn.flow, size, filtered) + now.flow)


def _parted(config: GeneratorConfig, y: Tensor) -> Drawn:
    """Picture, visibility and flow out of the channels that a layer gives."""
    if not config.flow:
        return Drawn(y)
    seen = config.channels
    flows = seen + config.textures
    flow = y[:, flows:] if y.shape[1] > flows else None
    return Drawn(y[:, :seen], y[:, seen:flows], flow)


class Composed(NamedTuple):
    """A picture with its textures, and what they had to do with it. All float32.

    picture: [N, C, h, w]. moved: the same of the texture at rest, wherever it is visible; covered:
    how far it is, [N, 1, h, w]. mouth, mouth_covered: the same of the texture of the open mouth,
    inside of `box` (top, bottom, left, right in pixels); None where there is nothing of it.
    """

    picture: Tensor
    moved: Tensor
    covered: Tensor
    mouth: Tensor | None = None
    mouth_covered: Tensor | None = None
    box: tuple[int, int, int, int] = (0, 0, 0, 0)

    def alone(self) -> list[Tensor]:
        """What would be seen if the first texture covered all; and if the second did, too."""
        if self.mouth is None:
            return [self.moved]
        top, bottom, left, right = self.box
        there = self.mouth - self.moved[..., top:bottom, left:right]
        return [self.moved, self.moved + self._around(there)]

    def uncovered(self) -> Tensor:
        """[N, 1, h, w]: how far the network's own picture is seen."""
        left_over = 1 - self.covered
        if self.mouth_covered is None:
            return left_over
        top, bottom, left, right = self.box
        taken = left_over[..., top:bottom, left:right] * self.mouth_covered
        return left_over - self._around(taken)

    def _around(self, part: Tensor) -> Tensor:
        return _in_place(part, self.box, self.picture.shape)


def bare(drawn: Drawn) -> Composed:
    """A picture without textures."""
    picture = drawn.picture.float()
    return Composed(picture, picture, picture.new_zeros(len(picture), 1, *picture.shape[-2:]))


def composed(
    config: GeneratorConfig, drawn: Drawn, textures: Tensor, share: Tensor,
    begin: tuple[int, int] = (0, 0), width: int | None = None,
) -> Composed:  # fmt: skip
    """The picture, with its textures moved into it: of rest first, then of the open mouth.

    textures: [N, C, rows, H] in [-1, 1], H a multiple of the width. share: [N, 1, 1, 1].
    begin, width: where the drawn part begins in a whole picture, rows and columns in pixels, and
    how wide that is; by default it is the whole picture. The flow is as large as the part.
    """
    assert drawn.visible is not None and drawn.flow is not None
    picture = drawn.picture.float()
    high, wide = picture.shape[-2:]
    whole = wide if width is None else width
    textures = averaged(textures, whole)
    flow = 2 * FLOW_UNIT * enlarged(drawn.flow.float(), wide).permute(0, 2, 3, 1)
    covered = share * torch.sigmoid(drawn.visible.float())
    y = torch.arange(high, device=picture.device) + (0.5 + begin[0])
    x = torch.arange(wide, device=picture.device) + (0.5 + begin[1])
    rows, columns = torch.meshgrid(2 * y / whole - 1, 2 * x / whole - 1, indexing="ij")
    still = torch.stack([columns, rows], dim=2)
    moved = _sampled(textures[:, :, :whole], still + flow[..., :2])
    picture = picture + covered[:, :1] * (moved - picture)
    if config.mouth is None:
        return Composed(picture, moved, covered)
    top, bottom, left, right = config.mouth.edges(whole)
    box = (
        max(0, top - begin[0]), min(high, bottom - begin[0]),
        max(0, left - begin[1]), min(wide, right - begin[1]),
    )  # fmt: skip
    if box[0] >= box[1] or box[2] >= box[3]:  # beside the part
        return Composed(picture, moved, covered[:, :1])
    inside = (..., slice(*box[:2]), slice(*box[2:]))
    grid = (still + flow[..., 2:])[:, box[0] : box[1], box[2] : box[3]]
    x = (whole * (grid[..., 0] + 1) - left - right) / (right - left)  # -1 to 1 within the mouth
    y = (whole * (grid[..., 1] + 1) - top - bottom) / (bottom - top)
    mouth = _sampled(textures[:, :, whole:, left:right], torch.stack([x, y], dim=3))
    fading = torch.minimum(
        _fading(top, bottom, begin[0], box[:2], whole, picture.device)[:, None],
        _fading(left, right, begin[1], box[2:], whole, picture.device),
    )
    mouth_covered = covered[:, 1:][inside] * fading
    over = mouth_covered * (mouth - picture[inside])
    picture = picture + _in_place(over, box, picture.shape)
    return Composed(picture, moved, covered[:, :1], mouth, mouth_covered, box)


def _fading(
    low: int, high: int, begin: int, part: tuple[int, int], whole: int, device: torch.device
) -> Tensor:
    """[part]: how far a texture between two edges is seen, from 0 at both to 1 within
    `MouthBox.rim`. part: where it is, in pixels from `begin` on."""
    at = torch.arange(part[0], part[1], device=device) + (0.5 + begin)
    return (torch.minimum(at - low, high - at) / MouthBox.rim(whole)).clamp(max=1)


def _sampled(textures: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(
        textures, grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def _in_place(part: Tensor, box: tuple[int, int, int, int], shape: Sequence[int]) -> Tensor:
    """A part of pictures at its place, and zeros around it."""
    top, bottom, left, right = box
    return F.pad(part, (left, shape[-1] - right, top, shape[-2] - bottom))


def averaged(pictures: Tensor, width: int) -> Tensor:
    """Pictures, averaged down to a width where they are wider."""
    times = pictures.shape[-1] // width
    return F.avg_pool2d(pictures, times) if times > 1 else pictures


def enlarged(picture: Tensor, size: int, filtered: bool = False) -> Tensor:
    """Bilinear, step by step. filtered: as if zeros were beyond the edges."""
    while picture.shape[-1] < size:
        picture = upsample_filtered(picture) if filtered else upsample(picture)
    return picture


class Generator(nn.Module):
    """Mapping and synthesis, and the linear basis that moves the face: w_t = w + V x_t.

    axes: length of the control vector. V is learned with the network and is linear by
    construction; `motion_layers` are the first rows of W+ that it reaches.
    """

    def __init__(self, config: GeneratorConfig, axes: int, motion_layers: int) -> None:
        super().__init__()
        self.mapping = MappingNetwork(config)
        self.synthesis = SynthesisNetwork(config)
        self.motion_layers = motion_layers
        self.basis = nn.Parameter(
            torch.randn(1, config.w_dim, axes).repeat(motion_layers, 1, 1) * 0.3
        )

    def latents(self, z: Tensor, x: Tensor) -> Tensor:
        """z: [N, z_dim]; x: [N, axes]. Returns ws [N, num_ws, w_dim]."""
        w = self.mapping(z)
        num_ws = self.synthesis.config.num_ws
        moved = w[:, None] + torch.einsum("ldk,nk->nld", self.basis, x)
        rest = w[:, None].expand(-1, num_ws - self.motion_layers, -1)
        return torch.cat([moved, rest], dim=1)

    def forward(self, z: Tensor, x: Tensor, stop: int | None = None) -> Tensor:
        pictures: Tensor = self.synthesis(self.latents(z, x), stop)
        return pictures
