"""Cuts a stream of samples with positions into ticks."""

from __future__ import annotations

import numpy as np

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.stream.messages import AudioChunk
from latentcam.stream.timeline import Timeline

LONGEST_FILLED_GAP = SAMPLE_RATE // 5  # 200 ms; after a longer one the ticks jump


class TickCutter:
    """Collects samples of one voice and cuts them where the timeline says.

    A short gap (lost packets) becomes silence. After a long one the tick jumps to where the sound
    resumes, which tells a session to begin afresh. Samples heard before are ignored.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._tick = 0
        self._parts: list[Samples] = []
        self.end = 0
        """Position after the newest sample, counted at 16 kHz."""

    def push(self, samples: Samples, position: int, born: float) -> list[AudioChunk]:
        """Take samples that begin at `position` (counted at 16 kHz); returns the full ticks."""
        gap = position - self.end
        if gap < 0:
            samples = samples[-gap:]
        elif gap > LONGEST_FILLED_GAP:
            first = self._timeline.first_sample
            self._tick = position * self._timeline.fps // SAMPLE_RATE
            while first(self._tick) < position:
                self._tick += 1
            samples = samples[first(self._tick) - position :]
            self._parts, self.end = [], first(self._tick)
        elif gap > 0:
            self._parts.append(np.zeros(gap, np.float32))
            self.end += gap
        if len(samples):
            self._parts.append(samples)
            self.end += len(samples)
        return self._cut(born)

    def _cut(self, born: float) -> list[AudioChunk]:
        first, begin, chunks = self._timeline.first_sample, self._tick, []
        if self.end < first(begin + 1):
            return []
        heard = np.concatenate(self._parts)  # once, however many ticks are in it
        while self.end >= first(self._tick + 1):
            cut = slice(first(self._tick) - first(begin), first(self._tick + 1) - first(begin))
            chunks.append(AudioChunk(self._tick, born, heard[cut]))
            self._tick += 1
        self._parts = [heard[cut.stop :]]
        return chunks
