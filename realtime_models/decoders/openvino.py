"""OpenVINO on a CPU: the graph is built straight from the pack's weights, without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import Node
from openvino import opset13 as op

from realtime_models.avatar_pack import AvatarPack
from realtime_models.decoders.base import batches, check_batch_sizes, joined
from realtime_models.decoders.cache import cache_folder
from realtime_models.generator_config import SynthesisLayer
from realtime_models.latents import LRELU_GAIN, LRELU_SLOPE

DEMOD_EPSILON = 1e-8


class OpenVinoDecoder:
    """The synthesis network on the CPU, in bfloat16 where the CPU has units for it.

    precision: "auto", "bf16" or "f32". threads: 0 leaves it to OpenVINO. batch_sizes: those
    compiled ahead; more than one at a time is hardly faster on a CPU (`benchmarks.decode`).
    OpenVINO keeps what it compiled in the user's cache folder, under a key of the whole model,
    its options, its own version and the device; what it cannot read it compiles again.
    """

    def __init__(
        self,
        pack: AvatarPack,
        precision: str = "auto",
        threads: int = 0,
        batch_sizes: Sequence[int] = (1,),
    ) -> None:
        self._sizes = check_batch_sizes(batch_sizes)
        core = ov.Core()
        capable = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "auto":
            precision = "bf16" if capable else "f32"
        self.description = f"openvino ({precision}, {core.get_property('CPU', 'FULL_DEVICE_NAME')})"
        options: dict[str, str | int] = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        if folder := cache_folder("openvino"):
            options["CACHE_DIR"] = str(folder)
        self._requests = {
            size: core.compile_model(build_model(pack, size), "CPU", options).create_infer_request()
            for size in self._sizes
        }

    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        return joined([self._run(size, part) for size, part in batches(ws, self._sizes)])

    def _run(self, size: int, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        pictures: NDArray[np.uint8] = self._requests[size].infer({0: np.ascontiguousarray(ws)})[0]
        return pictures.copy()  # the request writes its output buffer again


def build_model(pack: AvatarPack, size: int = 1) -> ov.Model:
    """ws float32 [size, num_ws, w_dim] -> pictures uint8 [size, H, W, 3]."""
    config, tensors = pack.card.generator, pack.generator
    ws = op.parameter([size, config.num_ws, config.w_dim], np.float32, name="ws")
    x: Node = op.constant(np.ascontiguousarray(tensors["synthesis.const"]))
    picture: Node | None = None
    for layer in config.layers:
        y = _modulated_conv(pack, layer, x, ws)
        if layer.kind != "rgb":
            x = y
        elif picture is None:
            picture = y
        elif layer.out_channels == 3:
            picture = op.add(_upsample(picture), y)
        else:  # 12 channels are 2x2 sub-pixels
            fine = op.depth_to_space(y, "depth_first", 2)
            picture = op.add(_upsample(_upsample(picture)), fine)
    assert picture is not None
    levels = op.clamp(op.round(_scale(picture, 127.5, 127.5), "half_to_even"), 0.0, 255.0)
    pixels = op.transpose(op.convert(levels, np.uint8), op.constant(np.array([0, 2, 3, 1])))
    return ov.Model([pixels], [ws], pack.card.name)


def _modulated_conv(pack: AvatarPack, layer: SynthesisLayer, x: Node, ws: Node) -> Node:
    """Scale the inputs by the style, convolve with constant weights, demodulate the outputs."""
    prefix = f"synthesis.convs.{layer.name}"
    weight = pack.generator[f"{prefix}.weight"]
    bias = pack.generator[f"{prefix}.bias"]
    affine = pack.generator[f"{prefix}.affine.weight"]
    row = op.gather(ws, op.constant(np.array(layer.ws_index)), op.constant(np.array(1)))
    style = op.add(
        op.matmul(row, op.constant(affine), False, True),
        op.constant(pack.generator[f"{prefix}.affine.bias"][None]),
    )
    x = op.multiply(x, _per_channel(style, layer.in_channels))
    pad = [layer.kernel_size // 2] * 2
    x = op.convolution(x, op.constant(weight), [1, 1], pad, pad, [1, 1])
    if layer.kind == "rgb":
        return op.add(x, op.constant(bias[None, :, None, None]))
    # The activation's gain commutes with leaky ReLU: it is folded into scale and bias.
    energy = np.square(weight).sum(axis=(2, 3))  # [O, I]
    power = op.matmul(op.multiply(style, style), op.constant(energy), False, True)
    demod = _scale(op.power(_scale(power, 1.0, DEMOD_EPSILON), _number(-0.5)), LRELU_GAIN, 0.0)
    x = op.multiply(x, _per_channel(demod, layer.out_channels))
    if layer.kind == "up":
        x = _upsample(x)
    x = op.add(x, op.constant(bias[None, :, None, None] * LRELU_GAIN))
    return op.prelu(x, op.constant(np.array([LRELU_SLOPE], np.float32)))


def _number(value: float) -> Node:
    return op.constant(np.array(value, np.float32))


def _scale(x: Node, factor: float, offset: float) -> Node:
    return op.add(op.multiply(x, _number(factor)), _number(offset))


def _per_channel(x: Node, channels: int) -> Node:
    return op.reshape(x, op.constant(np.array([-1, channels, 1, 1])), False)


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
