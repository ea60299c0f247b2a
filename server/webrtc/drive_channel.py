"""The data channel that a caller's own head comes by: what its camera lends to the face."""

from __future__ import annotations

from collections.abc import Callable

from aiortc import RTCDataChannel

from latentcam.realtime_models.motion.driven import Driven, from_packet, is_newer

NAME = "drive"


class DriveChannel:
    """Hands on what comes, the newest only: the channel is unordered, and a packet that was
    overtaken says nothing any more. What is not such a packet is passed over."""

    def __init__(self, drive: Callable[[Driven], None]) -> None:
        """drive: must return at once."""
        self._drive = drive
        self._newest: int | None = None

    def take(self, channel: RTCDataChannel) -> None:
        channel.on("message", self.hear)

    def hear(self, packet: bytes | str) -> None:
        """A message of the caller's, whatever it is."""
        found = from_packet(packet) if isinstance(packet, bytes) else None
        if found is None:
            return
        driven, number = found
        if self._newest is None or is_newer(number, self._newest):
            self._newest = number
            self._drive(driven)
