"""The data channel that motion leaves by, for a page that draws the face itself."""

from __future__ import annotations

from aiortc import RTCDataChannel

from latentcam.realtime_models.card import Card
from latentcam.stream.latents import LatentSender
from latentcam.stream.messages import Motion

NAME = "latents"
MOST_WAITING = 2000  # bytes that wait to be sent, half a second; beyond, the channel is stuck


class LatentChannel:
    """Takes the channel that the caller opens, and every motion; those before it are not sent.

    No packet is ever sent twice and none waits for another: the caller opens the channel unordered
    and without retransmissions (RFC 8831). What the caller sends over it is not looked at.
    """

    def __init__(self, card: Card) -> None:
        self._card = card
        self._channel: RTCDataChannel | None = None
        self._sender = LatentSender(card.axes)

    def take(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self._sender = LatentSender(self._card.axes)  # it begins at rest, as the page does

    def send(self, motion: Motion) -> bool:
        """Whether the motion has left."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return False
        packet = self._sender.packet(motion)
        if channel.bufferedAmount > MOST_WAITING:
            return False  # heals as any loss does
        channel.send(packet)
        return True
