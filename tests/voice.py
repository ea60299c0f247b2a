"""A voice made of numbers: vowels from a glottal pulse train and formants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (660, 1720, 2410))  # Hz


def speech(seconds: float, rate: int = 16000) -> NDArray[np.float32]:
    """float32 [seconds * rate]: four syllables a second, each another vowel, rms about 0.1."""
    n = int(seconds * rate)
    t = np.arange(n) / rate
    sound = np.zeros(n)
    for harmonic in range(1, 30):
        hertz = 120.0 * harmonic
        for index, formants in enumerate(VOWELS):
            gain = sum(np.exp(-(((hertz - f) / 120.0) ** 2)) for f in formants) + 0.02
            syllable = (t * 4).astype(int) % len(VOWELS) == index
            sound += syllable * gain * np.sin(2 * np.pi * hertz * t)
    sound *= 0.55 - 0.45 * np.cos(2 * np.pi * 4 * t)
    return np.asarray(0.1 * sound / np.sqrt(np.mean(sound**2)), np.float32)
