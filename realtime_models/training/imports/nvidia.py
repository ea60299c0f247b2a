"""StyleGAN2 from NVIDIA's pickles, as stylegan2-ada-pytorch and the StyleGAN2 part of stylegan3
write them: {"G", "D", "G_ema", …}, each network a tree of persistent objects.

Only names, shapes and numbers are taken from a file; what they mean is in the papers (Karras et al.
2020, https://arxiv.org/abs/1912.04958, and 2020b, https://arxiv.org/abs/2006.06676).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
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
from latentcam.realtime_models.training.imports.tensors import Record, Tensor

FORM = "NVIDIA's pickle of a StyleGAN2"


class _Module:
    """A record as a torch.nn.Module: tensors, modules within, attributes."""

    def __init__(self, record: Any, name: str) -> None:
        if not isinstance(record, Record):
            raise ForeignFileError(f"{name or 'G_ema'} is not a network, expected NVIDIA's pickle")
        self.name, self.class_name = name, record.class_name
        self._state = record.state
        self.modules = self._part("_modules")
        self._tensors = {**self._part("_parameters"), **self._part("_buffers")}

    def _part(self, name: str) -> dict[Any, Any]:
        part = self._state.get(name)
        if not isinstance(part, dict):
            raise ForeignFileError(f"{self.name or 'G_ema'} has no {name}, expected a module")
        return part

    def has(self, name: str) -> bool:
        """Whether there is such a module, or tensor, within."""
        return name in self.modules or isinstance(self._tensors.get(name), Tensor)

    def __getitem__(self, name: str) -> _Module:
        if name not in self.modules:
            raise ForeignFileError(f"{self.name or 'G_ema'} has no module {name}")
        return _Module(self.modules[name], f"{self.name}.{name}".lstrip("."))

    def tensor(self, name: str) -> Tensor:
        return tensor(self._tensors, name, f"{self.name}.")

    def read(self, name: str, *shape: int) -> Array:
        return read(self.tensor(name), shape, f"{self.name}.{name}")

    def number(self, name: str) -> float:
        """A finite attribute."""
        value = self._state.get(name)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        raise ForeignFileError(f"{self.name} has no number {name}")

    def is_said(self, name: str, *expected: object) -> None:
        """Raises ForeignFileError unless the attribute is one of the expected."""
        if (value := self._state.get(name)) not in expected:
            words = " or ".join(map(repr, expected))
            raise ForeignFileError(f"{self.name}: {name} is {value!r:.40}, expected {words}")

    def attribute(self, name: str) -> Any:
        return self._state.get(name)


def is_nvidia(content: object) -> bool:
    return isinstance(content, dict) and isinstance(content.get("G_ema"), Record)


def from_nvidia(content: Mapping[str, Any], label: int | None = None) -> Imported:
    """The generator's moving average.

    label: of a conditional network, the class that the pack shows. Raises ForeignFileError.
    """
    generator = _Module(content["G_ema"], "")
    if not generator.has("synthesis") or not generator.has("mapping"):
        raise ForeignFileError(
            f"G_ema is a {generator.class_name[:40]} without mapping and synthesis network, "
            "expected a StyleGAN2"
        )
    synthesis, mapping = generator["synthesis"], generator["mapping"]
    if not synthesis.has("b4"):
        layers = ", ".join(str(name)[:20] for name in list(synthesis.modules)[:4])
        raise ForeignFileError(
            f"its synthesis network consists of {layers or 'nothing'}, expected the blocks b4, b8 "
            "and so on of a StyleGAN2; a StyleGAN3 has layers that no decoder draws"
        )
    blocks = {int(name[1:]): synthesis[name] for name in synthesis.modules if _is_block(name)}
    first = blocks[4]["conv1"]
    widths = {size: _width(block) for size, block in blocks.items()}
    tensors, z_dim, w_dim, mapping_layers = _mapping(mapping, label)
    last = blocks[max(blocks)]
    last.is_said("architecture", "skip", "resnet", "orig")
    architecture = last.attribute("architecture")
    for block in blocks.values():
        block.is_said("architecture", architecture)
    clamp = first.attribute("conv_clamp")
    try:
        config = official(
            z_dim=z_dim,
            w_dim=w_dim,
            mapping_layers=mapping_layers,
            widths=widths,
            architecture=architecture,
            noise=first.attribute("use_noise") is True,
            clamp=None if clamp is None else first.number("conv_clamp"),
        )
    except ValueError as error:
        raise ForeignFileError(f"the network does not fit: {error}") from None
    tensors["synthesis.const"] = blocks[4].read("const", widths[4], 4, 4)[None]
    for layer in config.layers:
        part = layer.name.split("_")[1]
        module = blocks[layer.resolution][PARTS[part]]
        name, prefix = module.name, f"synthesis.convs.{layer.name}"
        module.is_said("conv_clamp", clamp)
        size, inputs = layer.kernel_size, layer.in_channels
        weight = module.read("weight", layer.out_channels, inputs, size, size)
        if part in ("rgb", "skip"):
            tensors[f"{prefix}.weight"] = weight / np.float32(math.sqrt(inputs))
        else:
            module.is_said("activation", "lrelu")
            module.is_said("use_noise", layer.noise)
            tensors[f"{prefix}.weight"] = unit_kernels(weight)
        if part != "rgb":
            check_filter(module.tensor("resample_filter"), 1, f"{name}.resample_filter")
        if part == "skip":
            module.is_said("activation", "linear")
            continue
        tensors[f"{prefix}.bias"] = module.read("bias", layer.out_channels)
        tensors |= _linear(module["affine"], f"{prefix}.affine", inputs, w_dim)
        if layer.noise:
            tensors[f"{prefix}.noise"] = module.read("noise_const", *[layer.resolution] * 2)
            tensors[f"{prefix}.noise_strength"] = module.read("noise_strength")[None]
    for size, block in blocks.items():
        if size > 4 and architecture == "skip":  # enlarges the picture so far
            check_filter(block.tensor("resample_filter"), 1, f"{block.name}.resample_filter")
    if "mapping.w_avg" not in tensors:
        tensors["mapping.w_avg"] = mean_w(config, tensors)
    return Imported(config, tensors, FORM, tuple(_hints(content.get("training_set_kwargs"))))


PARTS = {"up": "conv0", "conv": "conv1", "skip": "skip", "rgb": "torgb"}
"""How we name the layers of a block -> how they do."""


def _is_block(name: object) -> bool:
    return isinstance(name, str) and name[:1] == "b" and name[1:].isdecimal() and len(name) < 6


def _width(block: _Module) -> int:
    """Of its features."""
    shape = block["conv1"].tensor("weight").shape
    return shape[0] if shape else 0


def _linear(module: _Module, name: str, outputs: int, inputs: int) -> dict[str, Array]:
    """A fully connected layer, its learning rate folded in."""
    rate = module.number("bias_gain")
    weight = module.read("weight", outputs, inputs)
    return {
        f"{name}.weight": weight * np.float32(rate / math.sqrt(inputs)),
        f"{name}.bias": module.read("bias", outputs) * np.float32(rate),
    }


def _mapping(mapping: _Module, label: int | None) -> tuple[dict[str, Array], int, int, int]:
    """Tensors, z_dim, w_dim and number of layers. A class becomes part of the first bias."""
    z_dim, classes = int(mapping.number("z_dim")), int(mapping.number("c_dim"))
    layers = sum(1 for name in mapping.modules if str(name).startswith("fc"))
    if not 1 <= layers <= 16 or z_dim < 1:
        raise ForeignFileError(f"the mapping network has {layers} layers and z_dim {z_dim}")
    if classes and (label is None or not 0 <= label < classes):
        got = "none" if label is None else label
        raise ForeignFileError(
            f"the network is conditional, got class {got}, expected one of 0 to {classes - 1}"
        )
    if not classes and label is not None:
        raise ForeignFileError(f"the network has no classes, got class {label}, expected none")
    tensors: dict[str, Array] = {}
    shapes = [mapping[f"fc{index}"].tensor("weight").shape for index in range(layers)]
    if any(len(shape) != 2 for shape in shapes):
        raise ForeignFileError("the mapping network's weights are not matrices")
    w_dim = shapes[-1][0]
    width = z_dim + (shapes[0][1] - z_dim if classes else 0)
    for index in range(layers):
        module = mapping[f"fc{index}"]
        module.is_said("activation", "lrelu")
        tensors |= _linear(module, f"mapping.layers.{index}", w_dim, width)
        width = w_dim
    if classes:
        embed = _linear(mapping["embed"], "embed", shapes[0][1] - z_dim, classes)
        known = embed["embed.weight"][:, label] + embed["embed.bias"]
        known = known / np.sqrt(np.square(known).mean() + 1e-8)
        weight = tensors["mapping.layers.0.weight"]
        tensors["mapping.layers.0.bias"] += weight[:, z_dim:] @ known
        tensors["mapping.layers.0.weight"] = np.ascontiguousarray(weight[:, :z_dim])
    if mapping.has("w_avg"):
        tensors["mapping.w_avg"] = mapping.read("w_avg", w_dim)
    return tensors, z_dim, w_dim, layers


def _hints(said: object) -> Iterator[str]:
    """What the file says of the pictures that it was trained on."""
    if isinstance(said, dict):
        yield from (value for value in said.values() if isinstance(value, str))
