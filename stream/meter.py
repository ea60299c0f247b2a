"""Figures of running sessions: ages and rates over the last seconds, stages since the start."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import Literal

WINDOW = 256  # frames, about ten seconds

BOUNDS = (
    0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.025,
    0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0,
)  # fmt: skip

Stage = Literal["motion", "wait", "decode", "encode", "age"]
STAGES: dict[Stage, str] = {
    "motion": "from a tick's last packet arriving to its x_t, waiting included",
    "wait": "from x_t to the decoder taking it up",
    "decode": "x_t to a picture",
    "encode": "a picture to packets of video",
    "age": "from a tick's last packet arriving to its frame leaving",
}


def percentile(values: Sequence[float], p: float) -> float:
    """Interpolates linearly; 0 if there are no values. numpy's is slower for so few."""
    if not values:
        return 0.0
    ordered, at = sorted(values), (len(values) - 1) * p / 100
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


class Histogram:
    """Seconds: counted in buckets since the start, and the last WINDOW of them kept exactly."""

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
        return percentile(self._recent, p)


class Stages:
    """Where the time goes, over all sessions of an engine. Fed on the event loop."""

    def __init__(self) -> None:
        self.histograms: dict[Stage, Histogram] = {stage: Histogram() for stage in STAGES}

    def observe(self, stage: Stage, seconds: float) -> None:
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

    def age(self, p: float, newest: int = WINDOW) -> float:
        """Seconds from a tick's last sample arriving to its frame leaving, over the `newest`
        frames; 0 before any."""
        return percentile(list(self._ages)[-newest:], p)

    def fps(self, now: float) -> float:
        """Over the last WINDOW frames; a second without one counts as well."""
        if len(self._sent) < 2:
            return 0.0
        end = now if now - self._sent[-1] > 1.0 else self._sent[-1]
        return (len(self._sent) - 1) / max(1e-6, end - self._sent[0])
