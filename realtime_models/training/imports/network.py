"""What the importers of all formats share: an official StyleGAN2 as the tensors of a pack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.generator.filters import upsampling_filter
from latentcam.realtime_models.generator.latents import z_to_w
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.training.imports.errors import ForeignFileError
from latentcam.realtime_models.training.imports.tensors import Tensor

Array = NDArray[np.float32]

W_SAMPLES = 10_000  # whose mean is w_avg, where a file has none


@dataclass(frozen=True, slots=True)
class Imported:
    """A generator whose gains and learning rates are folded into its weights.

    tensors: those of `generator.safetensors` without the basis. form: the format that it came in.
    hints: what the file says about its origin, such as the folder of its pictures.
    """

    config: GeneratorConfig
    tensors: dict[str, Array]
    form: str
    hints: tuple[str, ...] = ()


def tensor(holder: Mapping[Any, Any], name: str, where: str = "") -> Tensor:
    """A tensor by its name; nothing is read yet. where: whose it is, for the refusal."""
    found = holder.get(name)
    if not isinstance(found, Tensor):
        raise ForeignFileError(f"the network has no tensor {where}{name}, expected a StyleGAN2")
    return found


def read(found: Tensor, shape: tuple[int, ...], name: str) -> Array:
    """Its numbers, if it has the shape that the rest of the network expects."""
    if found.shape != shape:
        raise ForeignFileError(
            f"tensor {name} has shape {list(found.shape)}, expected {list(shape)}"
        )
    return found.array()


def check_filter(found: Tensor, gain: float, name: str) -> None:
    """Raises ForeignFileError unless it is [1, 3, 3, 1] along both sides, with a sum of gain."""
    wanted = upsampling_filter(1)[0, 0] * (gain / 4)
    if not np.allclose(read(found, (4, 4), name), wanted, atol=1e-5):
        raise ForeignFileError(f"{name} is another filter than [1, 3, 3, 1], which decoders have")


def unit_kernels(weight: Array) -> Array:
    """Kernels [O, I, 3, 3] as long as 1 for each output: demodulation divides by the length, and
    what is convolved then fits into float16 wherever the features do."""
    length = np.sqrt(np.square(weight, dtype=np.float64).sum(axis=(1, 2, 3), keepdims=True))
    return np.asarray(weight / np.maximum(length, 1e-12), np.float32)


def mean_w(config: GeneratorConfig, tensors: Mapping[str, Array]) -> Array:
    """The mean of many w, for a file without w_avg."""
    z = np.random.default_rng(0).standard_normal((W_SAMPLES, config.z_dim)).astype(np.float32)
    nowhere = {**tensors, "mapping.w_avg": np.zeros(config.w_dim, np.float32)}
    return np.asarray(z_to_w(config, nowhere, z).mean(axis=0), np.float32)
