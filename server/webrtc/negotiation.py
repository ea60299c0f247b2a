"""From an offer to a connection that has been agreed on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp

from latentcam.server.config import IceServer
from latentcam.server.errors import BadRequest, Refused
from latentcam.server.webrtc.aiortc_inside import AiortcChanged, Inbound, abandon, take_rsa
from latentcam.server.webrtc.offer import Offer, read_offer

logger = logging.getLogger(__name__)

GATHER_DEADLINE = 10.0  # seconds for everything up to the answer; aioice asks STUN for 5
CLOSE_DEADLINE = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Negotiated:
    """A connection whose offer is answered. It connects as soon as the peer has the answer.

    audio hears and sends the voice, video sends the face; neither has a track yet.
    """

    connection: RTCPeerConnection
    audio: RTCRtpTransceiver
    video: RTCRtpTransceiver
    inbound: Inbound
    answer: str
    offer: Offer

    async def learn_names(self) -> None:
        """Look up the peer's mDNS names: ours may be the side that gets through a firewall."""

        async def learn(name: str) -> None:
            candidate = candidate_from_sdp(name)
            candidate.sdpMid = self.offer.transport
            try:
                await self.connection.addIceCandidate(candidate)
            except OSError as error:  # no multicast here
                logger.info("an mDNS name cannot be looked up: %s", error)

        await asyncio.gather(*map(learn, self.offer.names))


async def negotiate(sdp: str, ice_servers: Sequence[IceServer], data: bool = False) -> Negotiated:
    """Answer an offer. data: with its data channels. Raises BadRequest for one that we cannot
    answer, and Refused if this machine cannot be called over its network; then nothing is left
    behind."""
    offer = read_offer(sdp, data)
    servers = [RTCIceServer(s.urls, s.username, s.credential) for s in ice_servers]
    connection = RTCPeerConnection(RTCConfiguration(servers))
    try:
        take_rsa(connection)
        async with asyncio.timeout(GATHER_DEADLINE):
            return await _answer(connection, offer)
    except BaseException as error:
        await close(connection)
        if isinstance(error, (AiortcChanged, Refused)) or not isinstance(error, Exception):
            raise
        if isinstance(error, TimeoutError):
            raise Refused(
                503,
                f"the server found out within {GATHER_DEADLINE:.0f} s not under which addresses it "
                "can be reached; is its --ice-server right?",
            ) from None
        logger.debug("an offer cannot be used", exc_info=error)
        # aiortc raises many kinds for a bad SDP, some of them without words.
        why = str(error) or type(error).__name__
        raise BadRequest(f"the offer is not a usable SDP: {why}") from None


async def _answer(connection: RTCPeerConnection, offer: Offer) -> Negotiated:
    await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
    audio, video = sorted(connection.getTransceivers(), key=lambda t: t.kind)
    audio.direction, video.direction = "sendrecv", "sendonly"
    transport = audio.receiver.transport
    inbound = Inbound(transport, audio.receiver)
    if video.receiver.transport is not transport:
        Inbound(video.receiver.transport, audio.receiver)
    await connection.setLocalDescription(await connection.createAnswer())
    if not transport.transport.iceGatherer.getLocalCandidates():
        raise Refused(
            503,
            "the server's machine has no network but its own loopback, and browsers make no call "
            "over that: switch Wi-Fi on or plug a cable in (nothing has to be reachable), then try "
            "again",
        )
    answer = offer.answer(connection.localDescription.sdp)
    return Negotiated(connection, audio, video, inbound, answer, offer)


async def close(connection: RTCPeerConnection) -> None:
    """Close a connection, whatever state it is in, within a time limit."""
    closing = asyncio.ensure_future(connection.close())
    done, late = await asyncio.wait({closing}, timeout=CLOSE_DEADLINE)
    if late:
        logger.warning("a connection did not close within %.0f s and is cut", CLOSE_DEADLINE)
        await abandon(connection)
        done, late = await asyncio.wait({closing}, timeout=CLOSE_DEADLINE)
        closing.cancel()
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("a connection did not close in order and is cut", exc_info=error)
            await abandon(connection)
