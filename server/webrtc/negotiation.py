"""From an offer to a connection that has been agreed on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiortc import (
    RTCConfiguration,
    RTCDtlsTransport,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp

from latentcam.server.config import IceServer
from latentcam.server.errors import BadRequest, Refused
from latentcam.server.webrtc.aiortc_inside import AiortcChanged, Inbound, abandon, take_rsa
from latentcam.server.webrtc.offer import CALL, Offer, Terms, read_offer

logger = logging.getLogger(__name__)

GATHER_DEADLINE = 10.0  # seconds for everything up to the answer; aioice asks STUN for 5
CLOSE_DEADLINE = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Negotiated:
    """A connection whose offer is answered. It connects as soon as the peer has the answer.

    audio hears and sends the voice, video sends the face, as far as they were agreed on; neither
    has a track yet.
    """

    connection: RTCPeerConnection
    audio: RTCRtpTransceiver | None
    video: RTCRtpTransceiver | None
    inbound: Inbound
    answer: str
    offer: Offer

    @property
    def transport(self) -> RTCDtlsTransport:
        """The voice's, which is the only one unless the offer keeps it apart from the face's."""
        one = self.audio or self.video
        assert one is not None
        return _transport_of(one)

    async def learn(self, candidates: Iterable[str]) -> None:
        """Try these addresses of the peer, too, which are as in SDP, without their `a=candidate:`.
        mDNS names are looked up: ours may be the side that gets through a firewall."""

        async def learn(text: str) -> None:
            candidate = candidate_from_sdp(text)
            candidate.sdpMid = self.offer.transport
            try:
                await self.connection.addIceCandidate(candidate)
            except OSError as error:  # no multicast here
                logger.info("an mDNS name cannot be looked up: %s", error)

        await asyncio.gather(*map(learn, candidates))


def _transport_of(transceiver: RTCRtpTransceiver) -> RTCDtlsTransport:
    transport: RTCDtlsTransport = transceiver.receiver.transport
    return transport


async def negotiate(sdp: str, ice_servers: Sequence[IceServer], terms: Terms = CALL) -> Negotiated:
    """Answer an offer. Raises BadRequest for one that we cannot answer, and Refused if this machine
    cannot be called over its network; then nothing is left behind."""
    offer = read_offer(sdp, terms)
    servers = [RTCIceServer(s.urls, s.username, s.credential) for s in ice_servers]
    connection = RTCPeerConnection(RTCConfiguration(servers))
    try:
        take_rsa(connection)
        async with asyncio.timeout(GATHER_DEADLINE):
            return await _answer(connection, offer, terms)
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


async def _answer(connection: RTCPeerConnection, offer: Offer, terms: Terms) -> Negotiated:
    await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
    by_kind = {transceiver.kind: transceiver for transceiver in connection.getTransceivers()}
    audio, video = by_kind.get("audio"), by_kind.get("video")
    if audio is not None:
        audio.direction = terms.voice
    if video is not None:
        video.direction = "sendonly"
    one = audio or video
    assert one is not None
    transport = _transport_of(one)
    inbound = Inbound(transport, one.receiver)
    if video is not None and _transport_of(video) is not transport:
        Inbound(_transport_of(video), one.receiver)
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
