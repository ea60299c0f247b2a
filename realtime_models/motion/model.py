"""The motion model: every sample of a voice in order -> the control vector x_t, causally.

Sound becomes log-mel frames (`mel.py`), frames drive a small LSTM (`lstm.py`) at the hop
rate, 100 Hz, whatever the rate of the video. x_t = f(x_{t-1}, sound) lives in the recurrent state,
which is an explicit value: in, out, never hidden in the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import SAMPLE_RATE, Control, Samples
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.bounds import within
from latentcam.realtime_models.motion.lstm import Float32, LstmState, MotionLstm
from latentcam.realtime_models.motion.mel import MelConfig, MelState, log_mel, mel_initial_state


class MotionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is needed, besides the weights, to run a motion model; a pack's card holds it.

    look_ahead_s: seconds that x_t lies behind the newest sample heard. At a tick of 40 ms, 0.02
        is the centre of the tick just heard: no look-ahead beyond the tick.
    axes: the names of the outputs, a subset of `FACE_AXES`, in the order of x_t.
    """

    axes: tuple[str, ...]
    hidden: int = 128
    layers: int = 2
    look_ahead_s: float = 0.02
    sample_rate: int = 16000
    mel: MelConfig = msgspec.field(default_factory=MelConfig)

    def __post_init__(self) -> None:
        within("motion: hidden", self.hidden, 1, 1024)
        within("motion: layers", self.layers, 1, 8)
        within("motion: look_ahead_s", self.look_ahead_s, 0.0, 0.5)
        within("motion: sample_rate", self.sample_rate, SAMPLE_RATE, SAMPLE_RATE)
        known = {axis.name for axis in FACE_AXES}
        if unknown := [name for name in self.axes if name not in known]:
            raise ValueError(f"got unknown axes {unknown}, expected names of FACE_AXES")
        if len(set(self.axes)) != len(self.axes) or not self.axes:
            raise ValueError(f"got axes {self.axes}, expected at least one and each once")
        if self.mel.sample_rate != self.sample_rate:
            raise ValueError(
                f"got mel settings for {self.mel.sample_rate} Hz, expected {self.sample_rate} Hz"
            )

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> MotionConfig:
        """The inverse of `to_json`. Raises ValueError for unknown or missing fields."""
        return msgspec.convert(fields, cls)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields


@dataclass(frozen=True, slots=True)
class MotionState:
    """All that is remembered of one voice. Never written after it is made.

    x: the newest control, which a call that completes no hop returns again.
    """

    mel: MelState
    lstm: LstmState
    x: Control


class MotionModel:
    """Config and weights, shared by all sessions; a session's memory is its `MotionState`."""

    def __init__(self, config: MotionConfig, weights: Mapping[str, Float32]) -> None:
        """weights: see `lstm.weight_shapes`. Raises ValueError if they do not fit."""
        self.config = config
        self._lstm = MotionLstm(
            config.mel.mels, config.hidden, config.layers, len(config.axes), weights
        )
        by_name = {axis.name: axis for axis in FACE_AXES}
        lows = [by_name[name].low for name in config.axes]
        highs = [by_name[name].high for name in config.axes]
        self._low = np.asarray(lows, np.float32)  # [k]
        self._span = np.asarray(highs, np.float32) - self._low  # [k]

    def initial_state(self) -> MotionState:
        """Before the first sample: silence, the face at rest."""
        rest = np.zeros(len(self.config.axes), np.float32)
        return MotionState(mel_initial_state(self.config.mel), self._lstm.initial_state(), rest)

    def after_gap(self, state: MotionState) -> MotionState:
        """At rest as at the beginning, but the microphone is as loud as it was."""
        anew = self.initial_state()
        return replace(anew, mel=replace(anew.mel, level=state.mel.level))

    def step(self, samples: Samples, state: MotionState) -> tuple[Control, MotionState]:
        """Hear `samples`, say where the face is.

        samples: float32 [n], n >= 0, finite, in order; any cutting gives the same result.
        Returns x_t, float32 [k] in the order and the units of `config.axes`, for the moment
        `look_ahead_s` before the end of the newest complete hop, and the state for what follows.
        The given state is not changed, so a cancelled call leaves nothing half done.
        """
        _, state = self.steps(samples, state)
        return state.x, state

    def steps(
        self, samples: Samples, state: MotionState
    ) -> tuple[NDArray[np.float32], MotionState]:
        """As `step`, but with the control after every hop: float32 [hops, k]."""
        mel, mel_state = log_mel(samples, state.mel, self.config.mel)
        controls = np.empty((len(mel), len(self.config.axes)), np.float32)
        lstm_state, x = state.lstm, state.x
        for i, features in enumerate(mel):
            activations, lstm_state = self._lstm.step(features, lstm_state)
            x = self._low + self._span * activations
            controls[i] = x
        return controls, MotionState(mel_state, lstm_state, x)
