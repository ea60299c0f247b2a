"""OpenVINO on a CPU: the graph is built straight from the pack's weights, without PyTorch."""

from __future__ import annotations

import inspect
import io
import logging
import math
import platform
import sys
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.card import INT8_RANGE
from latentcam.realtime_models.decoders.base import Decode, joined
from latentcam.realtime_models.decoders.cache import cache_folder, cache_key, load, store
from latentcam.realtime_models.decoders.openvino_silent import Node, op, ov
from latentcam.realtime_models.errors import BackendUnavailable, lacks_memory
from latentcam.realtime_models.generator.filters import upsampling_filter
from latentcam.realtime_models.generator.latents import LRELU_GAIN, LRELU_SLOPE
from latentcam.realtime_models.generator.layers import GeneratorConfig, MouthBox, SynthesisLayer
from latentcam.realtime_models.generator.textures import FLOW_UNIT

logger = logging.getLogger(__name__)

Box = tuple[int, int, int, int]
"""top, bottom, left, right in pixels."""

DEMOD_EPSILON = 1e-8


class OpenVinoDecoder:
    """The synthesis network on the CPU.

    precision: "f32"; "bf16"; "int8", which computes the pack's `Card.int8` in int8 and the rest
    in bfloat16 where the CPU has units for it, else in float32; or "auto": int8 on an x86, where
    the pack allows it. lanes: how many share the cores; in a lane no core waits for another after
    every layer, and the layers of `Card.int8_crowded` are int8 as well.
    What OpenVINO compiled is kept in the user's cache folder with a digest, under a key of all that
    it depends on; if it is damaged, it is compiled again. OpenVINO's own cache would use it as it
    is, and show another picture.
    """

    def __init__(
        self,
        pack: AvatarPack,
        precision: str = "auto",
        lanes: int = 0,
    ) -> None:
        core, card = ov.Core(), pack.card
        capable = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        widest = "bf16" if capable else "f32"
        if precision == "auto":
            precision = "int8" if x86() and card.int8 else widest
        int8 = card.int8 if precision == "int8" else ()
        if precision == "int8" and not int8:
            raise BackendUnavailable(
                f"decoder openvino-int8: the pack {card.name} names no layers for int8, "
                "openvino-bf16 and openvino-f32 decode it"
            )
        hint = widest if int8 else precision
        kind = f"int8 and {hint}" if int8 else hint
        self.description = f"openvino ({kind}, {core.get_property('CPU', 'FULL_DEVICE_NAME')})"
        options: dict[str, str | int] = {
            "INFERENCE_PRECISION_HINT": hint,
            "PERFORMANCE_HINT": "LATENCY",
        }
        alone = _compiled(core, pack, int8, options)
        self._decode = _Request(alone, pack).decode
        self.resolution = pack.resolution
        self.lanes: tuple[Decode, ...] = ()
        if lanes > 1:
            crowded = (*int8, *card.int8_crowded) if int8 else ()
            shared = _compiled(core, pack, crowded, {**options, "NUM_STREAMS": lanes})
            self.lanes = tuple(_Request(shared, pack).decode for _ in range(lanes))

    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        return self._decode(ws)


def _compiled(
    core: ov.Core, pack: AvatarPack, int8: Collection[str], options: Mapping[str, str | int]
) -> ov.CompiledModel:
    """The model for this CPU, from the cache where it is there and whole."""
    folder = cache_folder("openvino")
    key = cache_key(
        {
            "weights": pack.card.files.generator.digest,
            "generator": repr(pack.card.generator),
            "textures": pack.textures is not None,
            "int8": sorted(int8),
            "options": repr(sorted(options.items())),
            "device": core.get_property("CPU", "FULL_DEVICE_NAME"),
            "capabilities": sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
            "version": ov.__version__,
            "code": inspect.getsource(sys.modules[__name__]),
        }
    )
    if (blob := load(folder, key)) is not None:
        try:
            return core.import_model(io.BytesIO(blob), "CPU", dict(options))
        except RuntimeError as error:
            if lacks_memory(error):
                raise
            said = str(error).strip().splitlines()[-1]
            logger.warning("compiling again, OpenVINO cannot read what it kept: %s", said)
    compiled = core.compile_model(build_model(pack, int8), "CPU", dict(options))
    if folder is not None:
        exported = io.BytesIO()
        compiled.export_model(exported)  # what it returns is of another type in 2025.0
        store(folder, key, exported.getvalue())
    return compiled


