"""Which of a caller's data channels are taken, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiortc import RTCDataChannel, RTCPeerConnection


def hand_out(
    connection: RTCPeerConnection, takers: Mapping[str, Callable[[RTCDataChannel], None]]
) -> None:
    """Each taker gets the first channel that the caller opens under its name; all others are
    closed."""
    waiting = dict(takers)

    def opened(channel: RTCDataChannel) -> None:
        taker = waiting.pop(channel.label, None)
        if taker is None:
            channel.close()
        else:
            taker(channel)

    connection.on("datachannel", opened)
