"""Control vectors as a few bytes a tick, for a channel that loses, delays and reorders.

Latents instead of video at a tenth of its rate: Wang et al. 2021, "One-shot free-view neural
talking-head synthesis for video conferencing" (https://arxiv.org/abs/2011.15126). Each axis is
rounded to steps that nobody sees; a packet holds how many steps each axis moved, of its tick and of
a few before it, so that single losses leave no trace, and the whole value of a few axes in turn, so
that longer ones heal within a second. Moves are Exp-Golomb codes (Golomb 1966; Teuhola 1978): one
bit for an axis that rests. docs/protocol.md describes the bits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Control
from latentcam.realtime_models.axes import Axis

VERSION = 1
STEPS = {"1": 1 / 64, "deg": 1 / 4, "std": 1 / 16}
"""What an axis is rounded to, by its unit."""
OTHER_STEPS = 400  # to the length of an axis of any other unit
REFRESHED = 2  # axes whose whole value is in a packet
MOST_FRAMES = 4  # ticks whose moves a packet may hold
TICKS = 1 << 16  # a tick is counted modulo this
LONGEST = 4096  # bytes of a packet: 256 axes that all move far

Steps = NDArray[np.int32]


class BadPacket(ValueError):
    """What came is no packet of such axes."""


def step_sizes(axes: Sequence[Axis]) -> NDArray[np.float32]:
    """float32 [k]: what each axis is rounded to."""
    sizes = [STEPS.get(axis.unit, (axis.high - axis.low) / OTHER_STEPS) for axis in axes]
    return np.array(sizes, np.float32)


class Encoder:
    """Of one face. frames: ticks whose moves are in each packet, 1 to MOST_FRAMES: as many packets
    but one may be lost in a row without a trace."""

    def __init__(self, axes: Sequence[Axis], frames: int = 2) -> None:
        if not 1 <= frames <= MOST_FRAMES:
            raise ValueError(f"frames is {frames}, expected 1 to {MOST_FRAMES}")
        self._sizes, self._frames = step_sizes(axes), frames
        self._last: Steps = np.zeros(len(axes), np.int32)
        self._moves: deque[list[int]] = deque(maxlen=frames)

    def encode(self, tick: int, x: Control) -> bytes:
        """The packet of a tick. Ticks come one after the other."""
        now: Steps = np.rint(x / self._sizes).astype(np.int32)
        self._moves.appendleft((now - self._last).tolist())
        self._last = now
        bits = _Bits()
        for moves in self._moves:
            for move in moves:
                bits.put(move)
        for axis in refreshed(tick % TICKS, len(now)):
            bits.put(int(now[axis]))
        head = (VERSION << 4) | (len(self._moves) - 1)
        return bytes([head, *(tick % TICKS).to_bytes(2, "big")]) + bits.whole()


def refreshed(tick: int, count: int) -> list[int]:
    """The axes whose whole value is in the packet of a tick below TICKS, of `count`."""
    return [(REFRESHED * tick + i) % count for i in range(min(REFRESHED, count))]


class Decoder:
    """Of one face. `x` is the newest control vector, None before the first packet."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        self._sizes = step_sizes(axes)
        self._low = np.array([axis.low for axis in axes], np.float32)
        self._high = np.array([axis.high for axis in axes], np.float32)
        self._now: Steps = np.zeros(len(axes), np.int32)
        self._tick: int | None = None
        self.x: Control | None = None
        self.missed = 0
        """Ticks that no packet told of."""

    def decode(self, packet: bytes) -> bool:
        """Take a packet; whether it is newer than all before. Raises BadPacket."""
        if not 3 <= len(packet) <= LONGEST:
            raise BadPacket(f"got a packet of {len(packet)} bytes, expected 3 to {LONGEST}")
        if packet[0] >> 4 != VERSION:
            raise BadPacket(f"got version {packet[0] >> 4}, expected {VERSION}")
        frames, tick = (packet[0] & 3) + 1, int.from_bytes(packet[1:3], "big")
        last = (tick - frames) % TICKS if self._tick is None else self._tick
        behind = (tick - last + TICKS // 2) % TICKS - TICKS // 2
        if behind <= 0:
            return False  # late: what it says is known, or outdated
        count, bits = len(self._sizes), _Bits(packet[3:])
        moves = np.array([bits.take() for _ in range(frames * count)], np.int32)
        now = self._now + moves.reshape(frames, count)[: min(frames, behind)].sum(axis=0)
        for axis in refreshed(tick, count):
            now[axis] = bits.take()
        self._tick, self._now = tick, now.astype(np.int32)
        self.missed += max(0, behind - frames)
        self.x = np.clip(self._now * self._sizes, self._low, self._high).astype(np.float32)
        return True


class _Bits:
    """Whole numbers as Exp-Golomb codes, one behind the other: 0, 1, -1, 2 … are 1, 010, 011,
    00100 …, the last byte filled with zeros."""

    LONGEST_CODE = 20  # zeros before a code: more is no move of any axis

    def __init__(self, packet: bytes = b"") -> None:
        self._text = "".join(f"{byte:08b}" for byte in packet)
        self._at = 0

    def put(self, number: int) -> None:
        code = (2 * number if number > 0 else -2 * number + 1) if number else 1
        self._text += "0" * (code.bit_length() - 1) + f"{code:b}"

    def take(self) -> int:
        first = self._text.find("1", self._at)
        length = first - self._at + 1
        if first < 0 or length > self.LONGEST_CODE or first + length > len(self._text):
            raise BadPacket("got a packet that ends too early or holds no such moves")
        code = int(self._text[first : first + length], 2)
        self._at = first + length
        return code // 2 if code % 2 == 0 else -(code // 2)

    def whole(self) -> bytes:
        text = self._text + "0" * (-len(self._text) % 8)
        return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
