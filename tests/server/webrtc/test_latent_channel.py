"""A caller that draws the face itself: motion comes over its data channel, and no picture."""

from __future__ import annotations

import asyncio
import re

import numpy as np
import pytest
from aiortc import RTCDataChannel

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.motion.codec import Decoder
from latentcam.server.errors import BadRequest
from latentcam.server.webrtc.latent_channel import MOST_WAITING, NAME, LatentChannel
from latentcam.server.webrtc.offer import CHANNELS, read_offer
from latentcam.stream.messages import Motion
from tests.aio import run
from tests.peers import Caller, serving
from tests.server.test_server import VOICE, make_engine


def test_motion_comes_instead_of_pictures(tiny_pack: AvatarPack) -> None:
    packets: list[bytes] = []

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(VOICE)
            channel = caller.pc.createDataChannel(NAME, ordered=False, maxRetransmits=0)
            channel.on("message", packets.append)
            other = caller.pc.createDataChannel("other")
            socket = await caller.call(port, latents=True)
            async with asyncio.timeout(40):
                while len(packets) < 60 or other.readyState != "closed":
                    await asyncio.sleep(0.02)
            assert not caller.frames
            await socket.close()
            await caller.aclose()

    run(scene(), timeout=60)
    decoder = Decoder(tiny_pack.card.axes)
    axes = [axis.name for axis in tiny_pack.card.axes]
    mouth = [axes.index(name) for name in ("jawOpen", "mouthPucker")]
    said = []
    for packet in packets:
        decoder.decode(packet)
        assert decoder.x is not None
        said.append(decoder.x[mouth])
    assert np.ptp(said, axis=0).max() > 0.1, "the mouth moves with the voice"


def test_an_offer_keeps_its_data_channels_only_if_latents_are_asked_for() -> None:
    async def offer() -> str:
        caller = Caller(VOICE)
        caller.pc.createDataChannel(NAME)
        sdp = await caller.offer()
        await caller.aclose()
        return sdp

    sdp = run(offer())
    assert "m=application" in sdp
    assert "m=application" not in read_offer(sdp).sdp
    kept = read_offer(sdp, CHANNELS)
    assert "m=application 9 UDP/DTLS/SCTP webrtc-datachannel" in kept.sdp
    (group,) = re.findall(r"^a=group:BUNDLE (.*)\r$", kept.sdp, re.M)
    assert len(group.split()) == 3
    without = re.sub(r"m=application.*?(?=m=|\Z)", "", sdp, flags=re.S)
    with pytest.raises(
        BadRequest, match="no data channel, expected one for the latents or the drive"
    ):
        read_offer(without, CHANNELS)
    apart = re.sub(r"^a=group:.*\r\n", "", sdp, flags=re.M)
    with pytest.raises(BadRequest, match="transports of their own"):
        read_offer(apart, CHANNELS)


class Stuck:
    """A channel to somebody who is slow, as far as `LatentChannel` looks."""

    label, readyState = NAME, "open"

    def __init__(self) -> None:
        self.bufferedAmount = 0
        self.sent: list[bytes] = []

    def send(self, packet: bytes) -> None:
        self.sent.append(packet)


def test_packets_do_not_pile_up(tiny_pack: AvatarPack) -> None:
    stuck = Stuck()
    channel = LatentChannel(tiny_pack.card)
    motion = Motion(0, 0.0, np.zeros(len(tiny_pack.card.axes), np.float32))
    assert not channel.send(motion)
    channel.take(stuck)  # type: ignore[arg-type]
    assert channel.send(motion)
    stuck.bufferedAmount = MOST_WAITING + 1
    assert not channel.send(motion)
    assert len(stuck.sent) == 1


def test_aiortc_s_channels_have_what_is_looked_at() -> None:
    assert {"label", "readyState", "bufferedAmount", "send", "close"} <= set(dir(RTCDataChannel))
