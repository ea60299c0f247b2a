"""What somebody else says, from when it comes until a face next moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples

MOST = SAMPLE_RATE // 2  # samples that may wait, 0.5 s; of more, the oldest are not heard


class OtherVoice:
    """Somebody to listen to. Use it on the event loop only."""

    def __init__(self) -> None:
        # PyAV is needed by those who have a voice to hand in, not by those who import our names.
        from latentcam.stream.resample import Resampler

        self._resampler = Resampler(SAMPLE_RATE)
        self._waiting = np.zeros(0, np.float32)

    def hear(self, samples: NDArray[np.float32], rate: int) -> None:
        """They say this now. samples: float32 [n] in [-1, 1] at `rate` Hz, as it comes. Raises
        MediaError for a rate at which there is no voice."""
        heard = self._resampler.push(samples, rate)
        self._waiting = np.concatenate([self._waiting, heard])[-MOST:]

    def take(self, count: int) -> Samples:
        """float32 [count] at SAMPLE_RATE, for the face; silence where too little came."""
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return np.pad(taken, (0, count - len(taken)))
