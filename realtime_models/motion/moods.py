"""Moods that follow one another as they do in people: a recurrent network over their names.

After "Video Synthesis from the StyleGAN Latent Space" (Zhang 2020), which learns sequences of
emotions from films with an LSTM. Here the network tells the next mood from all before it, and how
long it lasts. What it learned lies in one file, which `training.latents.moods` writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from latentcam.realtime_models.axes import MOODS
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.motion.lstm import Float32, LstmState, MotionLstm

NEUTRAL = "neutral"  # the first mood of every sequence
SHORTEST, LONGEST = 0.5, 30.0  # seconds of a mood
STRENGTH = 0.7  # of an axis, at which a live face shows its mood
MOST_LABELS, MOST_HIDDEN = 64, 512
LONGEST_LABEL = 64  # characters
LARGEST_WEIGHT, LEAST_STD = 1e4, 1e-4  # no sum of such is beyond float32
LARGEST_FILE = 2**24  # bytes


@dataclass(frozen=True, slots=True)
class Mood:
    """name: of an emotion, or "neutral"."""

    name: str
    seconds: float


FIRST = Mood(NEUTRAL, 1.5)


@dataclass(frozen=True, slots=True)
class MoodState:
    """All that is remembered of one face's moods. Never written after it is made.

    until: media time in seconds at which the mood ends. drawn: how many came before it.
    """

    mood: Mood
    until: float
    drawn: int
    lstm: LstmState


class MoodModel:
    """Which mood follows, and for how long. Holds nothing that changes."""

    def __init__(self, labels: tuple[str, ...], weights: Mapping[str, Float32]) -> None:
        """weights: of a `MotionLstm` that takes a mood (one number per label, and the logarithm of
        its seconds) and gives the next one's log-odds, then mean and logarithm of the deviation of
        the logarithm of its seconds. Raises ValueError if they do not fit."""
        self.labels = labels
        self.instead = frozenset({*labels, *MOODS})
        """What a user may choose in place of the mood that is on by itself."""
        bias = weights.get("lstm.bias_ih_l0")
        hidden = 0 if bias is None or bias.ndim != 1 else len(bias) // 4
        if not (2 <= len(labels) <= MOST_LABELS and 1 <= hidden <= MOST_HIDDEN):
            raise ValueError(
                f"got {len(labels)} moods and {hidden} hidden values, expected 2 to {MOST_LABELS} "
                f"and 1 to {MOST_HIDDEN}"
            )
        if NEUTRAL not in labels or len(set(labels)) != len(labels):
            raise ValueError(f"the moods are {labels}, expected {NEUTRAL} and each once")
        for name, tensor in weights.items():
            if tensor.dtype.kind != "f" or not (np.abs(tensor) <= LARGEST_WEIGHT).all():
                raise ValueError(f"{name} has values beyond {LARGEST_WEIGHT:g}, or no numbers")
        if not (weights.get("input.std", np.ones(1, np.float32)) >= LEAST_STD).all():
            raise ValueError(f"input.std has values below {LEAST_STD:g}")
        count = len(labels)
        self._lstm = MotionLstm(count + 1, hidden, 1, count + 2, weights)

    def after(
        self, mood: Mood, state: LstmState, rng: np.random.Generator
    ) -> tuple[Mood, LstmState]:
        """The next mood, drawn at random as the network thinks likely, and what it remembers."""
        z, state = self._lstm.read_out(self.features(mood), state)
        odds = np.exp(z[:-2] - z[:-2].max(), dtype=np.float64)
        name = self.labels[int(rng.choice(len(odds), p=odds / odds.sum()))]
        spread = float(np.exp(np.clip(z[-1], -4.0, 1.0)))
        seconds = float(np.exp(np.clip(z[-2] + spread * rng.standard_normal(), -2.0, 4.0)))
        return Mood(name, min(max(seconds, SHORTEST), LONGEST)), state

    def features(self, mood: Mood) -> Float32:
        """What the network takes."""
        x = np.zeros(len(self.labels) + 1, np.float32)
        x[self.labels.index(mood.name)] = 1.0
        x[-1] = np.log(mood.seconds)
        return x

    def initial_state(self, now: float = 0.0) -> MoodState:
        """Neutral, for a moment."""
        return MoodState(FIRST, now + FIRST.seconds, 0, self._lstm.initial_state())

    def at(self, now: float, seed: int, state: MoodState) -> MoodState:
        """The mood at a media time, which does not run backwards. The given state is not changed;
        the same seed gives the same moods. After a gap of more than LONGEST it begins anew."""
        if now - state.until > LONGEST:  # a sender may leap by a day: not every mood of it is drawn
            state = replace(self.initial_state(now), drawn=state.drawn)
        while now >= state.until:
            rng = np.random.default_rng((seed, state.drawn))
            mood, lstm = self.after(state.mood, state.lstm, rng)
            state = MoodState(mood, state.until + mood.seconds, state.drawn + 1, lstm)
        return state

    def sequence(self, seed: int) -> Iterator[Mood]:
        """Moods without end, from neutral; the same for the same seed."""
        state = self.initial_state()
        while True:
            yield state.mood
            state = self.at(state.until, seed, state)


def load_moods(path: Path) -> MoodModel:
    """Read a file of learned moods. Raises AvatarPackError with one sentence."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise AvatarPackError(f"{path} has more than {LARGEST_FILE} bytes")
        if not path.is_file():
            raise AvatarPackError(f"{path} is no file, expected learned moods")
        with safe_open(path, "numpy") as file:
            labels = json.loads((file.metadata() or {}).get("labels", "[]"))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if not (isinstance(labels, list) and all(map(_is_name, labels))):
            raise ValueError("its labels are no list of names")
        return MoodModel(tuple(labels), weights)
    except (SafetensorError, ValueError, TypeError, RecursionError) as error:
        raise AvatarPackError(f"{path} holds no learned moods: {error}") from None
    except OSError as error:  # safetensors' own have no strerror
        raise AvatarPackError(f"{path} cannot be read: {error.strerror or error}") from None


def _is_name(label: object) -> bool:
    return isinstance(label, str) and label.isprintable() and 1 <= len(label) <= LONGEST_LABEL