class _Request:
    """One that infers, with the texture that it was given last."""

    def __init__(self, model: ov.CompiledModel, pack: AvatarPack) -> None:
        self._request, self._rows = model.create_infer_request(), pack.card.generator.num_ws
        self._textures, self._worn = pack.textures, -1
        self._mouth: Box | None = None  # where the second output belongs
        config = pack.card.generator
        if config.mouth and pack.textures:
            self._mouth = config.mouth.edges(config.resolution)

    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        latents = np.ascontiguousarray(ws[:, : self._rows])
        return joined([self._picture(w) for w in latents])

    def _picture(self, w: NDArray[np.float32]) -> NDArray[np.uint8]:
        inputs: dict[int, NDArray[np.float32]] = {0: w[None]}
        if self._textures is not None:
            index, share = self._textures.nearest(w[-1])
            inputs[1] = np.full((1, 1, 1, 1), share, np.float32)
            if index != self._worn:
                texture = self._textures.pictures[index : index + 1]
                self._request.set_input_tensor(2, ov.Tensor(texture.copy()))
                self._worn = index
        drawn = self._request.infer(inputs)
        # Copied: the request writes its output buffer again.
        picture: NDArray[np.uint8] = drawn[0].copy()
        if self._mouth is not None:
            top, bottom, left, right = self._mouth
            picture[:, top:bottom, left:right] = drawn[1]
        return picture


def x86() -> bool:
    """Whether this CPU is known to convolve faster in int8."""
    return platform.machine().lower() in ("x86_64", "amd64")


def build_model(pack: AvatarPack, int8: Collection[str] = ()) -> ov.Model:
    """ws float32 [1, num_ws, w_dim] -> pictures uint8 [1, H, W, 3 or 4]; of a pack with textures
    also from the share float32 [1, 1, 1, 1] of the texture uint8 [1, *texture_shape]. Of one with
    textures of open mouths a second output is what belongs over the picture in `mouth`.

    int8: the layers to compute with 8 bits.
    """
    config, tensors = pack.card.generator, pack.generator
    ws = op.parameter([1, config.num_ws, config.w_dim], np.float32, name="ws")
    x: Node = op.constant(np.ascontiguousarray(tensors["synthesis.const"]))
    before = x  # what the last layer took that doubles
    worn = pack.textures is not None
    channels, textures = config.channels, config.textures if worn else 0
    drawn, visible = _Map(0, channels), _Map(channels, textures)
    moving = [_Map(channels + textures + 2 * n, 2) for n in range(textures)]
    for layer in config.layers:
        if not layer.modulated:
            x = _skipped(pack, layer, x, before)
            continue
        if layer.doubles:
            before = x
        if not layer.draws:
            x = _modulated_conv(pack, layer, x, ws, layer.name in int8)
            continue
        styled = op.multiply(x, _per_channel(_style(pack, layer, ws), layer.in_channels))
        for each in (drawn, visible, *moving) if worn else (drawn,):
            each.add(pack, layer, styled)
    pictures, inputs = [drawn.node], [ws]
    if worn:
        pictures, worn_inputs = _with_textures(config, drawn.node, visible.node, moving)
        inputs += worn_inputs
    return ov.Model([_levels(each, channels) for each in pictures], inputs, pack.card.name)


def _levels(picture: Node, channels: int) -> Node:
    """uint8 [1, h, w, channels]."""
    levels = op.clamp(op.round(_scale(picture, 127.5, 127.5), "half_to_even"), 0.0, 255.0)
    if channels == 4:  # no colour exceeds its alpha, whatever the network draws
        levels = op.minimum(
            levels, op.gather(levels, op.constant(np.array([3])), op.constant(np.array(1)))
        )
    return op.transpose(op.convert(levels, np.uint8), op.constant(np.array([0, 2, 3, 1])))


