"""Real lips, tracked by MediaPipe, with the sound they made: one speaker of GRID, and many more."""

from __future__ import annotations

import csv
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
LATEST_S = 0.06
"""Sound farther than this from its picture is out of step by more than a guess can mend."""


@dataclass(frozen=True)
class LipClip:
    """One tracked clip.

    samples: float32 [n]. geometry: float64 [frames, 4]: inner-lip aperture, mouth width, outer-lip
    height (each over face height), face height in pixels. scores: ARKit name -> float64 [frames].
    late_s: by how much the sound comes after the picture, as far as is known.
    """

    speaker: str
    name: str
    samples: Samples
    geometry: NDArray[np.float64]
    scores: dict[str, NDArray[np.float64]]
    fps: float
    late_s: float = 0.0


def held_out(name: str) -> bool:
    """Whether training must not see this clip; by hash, so that it never changes."""
    return zlib.crc32(name.encode()) % HELD_OUT_EVERY == 0


def read_lips(folder: Path) -> Iterator[LipClip]:
    """Every clip of data/lips, or of a folder of data/lips_many; those where the tracker lost the
    face are left out."""
    late = _known_lags(folder.parent / "MANIFEST.csv") if folder.name != "lips" else {}
    for path in sorted(folder.glob("*.npz")):
        if clip := read_clip(path, late.get(path.stem, 0.0)):
            yield clip


def read_clip(path: Path, late_s: float = 0.0) -> LipClip | None:
    """path: CLIP.npz, of GRID's s1, or SOURCE_SPEAKER_CLIP.npz, with the sound in .flac beside it.
    None where the tracker lost the face."""
    stored = np.load(path)
    geometry = stored["geometry"].astype(np.float64)
    values = stored["blendshapes"].astype(np.float64)
    if not (np.isfinite(geometry).all() and np.isfinite(values).all()):
        return None
    names = [str(name) for name in stored["names"]]
    scores = {name: values[:, i] for i, name in enumerate(names)}
    sound = read_sound(path.with_suffix(".flac"))
    speaker, name = path.stem.split("_", 2)[1:] if "_" in path.stem else ("s1", path.stem)
    return LipClip(speaker, name, sound, geometry, scores, float(stored["fps"]), late_s)


def in_step(clip: LipClip) -> bool:
    """Whether what is known of the lag can be mended, see LATEST_S."""
    return abs(clip.late_s) <= LATEST_S


def _known_lags(manifest: Path) -> dict[str, float]:
    """The file's name without its endings -> seconds that its sound is late."""
    with manifest.open() as file:
        return {
            Path(row["file"]).name.split(".")[0]: float(row["sync_lag_ms"] or 0) / 1000
            for row in csv.DictReader(file)
        }


def at_hops(
    values: NDArray[np.float64], fps: float, hops: int, late_s: float = 0.0
) -> NDArray[np.float32]:
    """Video-rate values [frames, k] -> float32 [hops, k] at the hops' ends, (i + 1) * 10 ms of
    sound that is `late_s` after the picture.

    Monotone cubics (Fritsch and Carlson 1980): closed lips stay closed between closed frames.
    """
    shown = (np.arange(len(values)) + FRAME_OFFSET) / fps + late_s
    times = ((np.arange(hops) + 1) * 0.01).clip(shown[0], shown[-1])
    return np.asarray(PchipInterpolator(shown, values, axis=0)(times), np.float32)
