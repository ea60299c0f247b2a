"""The voice into a virtual microphone, as late as the face is, so that the two match in a call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.stream.errors import DeviceError
from latentcam.stream.local.held_stream import HeldStream
from latentcam.stream.local.sound_devices import BLOCK, VOICE_RATE, open_voice_out

logger = logging.getLogger(__name__)

HELD = 8 * VOICE_RATE  # samples that are kept, more than any delay
STEADY = 0.01  # share of a new block in the estimate of when sound arrives: about a second
EASY = 0.05  # the same for the error of what is being played
NEAR, FAR = 0.002, 0.1  # seconds off: left as it is, jumped over; in between it is caught up with
FASTEST = 0.004  # change of speed, and of pitch, while catching up: 7 cents
MARGIN = 0.015  # seconds that sound arrives before it is played, for what comes late
WATCH = 1.0  # seconds between looks whether the device still plays
LOST_AFTER = 3.0  # seconds without a call from PortAudio


class VoiceLine:
    """Sound goes in by one clock and out by another, always `delay` seconds apart.

    `put` is called on the event loop, `take` in PortAudio's thread. There is no lock: a block is
    written before the count of samples grows, and only what is counted is read.
    """

    def __init__(self, delay: float) -> None:
        self.delay = delay
        """Seconds from a sample's arrival until it is heard; may be changed at any time."""
        self._ring = np.zeros(HELD, np.float32)
        self._written = 0
        self._arrival: float | None = None  # when sample 0 arrived, as the samples since tell
        self._read: float | None = None  # the position that is played next
        self._error = 0.0  # seconds that it is ahead of where it should be, smoothed
        self.jumps = 0

    def put(self, samples: Samples, born: float) -> None:
        """born: the time when the last of them arrived."""
        for at in range(0, len(samples), HELD):
            part = samples[at : at + HELD]
            places = np.arange(self._written, self._written + len(part)) % HELD
            self._ring[places] = part
            self._written += len(part)
        measured = born - self._written / VOICE_RATE
        if self._arrival is None or abs(measured - self._arrival) > FAR:
            self._arrival = measured
        self._arrival += STEADY * (measured - self._arrival)

    def take(self, count: int, heard_at: float) -> NDArray[np.float32]:
        """float32 [count]: what is to be heard from the time `heard_at` on."""
        if self._arrival is None:
            return np.zeros(count, np.float32)
        wanted = (heard_at - self.delay - self._arrival) * VOICE_RATE
        if self._read is None or abs(self._read - wanted) > FAR * VOICE_RATE:
            self.jumps += self._read is not None
            self._read, self._error = float(round(wanted)), 0.0
        self._error += EASY * ((self._read - wanted) / VOICE_RATE - self._error)
        speed = 1.0
        if abs(self._error) > NEAR:
            speed -= max(-FASTEST, min(FASTEST, self._error))
        places = self._read + speed * np.arange(count, dtype=np.float64)
        self._read += speed * count
        return self._at(places)

    def _at(self, places: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Sound between samples: a cubic through the four around it (Catmull and Rom 1974)."""
        whole = np.floor(places).astype(np.int64)
        t = (places - whole).astype(np.float32)
        a, b, c, d = (self._sample(whole + step) for step in (-1, 0, 1, 2))
        if not t.any():
            return b
        out: NDArray[np.float32] = b + 0.5 * t * (
            c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))
        )
        return out

    def _sample(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        written = self._written
        known = (places >= max(0, written - HELD)) & (places < written)
        sound: NDArray[np.float32] = np.where(known, self._ring[places % HELD], np.float32(0))
        return sound


class VoiceOut(HeldStream):
    """Plays a voice line into a named device; reopens the device after it has gone away.

    thread: where PortAudio's blocking calls run; one worker, shared with other sound streams.
    """

    def __init__(self, name: str, line: VoiceLine, thread: Executor) -> None:
        super().__init__(thread)
        self.name, self._line = name, line
        self._called = 0.0  # when PortAudio asked last
        self._latency = 0.0  # seconds until what it asks for is heard, smoothed
        self.lost = False

    async def open(self) -> None:
        """Raises DeviceError."""
        loop = asyncio.get_running_loop()
        self._stream = await loop.run_in_executor(
            self._thread, open_voice_out, self.name, self._want
        )
        self._called = time.monotonic()

    def _want(self, count: int, in_seconds: float) -> NDArray[np.float32]:
        self._called = time.monotonic()  # the clock of the event loop
        self._latency += EASY * (in_seconds - self._latency)
        return self._line.take(count, self._called + in_seconds)

    async def reopen(self) -> None:
        """Reopen a device that went away or was recreated; if that fails, `run` tries again."""
        async with self._opening:
            await self.close()
            with contextlib.suppress(DeviceError):
                await self.open()

    async def run(self, delay: Callable[[], float | None]) -> None:
        """Follow the delay and watch the device, for ever.

        delay: None leaves it as it is; it cannot be less than the device's own delay.
        """
        while True:
            await asyncio.sleep(WATCH)
            if (wanted := delay()) is not None:
                self._line.delay = max(wanted, self._latency + BLOCK / VOICE_RATE + MARGIN)
            if time.monotonic() - self._called < LOST_AFTER:
                if self.lost:
                    self.lost = False
                    logger.warning("the voice plays into %s again", self.name)
                continue
            if not self.lost:
                self.lost = True
                logger.warning("%s went away; nobody hears the voice", self.name)
            await self.reopen()
