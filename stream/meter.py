"""Figures of a running session: ages and rates over the last seconds."""

from __future__ import annotations

from collections import deque

import numpy as np

WINDOW = 256  # frames, about ten seconds


class Meter:
    """Fed on the event loop with every frame that is handed to a sink."""

    def __init__(self) -> None:
        self._ages: deque[float] = deque(maxlen=WINDOW)
        self._sent: deque[float] = deque(maxlen=WINDOW)
        self.frames = 0

    def frame(self, born: float, now: float) -> None:
        self._ages.append(now - born)
        self._sent.append(now)
        self.frames += 1

    def age(self, percentile: float) -> float:
        """Seconds from a tick's last sample arriving to its frame leaving; 0 before any."""
        return float(np.percentile(self._ages, percentile)) if self._ages else 0.0

    @property
    def fps(self) -> float:
        if len(self._sent) < 2:
            return 0.0
        return (len(self._sent) - 1) / max(1e-6, self._sent[-1] - self._sent[0])
