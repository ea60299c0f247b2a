"""Real lips (GRID, tracked by MediaPipe) as curves of our axes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.training.motion.data.sound import read_sound

FRAME_OFFSET = 0.5
"""Frame k shows time (k + FRAME_OFFSET) / fps. Checked against sound: in the clips that begin with
B or P the lips part within 10 ms of the burst (n = 371, median curve)."""

HELD_OUT_EVERY = 8


@dataclass(frozen=True)
class LipClip:
    """One tracked clip.

    samples: float32 [n]. geometry: float64 [frames, 4]: inner-lip aperture, mouth width, outer-lip
    height (each over face height), face height in pixels. scores: ARKit name -> float64 [frames].
    """

    name: str
    samples: Samples
    geometry: NDArray[np.float64]
    scores: dict[str, NDArray[np.float64]]
    fps: float


def held_out(name: str) -> bool:
    """Whether training must not see this clip; by hash, so that it never changes."""
    return zlib.crc32(name.encode()) % HELD_OUT_EVERY == 0


def read_lips(folder: Path) -> Iterator[LipClip]:
    """Every clip of data/lips; those where the tracker lost the face are left out."""
    for path in sorted(folder.glob("*.npz")):
        stored = np.load(path)
        geometry = stored["geometry"].astype(np.float64)
        values = stored["blendshapes"].astype(np.float64)
        if not (np.isfinite(geometry).all() and np.isfinite(values).all()):
            continue
        names = [str(name) for name in stored["names"]]
        scores = {name: values[:, i] for i, name in enumerate(names)}
        sound = read_sound(path.with_suffix(".flac"))
        yield LipClip(path.stem, sound, geometry, scores, float(stored["fps"]))


def at_hops(values: NDArray[np.float64], fps: float, hops: int) -> NDArray[np.float32]:
    """Video-rate values [frames, k] -> float32 [hops, k] at the hops' ends, (i + 1) * 10 ms.

    Monotone cubics (Fritsch and Carlson 1980): closed lips stay closed between closed frames.
    """
    shown = (np.arange(len(values)) + FRAME_OFFSET) / fps
    times = ((np.arange(hops) + 1) * 0.01).clip(shown[0], shown[-1])
    return np.asarray(PchipInterpolator(shown, values, axis=0)(times), np.float32)
