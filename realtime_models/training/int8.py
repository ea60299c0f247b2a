"""Prepare a generator for convolutions in int8, without changing what it draws.

One scale for all input channels of a convolution would leave most of them little of the eight bits.
As in SmoothQuant (Xiao et al. 2023, https://arxiv.org/abs/2211.10438), the differences between
channels move from the activations into the weights; here that is free, because a style scales
every channel anyway: the affine layer of the style is divided by a factor per channel, and the
convolution's weight multiplied by it. The factor's sign turns the longer side of a channel up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import Tensors
from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.card import INT8_RANGE
from latentcam.realtime_models.generator.basis import Basis
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.generator.network import SynthesisNetwork, load_part

Latents = NDArray[np.float32]
"""float32 [n, num_ws, w_dim]"""

SMOOTHING = 0.75  # SmoothQuant's alpha: how much of the difference moves
HEADROOM = 0.7  # of the largest input seen: few are clipped, and all others have finer steps
SHARE, LEAST_SHARE = 0.1, 0.05  # of all multiply-accumulates: a smaller layer would gain little
LATENTS, BATCH = 192, 8


def int8_layers(config: GeneratorConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`Card.int8`, the convolutions worth it without the last, which draws the finest detail; and
    `Card.int8_crowded`, the last and smaller ones. Where textures bring the detail, all are the
    former."""
    convolutions = [layer for layer in config.layers if not layer.draws]
    worth = tuple(layer.name for layer in convolutions if layer.macs >= LEAST_SHARE * config.macs)
    if config.flow:
        return worth, ()
    always = tuple(layer.name for layer in convolutions[:-1] if layer.macs >= SHARE * config.macs)
    return always, tuple(name for name in worth if name not in always)


def ready_for_int8(
    config: GeneratorConfig,
    tensors: Tensors,
    identities: Latents,
    axes: tuple[Axis, ...],
    layers: Sequence[str],
) -> dict[str, NDArray[np.float32]]:
    """The same generator; what the `layers` convolve lies within INT8_RANGE but for rare peaks,
    `Card.int8`'s promise.

    Measured on random expressions of the identities. tensors: those of a generator.
    """
    low, high = INT8_RANGE
    ready = dict(tensors)
    for name, (down, up) in _peaks(
        config, tensors, _latents(tensors, identities, axes), layers
    ).items():
        prefix = f"synthesis.convs.{name}"
        weight = tensors[f"{prefix}.weight"]
        turned = np.where(down > up, np.float32(-1), np.float32(1))
        inputs = np.maximum(np.maximum(down, up) / high, np.minimum(down, up) / -low)
        inputs = np.maximum(inputs, 1e-3 * inputs.max())
        weights = np.maximum(np.abs(weight).max(axis=(0, 2, 3)), 1e-6)
        factor = inputs**SMOOTHING / weights ** (1 - SMOOTHING)
        factor *= turned * HEADROOM * (inputs / factor).max()
        ready[f"{prefix}.weight"] = weight * factor[None, :, None, None]
        ready[f"{prefix}.affine.weight"] = tensors[f"{prefix}.affine.weight"] / factor[:, None]
        ready[f"{prefix}.affine.bias"] = tensors[f"{prefix}.affine.bias"] / factor
    return ready


def _latents(tensors: Tensors, identities: Latents, axes: tuple[Axis, ...]) -> Latents:
    """float32 [LATENTS, num_ws, w_dim]."""
    basis = Basis(axes, tensors["basis"])
    rng = np.random.default_rng(0)
    people = (identities[index % len(identities)] for index in range(LATENTS))
    moved = [basis.move(one, basis.random_control(rng)) for one in people]
    return np.stack(moved).astype(np.float32)


@torch.inference_mode()
def _peaks(
    config: GeneratorConfig, tensors: Tensors, ws: NDArray[np.float32], layers: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Layer name -> how far each channel that is convolved reaches down and up, float32 [2, I]."""
    network = SynthesisNetwork(config)
    load_part(network, tensors, "synthesis.")
    peaks: dict[str, NDArray[np.float32]] = {}
    for part in torch.from_numpy(ws).split(BATCH):
        styles = network.styles(part)
        x: torch.Tensor = network.const
        for layer in config.layers:
            if layer.draws:
                continue
            style = styles[layer.name]
            if layer.name in layers:
                convolved = x * style[:, :, None, None]
                seen = [(side * convolved).amax(dim=(0, 2, 3)).numpy() for side in (-1, 1)]
                before = peaks.get(layer.name, np.zeros((2, layer.in_channels), np.float32))
                peaks[layer.name] = np.maximum(before, seen)
            x = network.conv(layer).modulate(x, style)
    return peaks
