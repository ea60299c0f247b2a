"""The recurrent network of the motion model: LSTM layers and a squashed read-out, in numpy.

Hochreiter and Schmidhuber (1997), with the gate order and the parameter names of
`torch.nn.LSTM`, so that a trained module's tensors are used as they are. It takes one hop of sound
at a time: the same numbers come out however the sound was cut, and no state is hidden in an object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

REST_MARGIN = 0.05
"""How far the squashing overshoots [0, 1] before the clamp: a finite activation gives exactly 0."""


@dataclass(frozen=True, slots=True)
class LstmState:
    """Hidden and cell values, float32 [layers, hidden] each. Never written after it is made."""

    h: Float32
    c: Float32


@dataclass(frozen=True, slots=True)
class _Layer:
    w: Float32  # [4 hidden, inputs + hidden], gates in torch's order: in, forget, cell, out
    b: Float32  # [4 hidden]


class MotionLstm:
    """Features -> activations in [0, 1]. Holds weights only; they never change."""

    def __init__(
        self, inputs: int, hidden: int, layers: int, outputs: int, weights: Mapping[str, Float32]
    ) -> None:
        """weights: `weight_shapes` says which. Raises ValueError for a missing or misshapen one."""
        shapes = weight_shapes(inputs, hidden, layers, outputs)
        for name, shape in shapes.items():
            if name not in weights:
                raise ValueError(f"got weights without {name!r}, expected it with shape {shape}")
            if weights[name].shape != shape:
                raise ValueError(f"got {name!r} of shape {weights[name].shape}, expected {shape}")
        if unknown := sorted(set(weights) - set(shapes)):
            raise ValueError(f"got unknown weights {unknown}, expected only {sorted(shapes)}")
        # float16 is how they may be stored, float32 is how they are used.
        own = {name: np.array(weights[name], np.float32) for name in shapes}
        self._hidden = hidden
        self._mean, self._scale = own["input.mean"], 1.0 / own["input.std"]
        self._layers = tuple(
            _Layer(
                np.hstack([own[f"lstm.weight_ih_l{n}"], own[f"lstm.weight_hh_l{n}"]]),
                own[f"lstm.bias_ih_l{n}"] + own[f"lstm.bias_hh_l{n}"],
            )
            for n in range(layers)
        )
        self._out_w, self._out_b = own["output.weight"], own["output.bias"]

    def initial_state(self) -> LstmState:
        zeros = np.zeros((len(self._layers), self._hidden), np.float32)
        return LstmState(zeros, zeros)

    def step(self, features: Float32, state: LstmState) -> tuple[Float32, LstmState]:
        """One hop: float32 [inputs] -> float32 [outputs] in [0, 1]. `state` is not changed."""
        z, state = self.read_out(features, state)
        return squash(z), state

    def read_out(self, features: Float32, state: LstmState) -> tuple[Float32, LstmState]:
        """The same before it is squashed: any numbers."""
        x = (features - self._mean) * self._scale
        n = self._hidden
        h, c = np.empty_like(state.h), np.empty_like(state.c)
        for i, layer in enumerate(self._layers):
            gates = layer.w @ np.concatenate([x, state.h[i]]) + layer.b  # [4 hidden]
            in_forget = _sigmoid(gates[: 2 * n])
            c[i] = in_forget[n:] * state.c[i] + in_forget[:n] * np.tanh(gates[2 * n : 3 * n])
            x = h[i] = _sigmoid(gates[3 * n :]) * np.tanh(c[i])
        return np.asarray(self._out_w @ x + self._out_b), LstmState(h, c)


def squash(z: Float32) -> Float32:
    """Any number -> [0, 1], with both ends reached: a stretched sigmoid, clamped.

    The stretch is that of Louizos et al. 2018 ("Learning sparse neural networks through L0
    regularization"): at rest the mouth's activations are 0, not 0.02.
    """
    stretched = (1.0 + 2.0 * REST_MARGIN) * _sigmoid(z) - REST_MARGIN
    return np.asarray(stretched.clip(0.0, 1.0), np.float32)


def weight_shapes(
    inputs: int, hidden: int, layers: int, outputs: int
) -> dict[str, tuple[int, ...]]:
    """The name and the shape of every tensor that the network needs."""
    shapes: dict[str, tuple[int, ...]] = {"input.mean": (inputs,), "input.std": (inputs,)}
    for n in range(layers):
        shapes[f"lstm.weight_ih_l{n}"] = (4 * hidden, hidden if n else inputs)
        shapes[f"lstm.weight_hh_l{n}"] = (4 * hidden, hidden)
        shapes[f"lstm.bias_ih_l{n}"] = (4 * hidden,)
        shapes[f"lstm.bias_hh_l{n}"] = (4 * hidden,)
    shapes["output.weight"] = (outputs, hidden)
    shapes["output.bias"] = (outputs,)
    return shapes


def _sigmoid(z: Float32) -> Float32:
    return np.asarray(0.5 * np.tanh(0.5 * z) + 0.5, np.float32)  # never overflows
