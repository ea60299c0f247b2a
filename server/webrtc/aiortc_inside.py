"""Everything we use of aiortc and aioice beyond their public names. No other file does.

They have no settings for what a talking face on an open port needs: packets decoded as they come,
an encoder of our own, other kinds of certificates, strangers' datagrams kept out. Everything here
raises `AiortcChanged` if a new release has renamed what it needs; `changes` lists it all at once.
pyproject.toml keeps both below the first release that nobody has tried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

from aiortc import RTCCertificate, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtptransceiver import RTCRtpTransceiver
from aiortc.rtp import RtpPacket

from latentcam.realtime_models.errors import LatentcamError

logger = logging.getLogger(__name__)

MOST_DATAGRAMS = 500  # that wait for their reader; 10 s of a voice
MOST_UNREADABLE = 1000  # packets of one peer that aiortc cannot digest, until its call ends
MOST_SOURCES = 16  # synchronisation sources of a peer; a receiver report has room for 31
ABANDON_DEADLINE = 1.0  # seconds

# aiortc's own, which take certificates with elliptic curves only, and the same with RSA: GStreamer
# makes those (RFC 8827, section 6.5 requires the former and forbids neither).
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in ("AES128-GCM-SHA256", "CHACHA20-POLY1305", "AES128-SHA", "AES256-SHA")
)

Handle = Callable[[RtpPacket, int], Awaitable[None]]
"""Takes a packet and the time of its arrival in milliseconds."""


class AiortcChanged(LatentcamError, RuntimeError):
    """The installed aiortc or aioice lacks a private name that we need."""


def _inside(owner: object, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        kind = owner if isinstance(owner, type) else type(owner)
        raise AiortcChanged(
            f"{kind.__module__}.{kind.__qualname__} has no {name}: got aiortc {version('aiortc')} "
            f"and aioice {version('aioice')}, expected those that pyproject.toml names"
        ) from None


def _replace(owner: object, name: str, value: object) -> None:
    _inside(owner, name)
    vars(owner)[name] = value


def changes() -> list[str]:
    """What the installed releases lack, a sentence each; empty if all is as it should be. Needs a
    running event loop."""
    connection = RTCPeerConnection()
    transceiver = connection.addTransceiver("audio")
    transport = transceiver.receiver.transport
    needed: list[tuple[object, tuple[str, ...]]] = [
        (connection, ("_RTCPeerConnection__certificates",)),
        (RTCCertificate, ("_create_ssl_context",)),
        (transceiver, ("_codecs",)),
        (transceiver.sender, ("_RTCRtpSender__encoder", *_SENDER_TASKS, *_SENDER_EVENTS)),
        (transceiver.receiver, ("_handle_rtp_packet", "_RTCRtpReceiver__jitter_buffer")),
        (transceiver.receiver, (_DECODER_QUEUE, *_RECEIVER_TASKS, *_RECEIVER_EVENTS, *_BY_SOURCE)),
        (transport, ("_recv_next", "_rtp_router", "_rx_srtp")),
        (Vp8Encoder, ("_packetize",)),
        (H264Encoder, ("_packetize", "_split_bitstream")),
    ]
    lacking = _lacking(needed)
    if not lacking:
        router = _inside(transport, "_rtp_router")
        lacking = _lacking([(router, ("route_rtp", "ssrc_table")), (transport.transport, _ICE)])
    if not lacking:
        ice = _inside(transport.transport, "_connection")
        lacking = _lacking([(ice, ("data_received", "_queue", "close"))])
    return lacking


_ICE = ("_connection",)
_DECODER_QUEUE = "_RTCRtpReceiver__decoder_queue"
_RECEIVER_TASKS = ("_RTCRtpReceiver__rtcp_task",)
_RECEIVER_EVENTS = ("_RTCRtpReceiver__rtcp_started", "_RTCRtpReceiver__rtcp_exited")
_SENDER_TASKS = ("_RTCRtpSender__rtp_task", "_RTCRtpSender__rtcp_task")
_SENDER_EVENTS = tuple(
    f"_RTCRtpSender__{kind}_{what}" for kind in ("rtp", "rtcp") for what in ("started", "exited")
)
_BY_SOURCE = tuple(
    f"_RTCRtpReceiver__{table}" for table in ("active_ssrc", "remote_streams", "lsr", "lsr_time")
)


def _lacking(needed: list[tuple[object, tuple[str, ...]]]) -> list[str]:
    found = []
    for owner, names in needed:
        for name in names:
            try:
                _inside(owner, name)
            except AiortcChanged as error:
                found.append(str(error))
    return found


# ---- the connection ------------------------------------------------------------------------------


class _Certificate(RTCCertificate):
    """Shakes hands with RSA certificates, too."""

    def _create_ssl_context(self, srtp_profiles: Any) -> Any:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(CIPHERS.encode())
        return context


def take_rsa(connection: RTCPeerConnection) -> None:
    """Let a new connection talk to peers whose certificates are RSA."""
    _inside(RTCCertificate, "_create_ssl_context")
    certificates = [_Certificate.generateCertificate()]
    _replace(connection, "_RTCPeerConnection__certificates", certificates)


class Inbound:
    """Keeps what comes in over one transport within bounds.

    Empty datagrams, from anybody, are dropped: one would end aiortc's reader. At most
    `MOST_DATAGRAMS` others wait: before a connection nobody reads them. A packet that the reader
    cannot digest is ignored. Only a peer's newest `MOST_SOURCES` synchronisation sources are kept:
    aiortc's receiver reports break at 64, and then it can no longer close.
    """

    def __init__(self, transport: RTCDtlsTransport, voice: RTCRtpReceiver) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport, self._voice = transport, voice
        self._read = _inside(transport, "_recv_next")
        ice = _inside(transport.transport, "_connection")
        self._take = _inside(ice, "data_received")
        self._queue: asyncio.Queue[Any] = _inside(ice, "_queue")
        router = _inside(transport, "_rtp_router")
        self._route = _inside(router, "route_rtp")
        self._by_source: dict[int, Any] = _inside(router, "ssrc_table")
        self._sources: dict[int, None] = {}  # the newest last
        self.heard = self._loop.time()
        """When the newest datagram came."""
        self.unreadable = 0
        """Packets that were ignored."""
        _replace(transport, "_recv_next", self._read_next)
        _replace(ice, "data_received", self._received)
        _replace(router, "route_rtp", self._receiver_of)

    def _received(self, data: bytes, component: int) -> None:
        if data and self._queue.qsize() < MOST_DATAGRAMS:
            self.heard = self._loop.time()
            self._take(data, component)

    async def _read_next(self) -> None:
        try:
            await self._read()
        except ConnectionError:
            raise
        except Exception:  # whatever a peer's packet does to aiortc must not end its call
            self.unreadable += 1
            if self.unreadable == MOST_UNREADABLE:
                raise
            if self.unreadable == 1:
                logger.info("a packet that cannot be read is passed over", exc_info=True)
            await asyncio.sleep(0)  # in case it raises without waiting for anything

    def _receiver_of(self, packet: RtpPacket) -> Any:
        """The receiver of a packet. Payload types that were not agreed on (telephone events,
        comfort noise) go to the voice's, which ignores them: their numbers do not count as lost."""
        if packet.ssrc not in self._sources and len(self._sources) == MOST_SOURCES:
            self._forget(next(iter(self._sources)))
        self._sources[packet.ssrc] = None
        receiver = self._route(packet)
        if receiver is None and self._by_source.get(packet.ssrc) is self._voice:
            return self._voice
        return receiver

    def _forget(self, source: int) -> None:
        del self._sources[source]
        self._by_source.pop(source, None)
        for table in _BY_SOURCE:
            _inside(self._voice, table).pop(source, None)
        _inside(self._transport, "_rx_srtp").remove_stream(source)


