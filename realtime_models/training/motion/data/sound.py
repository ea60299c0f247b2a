"""Sound files as the motion model hears them: float32 mono at 16 kHz."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from latentcam.realtime_models.arrays import Samples

RATE = 16000


def read_sound(path: Path) -> Samples:
    """The whole file, whatever its format, as float32 [n] in [-1, 1] at 16 kHz, mono."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]).astype(np.float32)
