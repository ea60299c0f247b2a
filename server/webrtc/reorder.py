"""Received voice packets in order and at once; a missing one holds back only a few later ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from aiortc import RTCRtpReceiver
from aiortc.rtp import RtpPacket

from latentcam.server.webrtc.aiortc_inside import Handle, between, decode_at_once

T = TypeVar("T")

WRAP = 1 << 16  # RTP sequence numbers (RFC 3550, section 5.1)
RESTARTED = 100  # packets behind: not late but a sender that began again


class Reorder(Generic[T]):
    """Puts numbered items in order.

    An item whose predecessors are all there passes at once. Behind a gap items wait until the
    missing one comes, or until more than `patience` of them wait: then the gap is given up. So
    nothing is ever held longer than that, whatever was lost before.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._next: int | None = None
        self._waiting: dict[int, T] = {}
        self.lost = 0
        """Items that were given up."""

    def push(self, number: int, item: T) -> list[T]:
        """Take one item; returns what is due now, in order. Duplicates and late ones vanish."""
        if self._next is None:
            self._next = number
        if self._ahead(number) >= WRAP // 2:
            if WRAP - self._ahead(number) < RESTARTED:
                return []
            self._waiting.clear()
            self._next = number
        self._waiting[number] = item
        due = self._run()
        while len(self._waiting) > self._patience:
            gap = min(self._ahead(n) for n in self._waiting)
            self.lost += gap
            self._next = (self._next + gap) % WRAP
            due += self._run()
        return due

    def _ahead(self, number: int) -> int:
        assert self._next is not None
        return (number - self._next) % WRAP

    def _run(self) -> list[T]:
        assert self._next is not None
        due = []
        while self._next in self._waiting:
            due.append(self._waiting.pop(self._next))
            self._next = (self._next + 1) % WRAP
        return due


def hear_at_once(
    receiver: RTCRtpReceiver,
    patience: int,
    on_packet: Callable[[RtpPacket], None] = lambda packet: None,
) -> Reorder[RtpPacket]:
    """Let an audio receiver decode packets as they come; behind a lost one, `patience` may wait.
    on_packet gets each in order, still encoded, before it is decoded.

    Returns the order keeper, which counts the lost.
    """
    reorder: Reorder[RtpPacket] = Reorder(patience)

    def keep_order(handle: Handle) -> Handle:
        async def in_order(packet: RtpPacket, arrival_time_ms: int) -> None:
            for due in reorder.push(packet.sequence_number, packet):
                on_packet(due)
                await handle(due, arrival_time_ms)

        return in_order

    decode_at_once(receiver)
    between(receiver, keep_order)
    return reorder
