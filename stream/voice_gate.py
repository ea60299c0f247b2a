"""Lets the mouth rest when nobody speaks: voice activity with hysteresis."""

from __future__ import annotations

import numpy as np
import webrtcvad

from realtime_models.arrays import Samples
from stream.timeline import SAMPLE_RATE

FRAME = SAMPLE_RATE // 100  # 10 ms, a length that webrtcvad takes
HOLD = 0.30  # seconds without voice before the mouth goes to rest; plosives are shorter
FADE = 0.15  # seconds from speech to rest
ONSET_RATIO = 6.0  # rms over the background that opens at once, before the detector is sure
QUIETEST = 1e-3  # rms below this (-60 dBFS) never opens
FLOOR_RISE = 1.02  # per 10 ms: the background estimate follows a louder room within seconds


class VoiceGate:
    """One voice's gate. `step` takes its samples in order, any number at a time."""

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(2)
        self._rest = np.zeros(0, np.float32)
        self._silent = HOLD + FADE  # seconds since the last voice
        self._floor = QUIETEST
        self.level = 0.0
        """rms of the newest 10 ms, 0 to 1."""

    @property
    def speaking(self) -> bool:
        return self._silent < HOLD

    def step(self, samples: Samples) -> float:
        """Returns how far the mouth may move after these samples: 0 rests, 1 speaks freely."""
        heard = np.concatenate([self._rest, samples])
        count = len(heard) // FRAME
        self._rest = heard[count * FRAME :]
        for frame in heard[: count * FRAME].reshape(count, FRAME):
            self._hear(frame)
        return float(np.clip(1.0 - (self._silent - HOLD) / FADE, 0.0, 1.0))

    def _hear(self, frame: Samples) -> None:
        self.level = float(np.sqrt(np.mean(np.square(frame))))
        pcm = (np.clip(frame, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
        onset = self.level > ONSET_RATIO * self._floor
        voiced = self._vad.is_speech(pcm, SAMPLE_RATE) and self.level > 2.0 * self._floor
        self._floor = max(QUIETEST, min(self.level, self._floor * FLOOR_RISE))
        self._silent = 0.0 if onset or voiced else self._silent + FRAME / SAMPLE_RATE
