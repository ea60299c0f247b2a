"""The latent spaces of a StyleGAN2 by name, in numpy: Z -> W -> W+ -> S.

Z: z ~ N(0, I). W: the mapping network's output. W+: one w per layer. S: one style per channel
(Wu et al. 2021, "StyleSpace Analysis", https://arxiv.org/abs/2011.12799).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.avatar_pack import AvatarPack

LRELU_SLOPE = 0.2
LRELU_GAIN = math.sqrt(2.0)

Array = NDArray[np.float32]


def sample_z(pack: AvatarPack, seed: int) -> Array:
    """float32 [z_dim] from N(0, I)."""
    dim = pack.card.generator.z_dim
    return np.random.default_rng(seed).standard_normal(dim).astype(np.float32)


def z_to_w(pack: AvatarPack, z: Array, truncation_psi: float = 1.0) -> Array:
    """z: float32 [..., z_dim]. Returns w float32 [..., w_dim], drawn towards w_avg by psi < 1."""
    x, tensors = z, pack.generator
    count = pack.card.generator.mapping_layers
    for index in range(count):
        weight = tensors[f"mapping.layers.{index}.weight"]
        x = x @ weight.T + tensors[f"mapping.layers.{index}.bias"]
        if index + 1 < count:
            x = np.where(x > 0, x, x * np.float32(LRELU_SLOPE)) * np.float32(LRELU_GAIN)
    w_avg = tensors["mapping.w_avg"]
    return (w_avg + np.float32(truncation_psi) * (x - w_avg)).astype(np.float32)


def w_to_ws(pack: AvatarPack, w: Array) -> Latent:
    """w: float32 [w_dim]. Returns the same w for every layer, float32 [num_ws, w_dim]."""
    return np.repeat(w[None], pack.card.generator.num_ws, axis=0)


def ws_to_styles(pack: AvatarPack, ws: Latent) -> dict[str, Array]:
    """Layer name -> style float32 [channels that enter the layer]."""
    styles = {}
    for layer in pack.card.generator.layers:
        name = f"synthesis.convs.{layer.name}.affine"
        affine, bias = pack.generator[f"{name}.weight"], pack.generator[f"{name}.bias"]
        styles[layer.name] = affine @ ws[layer.ws_index] + bias
    return styles