async def abandon(connection: RTCPeerConnection) -> None:
    """Make a connection close that does not: end what it waits for, and free its sockets."""
    for transceiver in connection.getTransceivers():
        sender, receiver = transceiver.sender, transceiver.receiver
        for task in (
            *(_inside(sender, name) for name in _SENDER_TASKS),
            *(_inside(receiver, name) for name in _RECEIVER_TASKS),
        ):
            if task is not None:
                task.cancel()
        for event in (
            *(_inside(sender, name) for name in _SENDER_EVENTS),
            *(_inside(receiver, name) for name in _RECEIVER_EVENTS),
        ):
            event.set()
        ice = _inside(receiver.transport.transport, "_connection")
        await asyncio.wait({asyncio.ensure_future(ice.close())}, timeout=ABANDON_DEADLINE)


# ---- media ---------------------------------------------------------------------------------------


class _OnePacketOneFrame:
    """Replaces aiortc's jitter buffer: every packet of sound is a frame."""

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame]:
        return False, JitterFrame(_inside(packet, "_data"), packet.timestamp)


def decode_at_once(receiver: RTCRtpReceiver) -> None:
    """Let an audio receiver decode every packet that it gets, in the order in which it gets them.

    aiortc's own buffer always holds four packets (80 ms), and stays full once one is lost:
    https://github.com/aiortc/aiortc/issues/543.
    """
    _replace(receiver, "_RTCRtpReceiver__jitter_buffer", _OnePacketOneFrame())


def pass_by(receiver: RTCRtpReceiver, handle: Handle) -> Handle:
    """Pass every packet for a receiver to `handle`; returns where that hands on what it wants."""
    theirs: Handle = _inside(receiver, "_handle_rtp_packet")
    _replace(receiver, "_handle_rtp_packet", handle)
    return theirs


def undecoded(receiver: RTCRtpReceiver) -> int:
    """Packets that wait for the decoder's thread. aiortc waits for all of them when it stops."""
    waiting: int = _inside(receiver, _DECODER_QUEUE).qsize()
    return waiting


def send_codec(transceiver: RTCRtpTransceiver) -> RTCRtpCodecParameters:
    """The codec in which a transceiver sends, once offer and answer are known."""
    codec: RTCRtpCodecParameters = _inside(transceiver, "_codecs")[0]
    return codec


def encode_with(sender: RTCRtpSender, encoder: object) -> None:
    """encoder: has aiortc's `encode` and `target_bitrate`."""
    _replace(sender, "_RTCRtpSender__encoder", encoder)


def vp8_payloads(data: bytes, picture_id: int) -> list[bytes]:
    """RTP payloads of an encoded picture (RFC 7741)."""
    payloads: list[bytes] = _inside(Vp8Encoder, "_packetize")(data, picture_id)
    return payloads


def h264_payloads(data: bytes) -> list[bytes]:
    """RTP payloads of an encoded picture (RFC 6184)."""
    units = _inside(H264Encoder, "_split_bitstream")(data)
    payloads: list[bytes] = _inside(H264Encoder, "_packetize")(units)
    return payloads
