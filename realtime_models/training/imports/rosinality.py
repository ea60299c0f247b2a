"""StyleGAN2 from checkpoints of rosinality's stylegan2-pytorch: {"g_ema": state_dict, …}.

Only names, shapes and numbers are taken from a file. Its state has no attributes: the learning rate
of the mapping network, 0.01, is the one that the paper gives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from latentcam.realtime_models.generator.layers import official
from latentcam.realtime_models.training.imports.errors import ForeignFileError
from latentcam.realtime_models.training.imports.network import (
    Array,
    Imported,
    check_filter,
    mean_w,
    read,
    tensor,
    unit_kernels,
)
from latentcam.realtime_models.training.imports.tensors import Tensor

FORM = "a checkpoint of rosinality's stylegan2-pytorch"
MAPPING_RATE = 0.01
LEAST_STD = 5.0  # of the mapping's weights as stored: they begin at 1 / MAPPING_RATE


def is_rosinality(content: object) -> bool:
    return isinstance(content, dict) and isinstance(content.get("g_ema"), dict)


def from_rosinality(content: Mapping[str, Any]) -> Imported:
    """The generator's moving average. Raises ForeignFileError."""
    state = content["g_ema"]
    const = tensor(state, "input.input").shape
    if len(const) != 4 or const[2:] != (4, 4):
        raise ForeignFileError(f"it begins with {list(const)}, expected a constant of 4x4")
    convs = sum(1 for name in state if str(name).endswith(".conv.weight")) // 3
    widths = {4: const[1]}
    for index in range(convs):
        shape = tensor(state, f"convs.{2 * index + 1}.conv.weight").shape
        widths[8 << index] = shape[1] if len(shape) == 5 else 0
    layers = sum(
        1 for name in state if str(name).startswith("style.") and str(name).endswith(".weight")
    )
    first = tensor(state, "style.1.weight").shape
    if len(first) != 2:
        raise ForeignFileError(f"style.1.weight has shape {list(first)}, expected a matrix")
    w_dim, z_dim = first
    try:
        config = official(z_dim=z_dim, w_dim=w_dim, mapping_layers=layers, widths=widths)
    except ValueError as error:
        raise ForeignFileError(f"the network does not fit: {error}") from None

    def taken(name: str, *shape: int) -> Array:
        return read(tensor(state, name), shape, name)

    tensors: dict[str, Array] = {"synthesis.const": taken("input.input", 1, widths[4], 4, 4)}
    for index in range(layers):
        name, width = f"style.{index + 1}", w_dim if index else z_dim
        weight = taken(f"{name}.weight", w_dim, width)
        if (std := float(weight.std())) < LEAST_STD:
            raise ForeignFileError(
                f"{name}.weight has a standard deviation of {std:.3g}, expected about "
                f"{1 / MAPPING_RATE:g}, as with a learning rate of {MAPPING_RATE}"
            )
        scaled = weight * np.float32(MAPPING_RATE / math.sqrt(width))
        tensors[f"mapping.layers.{index}.weight"] = scaled
        tensors[f"mapping.layers.{index}.bias"] = taken(f"{name}.bias", w_dim) * np.float32(
            MAPPING_RATE
        )
    noise = 0
    for layer in config.layers:
        name, prefix = _named(layer.name), f"synthesis.convs.{layer.name}"
        size, inputs, out = layer.kernel_size, layer.in_channels, layer.out_channels
        weight = taken(f"{name}.conv.weight", 1, out, inputs, size, size)[0]
        affine = taken(f"{name}.conv.modulation.weight", inputs, w_dim)
        tensors[f"{prefix}.affine.weight"] = affine * np.float32(1 / math.sqrt(w_dim))
        tensors[f"{prefix}.affine.bias"] = taken(f"{name}.conv.modulation.bias", inputs)
        if layer.draws:
            tensors[f"{prefix}.weight"] = weight / np.float32(math.sqrt(inputs))
            tensors[f"{prefix}.bias"] = taken(f"{name}.bias", 1, out, 1, 1).reshape(out)
            if layer.resolution > 4:
                check_filter(tensor(state, f"{name}.upsample.kernel"), 4, f"{name}.upsample")
            continue
        if layer.doubles:
            check_filter(tensor(state, f"{name}.conv.blur.kernel"), 4, f"{name}.conv.blur")
        tensors[f"{prefix}.weight"] = unit_kernels(weight)
        tensors[f"{prefix}.bias"] = taken(f"{name}.activate.bias", out)
        side = layer.resolution
        tensors[f"{prefix}.noise"] = taken(f"noises.noise_{noise}", 1, 1, side, side)[0, 0]
        tensors[f"{prefix}.noise_strength"] = taken(f"{name}.noise.weight", 1)
        noise += 1
    found = content.get("latent_avg")
    if isinstance(found, Tensor):
        tensors["mapping.w_avg"] = read(found, (*[1] * (len(found.shape) - 1), w_dim), "latent_avg")
        tensors["mapping.w_avg"] = tensors["mapping.w_avg"].reshape(w_dim)
    else:
        tensors["mapping.w_avg"] = mean_w(config, tensors)
    return Imported(config, tensors, FORM)


def _named(layer: str) -> str:
    """How they name the layer that we name b8_up, b8_conv or b8_rgb."""
    block, part = layer.split("_")
    index = int(block[1:]).bit_length() - 4  # 0 for b8
    if index < 0:
        return "conv1" if part == "conv" else "to_rgb1"
    return f"to_rgbs.{index}" if part == "rgb" else f"convs.{2 * index + (part == 'conv')}"
