"""Figures of running sessions: ages and rates over the last seconds, stages since the start."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

import numpy as np

WINDOW = 256  # frames, about ten seconds

BOUNDS = (
    0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.025,
    0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0,
)  # fmt: skip

STAGES = {
    "motion": "from a tick's last packet arriving to its x_t, waiting included",
    "wait": "from x_t to the decoder taking it up",
    "decode": "x_t to a picture",
    "encode": "a picture to packets of video",
    "age": "from a tick's last packet arriving to its frame leaving",
}


class Histogram:
    """Seconds, counted into buckets since the start and kept exactly for the last while."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        """Values up to BOUNDS[i], above the bound before; the last one above all bounds."""
        self.total = 0.0
        self._recent: deque[float] = deque(maxlen=WINDOW)

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds
        self._recent.append(seconds)

    def percentile(self, p: float) -> float:
        """Over the last WINDOW values, seconds; 0 before any."""
        return float(np.percentile(self._recent, p)) if self._recent else 0.0


class Stages:
    """Where the time goes, over all sessions of an engine. Fed on the event loop."""

    def __init__(self) -> None:
        self.histograms = {name: Histogram() for name in STAGES}

    def observe(self, stage: str, seconds: float) -> None:
        self.histograms[stage].observe(seconds)


class Meter:
    """One session's frames. Fed on the event loop with every frame that leaves."""

    def __init__(self) -> None:
        self._ages: deque[float] = deque(maxlen=WINDOW)
        self._sent: deque[float] = deque(maxlen=WINDOW)
        self.frames = 0

    def frame(self, born: float, now: float) -> None:
        self._ages.append(now - born)
        self._sent.append(now)
        self.frames += 1

    def age(self, percentile: float, newest: int = WINDOW) -> float:
        """Seconds from a tick's last sample arriving to its frame leaving, over the `newest`
        frames; 0 before any."""
        ages = list(self._ages)[-newest:]
        return float(np.percentile(ages, percentile)) if ages else 0.0

    @property
    def fps(self) -> float:
        if len(self._sent) < 2:
            return 0.0
        return (len(self._sent) - 1) / max(1e-6, self._sent[-1] - self._sent[0])
