"""One voice's performance: what it says, the life between the words, what the user set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from latentcam.realtime_models.arrays import SAMPLE_RATE, Control, Samples
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.axes import MOODS
from latentcam.realtime_models.motion.arousal import (
    AROUSED,
    CALM,
    LIVELIER,
    LOUDER,
    STRONGER,
    ArousalState,
    arousal,
    arousal_initial_state,
)
from latentcam.realtime_models.motion.driven import DRIVEN, LIPS, Driven
from latentcam.realtime_models.motion.gate import (
    GateState,
    gate,
    gate_after_gap,
    gate_initial_state,
)
from latentcam.realtime_models.motion.gestures import (
    GestureState,
    gestures,
    gestures_initial_state,
)
from latentcam.realtime_models.motion.life import life
from latentcam.realtime_models.motion.listening import (
    ListeningState,
    listening,
    listening_initial_state,
)
from latentcam.realtime_models.motion.manner import BARED, MANNERS, Manner
from latentcam.realtime_models.motion.model import MotionModel, MotionState
from latentcam.realtime_models.motion.moods import STRENGTH, MoodModel, MoodState

LOUDEST = 10.0  # samples beyond are broken: their square must stay a number
EASE = 0.2  # seconds; time constant with which a new expression comes on, and life
STILL = 1e-3  # strength of life below which there is none
LIVELIEST = 2.0  # strength of life that still looks like somebody
NOBODY = Driven({})


@dataclass(frozen=True, slots=True)
class Settings:
    """How a user wants the face to move. A change is a new value.

    expression: offsets by axis name; the face eases into it. Names that the avatar does not have
        move nothing, and an offset beyond the length of its axis counts as that length.
    moods: which moods come by themselves as long as the expression names none, at whatever offset;
        None: none.
    life: strength of blinks, glances, and movements of head and brows, 0 (only the lips move) to
        2; the face eases into this, too.
    arousal: how far the face follows how aroused the voice sounds, 0 (not at all) to 1.
    Raises ValueError for anything that is not a number, or a life or an arousal out of range.
    """

    expression: Mapping[str, float] = field(default_factory=dict)
    life: float = 1.0
    moods: MoodModel | None = None
    arousal: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.life <= LIVELIEST:
            raise ValueError(f"life is {self.life}, expected 0 to {LIVELIEST:g}")
        if not 0.0 <= self.arousal <= 1.0:
            raise ValueError(f"arousal is {self.arousal}, expected 0 to 1")
        for name, offset in self.expression.items():
            if not math.isfinite(offset):
                raise ValueError(f"expression {name} is {offset}, expected a finite number")
        object.__setattr__(self, "expression", dict(self.expression))  # nobody else's


@dataclass(frozen=True, slots=True)
class PerformanceState:
    """All that is remembered of one voice and its face. Never written after it is made.

    heard: samples up to now, counted from the beginning of media time.
    expression, life: how far the face has come on its way to what the settings ask for.
    mood: of a face whose moods come by themselves.
    arousal: of the voice, of a face that follows it.
    driven: what a camera lent last; following: how far the face follows it, 0 to 1.
    """

    seed: int
    motion: MotionState
    gate: GateState
    gestures: GestureState
    listening: ListeningState
    heard: int = 0
    expression: Mapping[str, float] = field(default_factory=dict)
    life: float = 0.0
    mood: MoodState | None = None
    arousal: ArousalState | None = None
    driven: Driven = NOBODY
    following: float = 0.0


class Performer:
    """Turns voices into the motion of whole faces. Holds nothing that changes: one performer serves
    every session, and a session's memory is its `PerformanceState`."""

    def __init__(self, pack: AvatarPack) -> None:
        card = pack.card
        self.motion = MotionModel(card.motion, pack.motion)
        self._index = {axis.name: i for i, axis in enumerate(card.axes)}
        heard = {name: i for i, name in enumerate(card.motion.axes)}
        self._drives = [
            (heard[drive.motion], self._index[drive.axis], drive.gain)
            for drive in card.calibration.drives
        ]
        self._articulation = card.calibration.articulation
        self._manner = Manner(card.motion.axes)
        self._moods = {axis.name: axis.high for axis in card.axes if axis.name in MANNERS}
        self._seen = [at for axis in DRIVEN if (at := self._index.get(axis.name)) is not None]
        self._low = np.array([axis.low for axis in card.axes], np.float32)  # [k]
        self._high = np.array([axis.high for axis in card.axes], np.float32)  # [k]
        self._width = {axis.name: axis.high - axis.low for axis in card.axes}

    @property
    def look_ahead_s(self) -> float:
        """Seconds that what `perform` returns lies behind the newest sample it heard."""
        return self.motion.config.look_ahead_s

    def initial_state(self, seed: int) -> PerformanceState:
        """Before the first sample: a face at rest. seed: for its blinks, glances and turns."""
        return PerformanceState(
            seed,
            self.motion.initial_state(),
            gate_initial_state(),
            gestures_initial_state(seed),
            listening_initial_state(seed),
        )

    def after_gap(self, state: PerformanceState, heard: int) -> PerformanceState:
        """The same face, when the voice resumes at a sample other than the next.

        What was said is over: the mouth rests. The mood, the head's position and the levels of
        speaker and room are kept, so that nothing jumps and a soft voice is heard as before.
        """
        return replace(
            state,
            motion=self.motion.after_gap(state.motion),
            gate=gate_after_gap(state.gate),
            heard=heard,
        )

    def perform(
        self,
        samples: Samples,
        state: PerformanceState,
        settings: Settings,
        driven: Driven | None = None,
        other: Samples | None = None,
    ) -> tuple[Control, PerformanceState]:
        """Hear what follows; say where the face is.

        samples: float32 [n] at 16 kHz, in order; broken ones are repaired. driven: what a camera
        lends at present; the face eases into following it, and out of it. other: [n] like samples,
        what somebody else says meanwhile, to whom the face listens while it does not speak; None:
        nobody. Returns x_t over the pack's axes, within their ranges, and the state for what
        follows. The given state is not changed, so a cancelled call leaves nothing half done.
        """
        samples = _repaired(samples)
        mouth, motion = self.motion.step(samples, state.motion)
        opened = gate(samples, state.gate)
        state = replace(state, motion=motion, gate=opened, heard=state.heard + len(samples))
        settings, state = self._in_mood(settings, state)
        settings, state, aroused = _aroused(settings, state, samples)
        state = self._ease(state, settings, driven, len(samples) / SAMPLE_RATE)
        x = [0.0] * len(self._index)
        strength = self._articulation * opened.open * (1.0 + LOUDER * aroused)
        moods = {
            mood: min(max(state.expression[mood] / high, 0.0), 1.0)
            for mood, high in self._moods.items()
            if mood in state.expression
        }
        heard = mouth.tolist()
        said = self._manner.speak(heard, moods)
        for i, axis, gain in self._drives:
            x[axis] += strength * gain * said[i]
        own, lips = 1.0 - state.following, state.following * state.driven.lips
        for axis in self._seen:
            x[axis] *= 1.0 - lips
        moves: list[tuple[Mapping[str, float], float]] = [(state.expression, 1.0)]
        if state.life:
            moved, gestured = gestures(samples, state.gestures, state.life)
            state = replace(state, gestures=gestured)
            attention = 0.0
            if other is None and state.listening.hops:  # whoever was there has fallen silent
                other = np.zeros_like(samples)
            if other is not None:
                listened, hears = listening(
                    _repaired(other), opened.speaking, state.listening, state.life
                )
                state, attention = replace(state, listening=hears), hears.attention.value
                moves.append((listened, own))
            lived = life(state.heard / SAMPLE_RATE, state.seed, state.life, attention)
            moves += [(lived, own), (moved, own)]
            shown = own * min(state.life, 1.0) * abs(aroused)
            moves.append((AROUSED if aroused > 0 else CALM, shown))
        for move, share in moves:
            for name, value in move.items():
                if (at := self._index.get(name)) is not None:
                    x[at] += share * value
        apart = 1.0 - opened.open * self._manner.meeting(heard)
        for mood, felt in moods.items():
            for name, value in BARED[mood].items():
                if (at := self._index.get(name)) is not None:
                    x[at] += felt * apart * value
        for name, value in state.driven.values.items() if state.following else ():
            if (at := self._index.get(name)) is not None:
                x[at] += (lips if name in LIPS else state.following) * value
        return np.array(x, np.float32).clip(self._low, self._high), state

    def _in_mood(
        self, settings: Settings, state: PerformanceState
    ) -> tuple[Settings, PerformanceState]:
        """The settings with the mood that is on by itself, and the state that remembers it."""
        if settings.moods is None:
            return settings, state
        now = state.heard / SAMPLE_RATE
        mood = settings.moods.at(now, state.seed, state.mood or settings.moods.initial_state(now))
        state, name, expression = replace(state, mood=mood), mood.mood.name, settings.expression
        if name not in self._width or not settings.moods.instead.isdisjoint(expression):
            return settings, state
        shown = {**expression, name: STRENGTH * self._width[name]}
        return replace(settings, expression=shown), state

    def _ease(
        self,
        state: PerformanceState,
        settings: Settings,
        driven: Driven | None,
        seconds: float,
    ) -> PerformanceState:
        """Move the expression and the life towards those that the settings ask for, and the face
        towards what is lent, or back to its own life."""
        left = math.exp(-seconds / EASE)
        lively = settings.life + left * (state.life - settings.life)
        follows = (driven is not None) + left * (state.following - (driven is not None))
        expression = {}
        for name in {**state.expression, **settings.expression}:
            if (width := self._width.get(name)) is not None:
                goal = min(max(settings.expression.get(name, 0.0), -width), width)
                expression[name] = goal + left * (state.expression.get(name, 0.0) - goal)
        return replace(
            state,
            expression=expression,
            life=lively if settings.life or lively > STILL else 0.0,
            driven=driven or state.driven,
            following=follows if driven or follows > STILL else 0.0,
        )


def _aroused(
    settings: Settings, state: PerformanceState, samples: Samples
) -> tuple[Settings, PerformanceState, float]:
    """The settings as this voice calls for them, the state that remembers it, and how far the face
    shows it, -1 to 1."""
    if not settings.arousal:
        return settings, state, 0.0
    heard = arousal(samples, state.arousal or arousal_initial_state())
    shown = settings.arousal * heard.value
    stronger, livelier = 1.0 + STRONGER * shown, 1.0 + LIVELIER * shown
    expression = {
        name: offset * (stronger if name in MOODS else 1.0)
        for name, offset in settings.expression.items()
    }
    life = min(settings.life * livelier, LIVELIEST)
    return replace(settings, expression=expression, life=life), replace(state, arousal=heard), shown


def _repaired(samples: Samples) -> Samples:
    """Finite, and none so large that its square is not."""
    if not np.isfinite(samples).all():
        samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    return samples.clip(-LOUDEST, LOUDEST)
