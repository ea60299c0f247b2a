"""The latent spaces of a StyleGAN2 by name, in numpy: Z -> W -> W+ -> S.

Z: z ~ N(0, I). W: the mapping network's output. W+: one w per layer. S: one style per channel
(Wu et al. 2021, "StyleSpace Analysis", https://arxiv.org/abs/2011.12799).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.generator.layers import GeneratorConfig

LRELU_SLOPE = 0.2
LRELU_GAIN = math.sqrt(2.0)
Z_EPSILON = 1e-8  # beside the mean square of z, in the official mapping network

Array = NDArray[np.float32]
Tensors = Mapping[str, Array]
"""The weights of a generator by their names in `network.Generator`."""


def sample_z(config: GeneratorConfig, seed: int) -> Array:
    """float32 [z_dim] from N(0, I)."""
    return np.random.default_rng(seed).standard_normal(config.z_dim).astype(np.float32)


def z_to_w(config: GeneratorConfig, tensors: Tensors, z: Array, psi: float = 1.0) -> Array:
    """z: float32 [..., z_dim]. Returns w float32 [..., w_dim], drawn towards w_avg by psi < 1."""
    x, official = z, config.mapping.kind == "official"
    if official:
        x = x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + np.float32(Z_EPSILON))
    for index in range(config.mapping.layers):
        weight = tensors[f"mapping.layers.{index}.weight"]
        x = x @ weight.T + tensors[f"mapping.layers.{index}.bias"]
        if official or index + 1 < config.mapping.layers:
            x = np.where(x > 0, x, x * np.float32(LRELU_SLOPE)) * np.float32(LRELU_GAIN)
    w_avg = tensors["mapping.w_avg"]
    return (w_avg + np.float32(psi) * (x - w_avg)).astype(np.float32)


def w_to_ws(config: GeneratorConfig, w: Array) -> Latent:
    """w: float32 [w_dim]. Returns the same w for every layer, float32 [num_ws, w_dim]."""
    return np.repeat(w[None], config.num_ws, axis=0)


def z_to_ws(
    config: GeneratorConfig, tensors: Tensors, z: Array, psi: float, cutoff: int | None
) -> Latent:
    """The face of z, float32 [z_dim], truncated: float32 [num_ws, w_dim]."""
    ws = w_to_ws(config, z_to_w(config, tensors, z))
    return truncated(ws, tensors["mapping.w_avg"], psi, cutoff)


def truncated(ws: Latent, w_avg: Array, psi: float, cutoff: int | None = None) -> Latent:
    """The truncation trick: rows before the cutoff (None: all) are drawn towards w_avg by psi < 1,
    so that what is coarse is ordinary and what is fine keeps its variety."""
    drawn = ws.copy()
    drawn[..., :cutoff, :] = w_avg + np.float32(psi) * (ws[..., :cutoff, :] - w_avg)
    return drawn


def ws_to_styles(config: GeneratorConfig, tensors: Tensors, ws: Latent) -> dict[str, Array]:
    """Layer name -> style float32 [channels that enter the layer]."""
    styles = {}
    for layer in config.layers:
        if not layer.modulated:
            continue
        name = f"synthesis.convs.{layer.name}.affine"
        affine, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        styles[layer.name] = affine @ ws[layer.ws_index] + bias
    return styles
