"""Received voice packets, in order and at once; a missing one holds back only a few later ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from aiortc import RTCRtpReceiver
from aiortc.rtp import RtpPacket

from latentcam.server.webrtc.aiortc_inside import decode_at_once, pass_by, undecoded

T = TypeVar("T")

WRAP = 1 << 16  # RTP sequence numbers (RFC 3550, section 5.1)
RESTARTED = 100  # packets behind: not late but a sender that began again
MOST_MISSED = 3000  # packets ahead: likewise (RFC 3550, appendix A.1)
MOST_UNDECODED = 25  # packets that may wait for the decoder; closing waits for them
MOST_A_SECOND = 500  # packets that are listened to; Opus has 400 at most (RFC 6716, section 2.1.4)


class Reorder(Generic[T]):
    """Puts numbered items in order.

    An item whose predecessors are all there passes at once. Behind a gap items wait until the
    missing one comes, or until more than `patience` of them wait: then the missing one is given up.
    So nothing is ever held longer than that, whatever was lost before.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._next: int | None = None
        self._waiting: dict[int, T] = {}
        self.lost = 0
        """Items that were given up."""

    def push(self, number: int, item: T) -> list[T]:
        """Take one item; returns what is due now, in order. Drops duplicates and late ones."""
        due: list[T] = []
        if self._next is None:
            self._next = number
        ahead = self._ahead(number)
        if WRAP - RESTARTED < ahead:
            return []
        if ahead > MOST_MISSED:
            due = self.restart()
            self._next = number
        self._waiting[number] = item
        due += self._run()
        while len(self._waiting) > self._patience:
            gap = min(self._ahead(n) for n in self._waiting)
            self.lost += gap
            self._next = (self._next + gap) % WRAP
            due += self._run()
        return due

    def restart(self) -> list[T]:
        """The numbering begins anew. Returns what was waiting, in order."""
        due = [self._waiting[number] for number in sorted(self._waiting, key=self._ahead)]
        self._waiting.clear()
        self._next = None
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


class Hearing:
    """An audio receiver that decodes packets as they come; behind a lost one, `patience` may wait.

    on_packet gets each in order, still encoded, before it is decoded. Packets from another source
    begin anew. Packets beyond any voice's needs, per second or waiting, are dropped.
    """

    def __init__(
        self,
        receiver: RTCRtpReceiver,
        patience: int,
        on_packet: Callable[[RtpPacket], None] = lambda packet: None,
    ) -> None:
        self._receiver, self._on_packet = receiver, on_packet
        self._order: Reorder[RtpPacket] = Reorder(patience)
        self._source: int | None = None
        self._room, self._asked = float(MOST_A_SECOND), 0  # packets, and when that was, in ms
        self.dropped = 0
        """Packets that came but were too many."""
        decode_at_once(receiver)
        self._decode = pass_by(receiver, self._hear)

    @property
    def lost(self) -> int:
        """Packets that never came, or too late."""
        return self._order.lost

    async def _hear(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        due: list[RtpPacket] = []
        if packet.ssrc != self._source:
            self._source = packet.ssrc
            due = self._order.restart()
        for ready in due + self._order.push(packet.sequence_number, packet):
            if self._has_room(arrival_time_ms) and undecoded(self._receiver) < MOST_UNDECODED:
                self._on_packet(ready)
                await self._decode(ready, arrival_time_ms)
            else:
                self.dropped += 1

    def _has_room(self, now_ms: int) -> bool:
        passed = max(0, now_ms - self._asked) / 1000
        self._asked = now_ms
        self._room = min(MOST_A_SECOND, self._room + MOST_A_SECOND * passed)
        if self._room < 1.0:
            return False
        self._room -= 1.0
        return True
