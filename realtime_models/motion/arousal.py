"""How aroused a voice sounds, beside how it has sounded before.

Who is angry, glad or afraid speaks higher, louder, and with more of the energy above 1 kHz than who
is calm or sad (Scherer 2003, "Vocal communication of emotion"; the three are in the parameter set
of Eyben et al. 2016, "The Geneva Minimalistic Acoustic Parameter Set"). Each counts as much as the
others, in the spread that it has within a speaker: on 24 actors, nothing learned from the others
told more. What these do not tell is whether somebody is glad or angry, so nothing here says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.realtime_models.motion.gestures import HOP, QUIETEST_DB, WINDOW, pitch

STEP = 2 * HOP  # samples between two looks, 20 ms
SPREADS = 0.25, 5.0, 4.0  # of pitch in octaves, loudness in dB, energy above 1 kHz in dB
EDGES = 50.0, 1000.0, 5000.0  # Hz
NOW_S, BEFORE_S = 1.5, 60.0  # seconds of voice that "now" means, and "before"
FAMILIAR_S = 4.0  # seconds of voice after which half of what is found is believed
CALM_S = 4.0  # seconds without a voice in which most of what it was is forgotten
FULL = 4.0  # spreads, of the three together, at which a voice is as aroused as can be shown

AROUSED: Mapping[str, float] = {"browInnerUp": 0.2, "browOuterUp": 0.35, "eyeWide": 0.35}
CALM: Mapping[str, float] = {"eyeBlink": 0.14}
"""Axis -> what the most aroused voice adds to the face, and the calmest one."""
LIVELIER, LOUDER, STRONGER = 0.5, 0.15, 0.4
"""By which share head and brows move more, the mouth opens farther and a mood grows stronger at
most, and as much less where a voice is calm. All of it by eye."""

_WINDOW = np.hanning(WINDOW).astype(np.float32)
_HERTZ = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
_BELOW = (_HERTZ >= EDGES[0]) & (_HERTZ < EDGES[1])
_ABOVE = (_HERTZ >= EDGES[1]) & (_HERTZ < EDGES[2])

Sounds = tuple[float, float, float]
"""Pitch in octaves above 1 Hz, loudness in dBFS, energy above 1 kHz beside that below in dB."""


@dataclass(frozen=True, slots=True)
class ArousalState:
    """All that is remembered of one voice. Never written after it is made.

    heard: float32 [n], WINDOW - STEP <= n < WINDOW: samples that the next look also needs.
    looks: at which there was a voice. now, before: means of what was heard at these.
    """

    heard: Samples
    looks: int = 0
    now: Sounds = (0.0, 0.0, 0.0)
    before: Sounds = (0.0, 0.0, 0.0)

    @property
    def value(self) -> float:
        """How aroused the voice is: -1, as calm as can be shown, to 1; near 0 as long as little is
        known of it."""
        pairs = zip(self.now, self.before, SPREADS, strict=True)
        away = sum((now - before) / spread for now, before, spread in pairs)
        believed = self.looks / (self.looks + FAMILIAR_S * SAMPLE_RATE / STEP)
        return min(max(believed * away / FULL, -1.0), 1.0)


def arousal_initial_state() -> ArousalState:
    return ArousalState(np.zeros(WINDOW - STEP, np.float32))


def arousal(samples: Samples, state: ArousalState) -> ArousalState:
    """Hear what follows.

    samples: float32 [n] at 16 kHz, finite, in order; any chunking gives the same result. The given
    state is not changed.
    """
    heard = np.concatenate([state.heard, samples])
    count = (len(heard) - (WINDOW - STEP)) // STEP
    for i in range(count):
        state = _look(heard[i * STEP : i * STEP + WINDOW], state)
    return replace(state, heard=heard[count * STEP :].copy())


def _look(window: NDArray[np.float32], state: ArousalState) -> ArousalState:
    seconds = STEP / SAMPLE_RATE
    sounds = _sounds(window)
    if sounds is None:
        # What it was is forgotten, and not only hidden: nothing jumps when it is heard again.
        return replace(
            state, now=_towards(state.before, state.now, 1 - math.exp(-seconds / CALM_S))
        )
    looks = state.looks + 1
    now = _towards(sounds, state.now, max(1 / looks, seconds / NOW_S))
    before = _towards(sounds, state.before, max(1 / looks, seconds / BEFORE_S))
    return replace(state, looks=looks, now=now, before=before)


def _sounds(window: NDArray[np.float32]) -> Sounds | None:
    """None where there is no voice. window: float32 [WINDOW]."""
    loudness = 10.0 * math.log10(float(window @ window) / WINDOW + 1e-12)
    hertz = pitch(window) if loudness > QUIETEST_DB else None
    if hertz is None:
        return None
    power = np.abs(np.fft.rfft(window * _WINDOW)) ** 2  # [WINDOW / 2 + 1]
    above, below = float(power[_ABOVE].sum()), float(power[_BELOW].sum())
    return math.log2(hertz), loudness, 10.0 * math.log10((above + 1e-12) / (below + 1e-12))


def _towards(sounds: Sounds, mean: Sounds, share: float) -> Sounds:
    a, b, c = (old + share * (new - old) for new, old in zip(sounds, mean, strict=True))
    return a, b, c
