"""Small random changes to features while training: other throats, other microphones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.motion.mel import RELATIVE_FLOOR

Float32 = NDArray[np.float32]

FLOOR = float(np.log(RELATIVE_FLOOR))


def vary(features: Float32, rng: np.random.Generator) -> Float32:
    """float32 [n, t, mels] -> the same, each example changed in its own way.

    Bands are stretched (vocal tract length perturbation, Jaitly and Hinton 2013), coloured, made
    louder or softer, and some are hidden (SpecAugment, Park et al. 2019). Silence stays silence.
    """
    n, _, mels = features.shape
    bands = np.arange(mels)
    scale = rng.uniform(0.87, 1.15, (n, 1)) ** (rng.random((n, 1)) < 0.7)
    at = (bands * scale + rng.uniform(-1, 1, (n, 1))).clip(0, mels - 1.001)  # [n, mels]
    # Linear interpolation between bands, as a matrix per example: [n, mels, mels].
    spread = np.maximum(0.0, 1.0 - np.abs(bands[None, :, None] - at[:, None, :]))
    out = features @ spread.astype(np.float32)
    knots = rng.normal(0, 0.8, (n, 5)) + rng.normal(0, 0.7, (n, 1))  # natural log of power
    tint = np.stack([np.interp(bands, np.linspace(0, mels - 1, 5), knot) for knot in knots])
    audible = np.clip(out - FLOOR, 0.0, 1.0)
    out += tint[:, None].astype(np.float32) * audible
    for row in np.flatnonzero(rng.random(n) < 0.3):
        first, width = int(rng.integers(mels - 6)), int(rng.integers(1, 7))
        out[row, :, first : first + width] = out[row].mean()
    out += 0.1 * rng.standard_normal(out.shape, np.float32) * audible
    return np.asarray(np.maximum(out, FLOOR), np.float32)
