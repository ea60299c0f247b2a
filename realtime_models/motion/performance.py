"""One voice's performance: what it says, the life between the words, what the user set."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from latentcam.realtime_models.arrays import SAMPLE_RATE, Control, Samples
from latentcam.realtime_models.generator.basis import Basis
from latentcam.realtime_models.motion.gate import VoiceGate
from latentcam.realtime_models.motion.gestures import gestures, gestures_initial_state
from latentcam.realtime_models.motion.life import life
from latentcam.realtime_models.motion.model import MotionModel, MotionState


@dataclass(slots=True)
class Settings:
    """How a user wants the face to move; may change while a session runs.

    expression: offsets by axis name, replaced whole, never written in place; the face eases there.
    life: strength of blinks, glances, head and brows, 0 (nothing moves but the lips) to 2; the
        face eases there, too.
    """

    expression: dict[str, float] = field(default_factory=dict)
    life: float = 1.0


LOUDEST = 10.0  # samples beyond are broken: their square must stay a number
EASE = 0.2  # seconds; time constant with which a new expression comes on, and life
STILL = 1e-3  # strength of life below which there is none


class Performance:
    """Hears one voice and says, tick by tick, how the face moves. Its memory dies with it."""

    def __init__(self, model: MotionModel, basis: Basis, articulation: float, seed: int) -> None:
        self._model, self._basis, self._seed = model, basis, seed
        self._articulation = articulation
        self._state: MotionState = model.initial_state()
        self._expression: dict[str, float] = {}
        self._life = 0.0
        self._gestures = gestures_initial_state(seed)
        self.gate = VoiceGate()

    def after_gap(self) -> Performance:
        """The same face hears a voice that begins afresh: what was said is over, the mood and the
        head's place are not, so that nothing jumps."""
        anew = Performance(self._model, self._basis, self._articulation, self._seed)
        anew._expression, anew._gestures = dict(self._expression), self._gestures
        anew._life = self._life
        return anew

    @property
    def look_ahead_s(self) -> float:
        """Seconds that a step's result lies behind the newest sample it heard."""
        return self._model.config.look_ahead_s

    def step(self, samples: Samples, time_s: float, settings: Settings) -> Control:
        """Hear the samples up to media time `time_s`; returns x_t over the avatar's axes.

        Must see every sample of the voice, in order, from one thread at a time.
        """
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
        samples = samples.clip(-LOUDEST, LOUDEST)
        mouth, self._state = self._model.step(samples, self._state)
        strength = self._articulation * self.gate.step(samples)
        values = dict(
            zip(self._model.config.axes, (strength * float(v) for v in mouth), strict=True)
        )
        self._ease(settings, len(samples) / SAMPLE_RATE)
        moves = [self._expression]
        if self._life:
            follows, self._gestures = gestures(samples, self._gestures, self._life)
            moves += [life(time_s, self._seed, self._life), follows]
        for extra in moves:
            for name, value in extra.items():
                values[name] = values.get(name, 0.0) + value
        known = {axis.name for axis in self._basis.axes}
        x = self._basis.control({name: v for name, v in values.items() if name in known})
        return self._basis.clamp(x)

    def _ease(self, settings: Settings, seconds: float) -> None:
        """Bring the expression and the life nearer to the wanted ones."""
        wanted, left = settings.expression, math.exp(-seconds / EASE)
        life_now = settings.life + left * (self._life - settings.life)
        self._life = life_now if settings.life or life_now > STILL else 0.0
        for name in {**self._expression, **wanted}:
            goal = wanted.get(name, 0.0)
            self._expression[name] = goal + left * (self._expression.get(name, 0.0) - goal)
