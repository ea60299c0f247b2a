"""A synthetic voice of which no two moments sound alike, so any part of it can be located."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (660, 1720, 2410))  # Hz
SYLLABLE = 0.24  # seconds
SENTENCE, PAUSE = 2.0, 1.0  # seconds


def talk(seconds: float, rate: int, seed: int = 0) -> NDArray[np.float32]:
    """float32 [seconds * rate], rms about 0.1 while it speaks: sentences of random vowels with a
    wandering pitch, and silence between them."""
    rng, n = np.random.default_rng(seed), int(seconds * rate)
    t = np.arange(n) / rate
    syllable = (t / SYLLABLE).astype(int)
    formants = np.array(VOWELS)[rng.integers(0, len(VOWELS), syllable[-1] + 1)]
    pitch = 120.0 + np.interp(t, np.arange(0.0, seconds + 1, 0.1), _wander(rng, seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = np.zeros(n)
    for harmonic in range(1, 24):
        hertz = harmonic * np.array([120.0])[:, None]
        gains = np.exp(-(((hertz - formants) / 150.0) ** 2)).sum(axis=1) + 0.02  # [syllables]
        sound += gains[syllable] * np.sin(harmonic * phase)
    sound += 0.1 * rng.standard_normal(n)
    sound *= 0.55 - 0.45 * np.cos(2 * np.pi * t / SYLLABLE)
    sound *= 0.1 / np.sqrt(np.mean(sound**2))
    sound *= t % (SENTENCE + PAUSE) >= PAUSE
    return sound.astype(np.float32)


def onsets(seconds: float) -> list[float]:
    """The moments at which a sentence begins, seconds."""
    return [float(t) for t in np.arange(PAUSE, seconds, SENTENCE + PAUSE)]


def _wander(rng: np.random.Generator, seconds: float) -> NDArray[np.float64]:
    points = len(np.arange(0.0, seconds + 1, 0.1))
    return np.asarray(25.0 * np.tanh(0.3 * rng.standard_normal(points).cumsum() % 4 - 2))
