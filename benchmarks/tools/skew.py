"""How far is the returned voice from the lips, at a receiver that keeps both in sync?"""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np
from numpy.typing import NDArray

RATE = 16000  # Hz, at which voices are compared
WINDOW = RATE // 2  # samples of returned voice that are looked for
FARTHEST = RATE  # samples that the returned voice may be away from where it was
SURE = 0.5  # correlation from which a find counts
OPUS_DELAY = 0.0065  # seconds that an Opus encoder puts before the sound (RFC 6716, section 2)


class VoiceFinder:
    """Finds the returned voice in the voice that was sent.

    sent: float32 [n] at 48 kHz, each half a second of its sound unlike any other; it is sent again
    and again. Feed it every returned packet; on_find gets (pts in seconds of the returned stream,
    moment in the sent voice) twice a second while somebody speaks.
    """

    def __init__(self, sent: NDArray[np.float32], on_find: Callable[[float, float], None]) -> None:
        self._sent, self._on_find = sent[::3].astype(np.float32), on_find
        self._parts: list[NDArray[np.float32]] = []
        self._begun = 0.0  # pts of the first sample that waits, seconds
        self._end: int | None = None  # pts behind the newest packet

    def hear(self, packet: av.AudioFrame) -> None:
        assert packet.pts is not None
        if self._end != packet.pts or not self._parts:  # a loss: begin again
            self._parts, self._begun = [], packet.pts / packet.sample_rate
        self._end = packet.pts + packet.samples
        stereo = packet.to_ndarray().reshape(-1, 2)
        self._parts.append((stereo[::3, 0] / 32768).astype(np.float32))
        if sum(map(len, self._parts)) >= WINDOW:
            part = np.concatenate(self._parts)[:WINDOW]
            found = self.find(part, self._begun)
            if found is not None:
                self._on_find(self._begun, found)
            self._parts = []

    def find(self, part: NDArray[np.float32], near: float) -> float | None:
        """Seconds in the sent voice at which `part` begins; None if it is not sure."""
        if np.sqrt(np.mean(part**2)) < 0.02:
            return None
        first = round(near * RATE) - FARTHEST
        there = np.take(self._sent, np.arange(first, first + 2 * FARTHEST + len(part)), mode="wrap")
        size = 1 << (len(there) + len(part)).bit_length()
        product = np.fft.irfft(np.fft.rfft(there, size) * np.conj(np.fft.rfft(part, size)), size)
        power = np.concatenate([[0.0], np.cumsum(there.astype(np.float64) ** 2)])
        energy = power[len(part) :] - power[: -len(part)]
        likeness = product[: len(energy)] / np.sqrt(energy * np.sum(part**2) + 1e-9)
        best = int(np.argmax(likeness))
        return (first + best) / RATE if likeness[best] > SURE else None