class _Map:
    """What layers to RGB have drawn so far of the picture, or beside it: see
    `GeneratorConfig.flow`. Each by itself, since to cut channels apart at full size costs more."""

    node: Node | None = None

    def __init__(self, first: int, channels: int) -> None:
        """first: number of its first channel in what a layer gives."""
        self._first, self._channels, self._size = first, channels, 0

    def add(self, pack: AvatarPack, layer: SynthesisLayer, styled: Node) -> None:
        """What a layer draws of it, of its features times its style; nothing if it ended before."""
        square = layer.pixels**2
        rows = slice(self._first * square, (self._first + self._channels) * square)
        prefix = f"synthesis.convs.{layer.name}"
        weight = np.ascontiguousarray(pack.generator[f"{prefix}.weight"][rows])
        if not len(weight):
            return
        bias = pack.generator[f"{prefix}.bias"][rows]
        y = op.convolution(styled, op.constant(weight), [1, 1], [0, 0], [0, 0], [1, 1])
        y = _cut_off(op.add(y, op.constant(bias[None, :, None, None])), layer)
        if self.node is not None:
            self._enlarge(layer.resolution, layer.kind == "rgb_filtered")
            if layer.pixels > 1 and self._size == layer.resolution:
                self.node = _upsample_to_subpixels(self.node, self._channels)
            y = op.add(self.node, y)
        self.node, self._size = y, layer.resolution * layer.pixels
        if layer.pixels > 1:
            self.node = op.depth_to_space(y, "depth_first", layer.pixels)

    def _enlarge(self, size: int, filtered: bool = False) -> None:
        while self._size < size:
            small, self._size = self.node, 2 * self._size
            self.node = _upsample_filtered(small, self._channels) if filtered else _upsample(small)

    def last(self, size: int, box: Box) -> Node:
        """A part of it, enlarged to the picture's size, channels last: [1, h, w, channels]."""
        times = size // self._size
        if times == 1:
            return op.transpose(_cut(self.node, box), op.constant(np.array([0, 2, 3, 1])))
        # One more on each side: that far an enlargement looks.
        cells = [max(0, box[edge] // times - 1) for edge in (0, 2)]
        ends = [min(self._size, -(-box[edge] // times) + 1) for edge in (1, 3)]
        part = _cut(self.node, (cells[0], ends[0], cells[1], ends[1]))
        for _ in range(times.bit_length() - 2):
            part = _upsample(part)
        pixels = _upsample_to_subpixels(part, self._channels)
        # To depth_to_space and then transpose takes twice as long.
        high, wide = ((end - cell) * times for cell, end in zip(cells, ends, strict=True))
        shape = np.array([self._channels, 2, 2, high // 2, wide // 2])
        apart = op.reshape(pixels, op.constant(shape), False)
        apart = op.transpose(apart, op.constant(np.array([3, 1, 4, 2, 0])))
        whole = op.reshape(apart, op.constant(np.array([1, high, wide, self._channels])), False)
        down, right = (cell * times for cell in cells)
        there = (box[0] - down, box[1] - down, box[2] - right, box[3] - right)
        return _cut(whole, there, axes=(1, 2))


def _with_textures(
    config: GeneratorConfig, picture: Node, visible: Node, moving: Sequence[_Map]
) -> tuple[list[Node], list[Node]]:
    """The picture with its textures moved into it, as `network.composed`, and the inputs that this
    takes. What the second texture changes is a picture of its own: to add it to the whole at last
    would take as long as all else about it."""
    side = config.resolution
    share = op.parameter([1, 1, 1, 1], np.float32, name="share")
    texture = op.parameter([1, *config.texture_shape], np.uint8, name="texture")
    resting = (0, side, 0, side)
    seen = _cut(visible, resting, 0) if config.textures > 1 else visible
    shown = _moved_into(picture, seen, moving[0], texture, share, side, resting, 0)
    if config.mouth is None:
        return [shown], [share, texture]
    box = config.mouth.edges(side)
    part, seen, below = _cut(shown, box), _cut(visible, box, 1), side - box[0]
    fading = op.multiply(share, op.constant(_fading(config.mouth, side)))
    over = _moved_into(part, seen, moving[1], texture, fading, side, box, below)
    return [shown, over], [share, texture]


def _fading(mouth: MouthBox, side: int) -> NDArray[np.float32]:
    """[1, 1, h, w]: how far the texture of an open mouth may be seen; at its edges not at all."""
    top, bottom, left, right = mouth.edges(side)
    sides = (np.arange(n) + 0.5 for n in (bottom - top, right - left))
    down, along = (np.minimum(at, at[::-1]) for at in sides)
    inside = np.minimum(down[:, None], along) / mouth.rim(side)
    return np.asarray(np.minimum(inside, 1)[None, None], np.float32)


def _moved_into(
    part: Node, visible: Node, moving: _Map, texture: Node, share: Node, side: int, box: Box,
    below: int,
) -> Node:  # fmt: skip
    """Part of a picture with a texture moved into it. share: of the texture, [1, 1, 1 or h, 1 or
    w]. below: rows of the texture above this one, less those of the picture above the part."""
    top, bottom, left, right = box
    levels = _cut(texture, (top + below, bottom + below, left, right))
    levels = _scale(op.convert(levels, np.float32), 1 / 127.5, -1.0)
    y, x = (
        (2 * np.arange(end - begin, dtype=np.float32) + 1) / (end - begin) - 1
        for begin, end in ((top, bottom), (left, right))
    )
    still = np.stack(np.meshgrid(x, y), axis=2)[None]
    far = 2 * FLOW_UNIT * side / np.array([right - left, bottom - top], np.float32)
    flow = op.multiply(moving.last(side, box), op.constant(far))
    grid = op.add(flow, op.constant(still))
    moved = op.grid_sample(levels, grid, {"align_corners": False, "mode": "bilinear",
                                          "padding_mode": "border"})  # fmt: skip
    seen = op.multiply(op.sigmoid(visible), share)
    return op.add(part, op.multiply(seen, op.subtract(moved, part)))


def _cut(x: Node, box: Box, channel: int | None = None, axes: tuple[int, int] = (2, 3)) -> Node:
    """Part of a map, of one channel or all."""
    top, bottom, left, right = box
    parts: tuple[Sequence[int], ...] = ([top, left], [bottom, right], [1, 1], axes)
    if channel is not None:
        parts = tuple(
            [n, *part] for n, part in zip((channel, channel + 1, 1, 1), parts, strict=True)
        )
    begin, end, step, along = (op.constant(np.array(part)) for part in parts)
    return op.slice(x, begin, end, step, along)


def _style(pack: AvatarPack, layer: SynthesisLayer, ws: Node) -> Node:
    """[1, I], of space S."""
    prefix = f"synthesis.convs.{layer.name}.affine"
    row = op.gather(ws, op.constant(np.array(layer.ws_index)), op.constant(np.array(1)))
    return op.add(
        op.matmul(row, op.constant(pack.generator[f"{prefix}.weight"]), False, True),
        op.constant(pack.generator[f"{prefix}.bias"][None]),
    )


def _modulated_conv(pack: AvatarPack, layer: SynthesisLayer, x: Node, ws: Node, int8: bool) -> Node:
    """Scale the inputs by the style, convolve with constant weights, demodulate the outputs."""
    prefix = f"synthesis.convs.{layer.name}"
    weight = pack.generator[f"{prefix}.weight"]
    bias = pack.generator[f"{prefix}.bias"]
    style = _style(pack, layer, ws)
    x = op.multiply(x, _per_channel(style, layer.in_channels))
    kernel = op.constant(weight)
    if int8:
        low, high = (np.array([limit], np.float32) for limit in INT8_RANGE)
        x = _quantized(x, low, high, 256)
        # 7 of 8 bits: CPUs without VNNI add two products in 16 bits, which must not overflow.
        high = 2 * np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
        kernel = _quantized(kernel, -high, high, 255)
    pad = [layer.kernel_size // 2] * 2
    if layer.kind == "up_transposed":
        kernel = op.transpose(kernel, op.constant(np.array([1, 0, 2, 3])))
        x = op.convolution_backprop_data(x, kernel, [2, 2])  # 2h + 1
        smooth = upsampling_filter(layer.out_channels)[:, :, None]  # [O, 1, 1, 4, 4]
        x = op.group_convolution(x, op.constant(smooth), [1, 1], [1, 1], [1, 1], [1, 1])
    else:
        x = op.convolution(x, kernel, [1, 1], pad, pad, [1, 1])
    # The activation's gain commutes with leaky ReLU: it is folded into scale and bias.
    energy = np.square(weight).sum(axis=(2, 3))  # [O, I]
    power = op.matmul(op.multiply(style, style), op.constant(energy), False, True)
    demod = _scale(op.power(_scale(power, 1.0, DEMOD_EPSILON), _number(-0.5)), LRELU_GAIN, 0.0)
    x = op.multiply(x, _per_channel(demod, layer.out_channels))
    if layer.kind == "up":
        x = _upsample(x)
    if layer.noise:
        noise = pack.generator[f"{prefix}.noise"] * pack.generator[f"{prefix}.noise_strength"]
        x = op.add(x, op.constant(noise[None, None] * np.float32(LRELU_GAIN)))
    x = op.add(x, op.constant(bias[None, :, None, None] * LRELU_GAIN))
    return _cut_off(op.prelu(x, op.constant(np.array([LRELU_SLOPE], np.float32))), layer)


def _skipped(pack: AvatarPack, layer: SynthesisLayer, x: Node, before: Node) -> Node:
    """The end of a residual block: x, and what it took, on another way, over the root of 2."""
    kernel = op.constant(pack.generator[f"synthesis.convs.{layer.name}.weight"])
    y = op.convolution(before, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    y = _cut_off(_upsample_filtered(y, layer.out_channels), layer)
    return op.multiply(op.add(x, y), _number(math.sqrt(0.5)))


def _cut_off(x: Node, layer: SynthesisLayer) -> Node:
    return x if layer.clamp is None else op.clamp(x, -layer.clamp, layer.clamp)


def _quantized(x: Node, low: NDArray[np.float32], high: NDArray[np.float32], levels: int) -> Node:
    """x rounded to so many levels, one of which must be 0: OpenVINO convolves such values in int8.

    low, high: where x saturates, broadcast to it.
    """
    first, last = op.constant(low), op.constant(high)
    return op.fake_quantize(x, first, last, first, last, levels)


def _number(value: float) -> Node:
    return op.constant(np.array(value, np.float32))


def _scale(x: Node, factor: float, offset: float) -> Node:
    return op.add(op.multiply(x, _number(factor)), _number(offset))


def _per_channel(x: Node, channels: int) -> Node:
    return op.reshape(x, op.constant(np.array([-1, channels, 1, 1])), False)


def _upsample_to_subpixels(x: Node, channels: int) -> Node:
    """Bilinear, twice the size, as 2x2 sub-pixels: four times the channels. Its last step is shared
    with the sub-pixels that are added, and a convolution is faster than an interpolation."""
    phases = np.array([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])
    kernel = np.zeros((channels, 2, 2, channels, 3, 3), np.float32)  # [O, row, column, I, 3, 3]
    for channel, row, column in np.ndindex(channels, 2, 2):
        kernel[channel, row, column, channel] = np.outer(phases[row], phases[column])
    edge = np.array([0, 0, 1, 1])
    x = op.pad(x, edge, edge, "edge")
    return op.convolution(
        x, op.constant(kernel.reshape(4 * channels, channels, 3, 3)), [1, 1], [0, 0], [0, 0], [1, 1]
    )


def _upsample_filtered(x: Node, channels: int) -> Node:
    """Twice the size by the filter [1, 3, 3, 1], zeros beyond the edges; here faster transposed
    than as an interpolation of padded features."""
    kernel = op.constant(upsampling_filter(channels)[:, :, None])  # [C, 1, 1, 4, 4]
    return op.group_convolution_backprop_data(
        x, kernel, strides=[2, 2], pads_begin=[1, 1], pads_end=[1, 1]
    )


def _upsample(x: Node) -> Node:
    """Bilinear, twice the size."""
    return op.interpolate(
        x,
        op.constant(np.array([2.0, 2.0], np.float32)),
        "linear_onnx",
        "scales",
        axes=op.constant(np.array([2, 3])),
        coordinate_transformation_mode="half_pixel",
    )
