"""A voice fed by your program: what text-to-speech or an agent says, spoken in real time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import numpy as np

from latentcam.realtime_models.arrays import Samples
from latentcam.stream.messages import AudioChunk
from latentcam.stream.timeline import Timeline


class Speech:
    """An audio source. Samples come out tick by tick at the pace of speech, however fast they were
    handed in; in between comes silence, so the face stays alive. Use it on the event loop only."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._waiting: deque[Samples] = deque()
        self._said = False  # anything since the last `clear`
        self._cleared = asyncio.Event()
        self._closed = False

    def say(self, samples: Samples) -> None:
        """Speak these after everything handed in before. Returns at once.

        samples: float32 [n], mono at 16 kHz, -1 to 1. Raises ValueError for any other shape.
        """
        if np.ndim(samples) != 1:
            raise ValueError(f"got samples of shape {np.shape(samples)}, expected [n], mono")
        if self._closed:
            raise ValueError("got samples after close(), expected none")
        self._waiting.append(np.array(samples, np.float32))  # the caller may use its own again
        self._said = True

    def clear(self) -> None:
        """Interrupt: drop what has not been spoken yet; the mouth closes at once."""
        if self._said:
            self._said = False
            self._waiting.clear()
            self._cleared.set()

    def close(self) -> None:
        """Nothing more will be said; the source ends once the rest is spoken. Idempotent."""
        self._closed = True

    async def chunks(self) -> AsyncIterator[AudioChunk]:
        """The voice tick by tick, paced from now on. After `clear` one tick number is left out,
        which tells the listener to begin afresh."""
        loop, timeline = asyncio.get_running_loop(), self._timeline
        origin, tick = loop.time(), 0
        while not self._closed or self._waiting:
            try:
                async with asyncio.timeout_at(origin + timeline.seconds(tick + 1)):
                    await self._cleared.wait()
                self._cleared.clear()
                tick += 1
            except TimeoutError:
                pass
            count = timeline.first_sample(tick + 1) - timeline.first_sample(tick)
            yield AudioChunk(tick, loop.time(), self._take(count))
            tick += 1

    def _take(self, count: int) -> Samples:
        """The next samples, silence where there are none."""
        taken, have = np.zeros(count, np.float32), 0
        while self._waiting and have < count:
            part = self._waiting.popleft()
            used = part[: count - have]
            taken[have : have + len(used)] = used
            have += len(used)
            if len(used) < len(part):
                self._waiting.appendleft(part[len(used) :])
        return taken
