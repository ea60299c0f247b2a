"""Real callers, well-behaved and not: whose call ends, why, and what is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aioice.ice
import numpy as np
import pytest
from aiortc import RTCCertificate, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder
from latentcam.realtime_models.motion.performance import Performer
from latentcam.server.config import ServerConfig
from latentcam.server.errors import Refused
from latentcam.server.lobby import Lobby
from latentcam.server.webrtc import line, negotiation
from latentcam.server.webrtc.aiortc_inside import CIPHERS, MOST_DATAGRAMS, MOST_SOURCES
from latentcam.server.webrtc.negotiation import close, negotiate
from latentcam.server.webrtc.reorder import MOST_A_SECOND, MOST_UNDECODED, Hearing
from latentcam.stream.engine import Engine
from latentcam.stream.messages import Frame
from latentcam.stream.timeline import Timeline
from tests.aio import run
from tests.peers import Caller, serving
from tests.voice import speech

VOICE = speech(2.0, 48000)
DEADLINE = 30.0  # seconds, for what takes one


@contextlib.asynccontextmanager
async def lobby_of(pack: AvatarPack) -> AsyncIterator[Lobby]:
    engine = Engine(Avatar(pack, OpenVinoDecoder(pack)), Performer(pack), Timeline(25), 2)
    await engine.warm_up()
    lobby = Lobby(engine, ServerConfig())
    try:
        yield lobby
    finally:
        await lobby.aclose()
        assert engine.sessions == 0 and not lobby.peers
        await engine.aclose()


class Call:
    """A caller in the lobby, connected and seeing itself; what it sends may be meddled with."""

    def __init__(self, lobby: Lobby) -> None:
        self.lobby, self.caller = lobby, Caller(VOICE, again=True)
        self.meddle: Callable[[bytes], bytes] = lambda data: data
        """What is done to every packet of sound before it is encrypted."""

    async def __aenter__(self) -> Call:
        self.peer, answer = await self.lobby.admit(await self.caller.offer(), None)
        self.answer = answer
        self._send = self._sender()
        await self.caller.accept(answer)
        await self.caller.until_frames(3, DEADLINE)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.caller.aclose()

    def _sender(self) -> Callable[[bytes], Awaitable[None]]:
        transport = self.caller.pc.getSenders()[0].transport
        send: Callable[[bytes], Awaitable[None]] = transport._send_rtp

        async def meddled(data: bytes) -> None:
            is_report = 192 <= data[1] <= 223
            await send(data if is_report else self.meddle(data))

        vars(transport)["_send_rtp"] = meddled
        return send

    async def send(self, data: bytes) -> None:
        """A packet of any content, well encrypted."""
        with contextlib.suppress(Exception):  # our own side may refuse to encrypt it
            await self._send(data)

    async def goes_on(self) -> None:
        """Two more seconds of face come."""
        await self.caller.until_frames(len(self.caller.frames) + 50, DEADLINE)

    async def ends(self) -> None:
        async with asyncio.timeout(DEADLINE):
            await self.lobby.wait(self.peer)

    @property
    def ssrc(self) -> int:
        ssrc: int = self.caller.pc.getSenders()[0]._ssrc
        return ssrc


def test_a_stranger_s_datagrams_end_no_call(tiny_pack: AvatarPack) -> None:
    """One empty one did: a scan of all ports ended every call."""

    async def scene() -> None:
        async with lobby_of(tiny_pack) as lobby, Call(lobby) as call:
            ports = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", call.answer)
            for data in (b"", b"\x80", b"\x16" + bytes(200), bytes.fromhex("15fefd00"), b""):
                for host, port in ports:
                    family = socket.AF_INET6 if ":" in host else socket.AF_INET
                    with socket.socket(family, socket.SOCK_DGRAM) as stranger:
                        with contextlib.suppress(OSError):
                            stranger.sendto(data, (host, int(port)))
            await call.goes_on()

    run(scene(), timeout=90)


def test_reports_that_make_no_sense_end_no_call(tiny_pack: AvatarPack) -> None:
    """A bandwidth estimate (REMB) for more senders than it names did."""

    async def scene() -> None:
        async with lobby_of(tiny_pack) as lobby, Call(lobby) as call:
            body = struct.pack("!LL", call.ssrc, 0) + b"REMB" + bytes([255, 0, 0, 1])
            for payload in (body, body[:8], body + bytes(4), bytes(8)):
                head = struct.pack("!BBH", 0x80 | 15, 206, len(payload) // 4)
                for _ in range(5):
                    await call.send(head + payload)
            await call.goes_on()
            assert call.peer._negotiated.inbound.unreadable > 0

    run(scene(), timeout=90)


def test_many_sources_keep_no_place(tiny_pack: AvatarPack) -> None:
    """Receiver reports have room for 31. With 300 sources the report failed, closing waited for
    it for ever, and with it the place and the server's end."""

    async def scene() -> None:
        async with lobby_of(tiny_pack) as lobby:
            async with Call(lobby) as call:
                agreed = call.peer._codec.payloadType
                for number in range(300):
                    for at, payload_type in enumerate((111, agreed)):
                        head = struct.pack("!BBHLL", 0x80, payload_type, at, 0, 5000 + number)
                        await call.send(head + b"\xf8\xff\xfe")
                    if number % 50 == 0:
                        await asyncio.sleep(0.05)
                await asyncio.sleep(2.0)  # reports are sent every 1.5 s at least
                receiver = call.peer._audio.receiver
                streams = vars(receiver)["_RTCRtpReceiver__remote_streams"]
                assert 0 < len(streams) <= MOST_SOURCES
                await call.goes_on()
            await call.ends()

    run(scene(), timeout=90)


def test_only_what_never_came_is_lost(tiny_pack: AvatarPack) -> None:
    """A new source begins at any number: 30 000 packets were lost. So were telephone events."""
    count = 0

    async def scene() -> None:
        async with lobby_of(tiny_pack) as lobby, Call(lobby) as call:

            def meddle(data: bytes) -> bytes:
                nonlocal count
                count += 1
                if count % 10 == 5:  # a payload type that was not agreed on
                    return data[:1] + bytes([126]) + data[2:]
                if count > 50:
                    number = (int.from_bytes(data[2:4]) + 1000) % (1 << 16)
                    return (
                        data[:2] + number.to_bytes(2) + data[4:8] + b"\x12\x34\x56\x78" + data[12:]
                    )
                return data

            call.meddle = meddle
            await call.goes_on()
            await call.goes_on()
            assert call.peer.stats().lost_packets == 0 and count > 100

    run(scene(), timeout=90)


def test_sound_faster_than_real_time_is_not_rendered_so(tiny_pack: AvatarPack) -> None:
    """One peer was drawn 192 times a second."""

    async def scene() -> None:
        async with lobby_of(tiny_pack) as lobby, Call(lobby) as call:
            payload_type = call.peer._codec.payloadType
            loop = asyncio.get_running_loop()
            begun, before = loop.time(), call.peer._motion.ticks_heard
            for number in range(600):  # the packets of 60 ms hold 36 s
                head = struct.pack("!BBHLL", 0x80, payload_type, number, 2880 * number, 77)
                await call.send(head + b"\x18\xff\xfe")
                await asyncio.sleep(0.004)
            await call.goes_on()
            most = 25 * ((loop.time() - begun) * 1.05 + 2.0)
            assert call.peer._motion.ticks_heard - before < most
            assert call.peer.stats().dropped_packets > 100

    run(scene(), timeout=120)


def test_before_a_connection_only_so_many_datagrams_wait() -> None:
    """150 000 of a stranger took 216 MB that never came back."""

    async def scene() -> None:
        caller = Caller(VOICE)
        negotiated = await negotiate(await caller.offer(), ())
        ice = negotiated.transport.transport._connection
        for _ in range(5 * MOST_DATAGRAMS):
            ice.data_received(b"x" * 1400, 1)
        assert ice._queue.qsize() == MOST_DATAGRAMS
        await close(negotiated.connection)
        await caller.aclose()

    run(scene())


class Waiting:
    """A receiver whose decoder is busy with something else."""

    def __init__(self) -> None:
        self.receiver = RTCPeerConnection().addTransceiver("audio").receiver
        opus = RTCRtpCodecParameters("audio/opus", 48000, 2, 111)
        vars(self.receiver)["_RTCRtpReceiver__codecs"] = {111: opus}
        vars(self.receiver)["_RTCRtpReceiver__decoder_thread"] = threading.Thread()

    async def hear(self, number: int, at: float) -> None:
        packet = RtpPacket(
            payload_type=111, sequence_number=number, timestamp=960 * number, payload=b"sound"
        )
        await self.receiver._handle_rtp_packet(packet, arrival_time_ms=round(at * 1000))


def test_a_backlog_is_short_and_so_is_closing() -> None:
    """aiortc waits for the decoder on the event loop when it stops: 1.2 s after a flood."""

    async def scene() -> None:
        waiting = Waiting()
        hearing = Hearing(waiting.receiver, 2)
        for number in range(100):
            await waiting.hear(number, 0.02 * number)
        assert hearing.dropped == 100 - MOST_UNDECODED and hearing.lost == 0

    run(scene())


def test_more_packets_than_any_voice_has_are_not_listened_to() -> None:
    async def scene() -> None:
        waiting = Waiting()
        passed = 0

        def count(packet: RtpPacket) -> None:
            nonlocal passed
            passed += 1
            queue = vars(waiting.receiver)["_RTCRtpReceiver__decoder_queue"]
            while not queue.empty():
                queue.get()

        hearing = Hearing(waiting.receiver, 0, count)
        for number in range(20_000):
            await waiting.hear(number, 1000.0 + number / 4000)  # 5 s
        assert passed == pytest.approx(6 * MOST_A_SECOND, rel=0.01)
        assert passed + hearing.dropped == 20_000 and hearing.lost == 0

    run(scene())


HUNG_UP, NEVER, KEYS = "the caller hung up", "no connection within 0 s", "could not agree on keys"


@pytest.mark.parametrize("reason", [HUNG_UP, NEVER, KEYS])
def test_the_log_says_why_a_session_ended(
    tiny_pack: AvatarPack,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "latentcam")

    async def scene() -> None:
        async with lobby_of(tiny_pack) as lobby:
            if reason == HUNG_UP:
                async with Call(lobby) as call:
                    pass
                await call.ends()
                return
            caller = Caller(VOICE)
            offer = await caller.offer()
            if reason == KEYS:  # the certificate is another than the offer says
                offer = re.sub(r"(a=fingerprint:\S+ )..", r"\g<1>00", offer)
            else:
                monkeypatch.setattr(line, "CONNECT_DEADLINE", 0.2)
            never, answer = await lobby.admit(offer, None)
            if reason == KEYS:
                await caller.accept(answer)
            async with asyncio.timeout(DEADLINE):
                await lobby.wait(never)
            await caller.aclose()

    run(scene(), timeout=90)
    assert re.search(f"session {'.' * 6} ended: .*{re.escape(reason)}", caplog.text)


@pytest.mark.parametrize("steps", range(0, 40, 4))
def test_hanging_up_while_the_session_ends_leaves_nothing(
    tiny_pack: AvatarPack, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 150 callers that hung up just then, 5 left a task and a socket: the close that was under
    way was cancelled, and then waited for."""

    async def scene() -> None:
        async with lobby_of(tiny_pack) as lobby:
            caller = Caller(VOICE)
            monkeypatch.setattr(line, "CONNECT_DEADLINE", 0.01)
            ending, _ = await lobby.admit(await caller.offer(), None)
            await asyncio.sleep(0.012)
            for _ in range(steps):
                await asyncio.sleep(0)
            async with asyncio.timeout(DEADLINE):
                await lobby.dismiss(ending, "it hung up")
            ice = ending._negotiated.transport.transport._connection
            assert not ice._protocols, "no socket is left"
            await caller.aclose()

    run(scene(), timeout=60)  # which fails for a task that is left


def test_a_connection_that_does_not_close_is_cut(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever aiortc waits for: nothing in a closing path waits for ever."""
    monkeypatch.setattr(negotiation, "CLOSE_DEADLINE", 0.3)

    async def broken(receiver: RTCRtpReceiver) -> None:
        vars(receiver)["_RTCRtpReceiver__rtcp_started"].set()  # and never the end

    async def scene() -> None:
        monkeypatch.setattr(RTCRtpReceiver, "_run_rtcp", broken)
        caller = Caller(VOICE)
        negotiated = await negotiate(await caller.offer(), ())
        connected = asyncio.Event()
        negotiated.connection.on("connectionstatechange", connected.set)
        await caller.accept(negotiated.answer)
        async with asyncio.timeout(DEADLINE):
            while negotiated.connection.connectionState != "connected":
                connected.clear()
                await connected.wait()
            await asyncio.sleep(0.1)
            await close(negotiated.connection)
        ice = negotiated.transport.transport._connection
        assert not ice._protocols
        await close(caller.pc)
        await caller.aclose()

    run(scene(), timeout=60)
    assert "did not close within" in caplog.text


class RsaCertificate(RTCCertificate):
    """As GStreamer's, and what many gateways have."""

    @classmethod
    def made(cls) -> RsaCertificate:
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
        elliptic = RTCCertificate.generateCertificate()._cert
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(elliptic.not_valid_before_utc)
            .not_valid_after(elliptic.not_valid_after_utc)
            .sign(key, hashes.SHA256())
        )
        return cls(key=key, cert=certificate)  # type: ignore[arg-type]

    def _create_ssl_context(self, srtp_profiles: Any) -> Any:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(CIPHERS.encode())
        return context


@pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
def test_a_caller_with_an_rsa_certificate_connects(setup: str) -> None:
    """GStreamer has such a one, and could not: "no shared cipher", said to nobody."""

    async def scene() -> None:
        caller = RTCPeerConnection()
        vars(caller)["_RTCPeerConnection__certificates"] = [RsaCertificate.made()]
        caller.addTransceiver("audio", "sendrecv")
        caller.addTransceiver("video", "recvonly")
        await caller.setLocalDescription(await caller.createOffer())
        offer = caller.localDescription.sdp.replace("a=setup:actpass", f"a=setup:{setup}")
        negotiated = await negotiate(offer, ())
        await caller.setRemoteDescription(RTCSessionDescription(negotiated.answer, "answer"))
        async with asyncio.timeout(DEADLINE):
            while negotiated.connection.connectionState != "connected":
                assert negotiated.connection.connectionState != "failed"
                await asyncio.sleep(0.05)
        await close(negotiated.connection)
        await close(caller)

    run(scene(), timeout=60)


def test_a_caller_behind_mdns_names_connects(tiny_pack: AvatarPack) -> None:
    """Nobody resolves the names here; the caller finds us."""

    async def scene() -> None:
        async with lobby_of(tiny_pack) as lobby:
            caller = Caller(VOICE)
            offer = re.sub(
                r"(a=candidate:\S+ 1 udp \d+ )\S+", r"\g<1>0a1b2c3d.local", await caller.offer()
            )
            assert "a=end-of-candidates" in offer
            _, answer = await lobby.admit(offer, None)
            await caller.accept(answer)
            await caller.until_frames(10, DEADLINE)
            await caller.aclose()

    run(scene(), timeout=90)


def test_a_machine_without_a_network_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page blamed a firewall."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: [])

    async def scene() -> None:
        caller = Caller(VOICE)
        with pytest.raises(Refused, match="no network but its own loopback") as refused:
            await negotiate(await caller.offer(), ())
        assert refused.value.status == 503
        await caller.aclose()

    run(scene())


def test_a_second_offer_is_told_what_to_do(tiny_pack: AvatarPack) -> None:
    """It was "Invalid value 'offer'". aiortc has no ICE restart."""

    async def scene() -> None:
        engine = Engine(
            Avatar(tiny_pack, OpenVinoDecoder(tiny_pack)), Performer(tiny_pack), Timeline(25), 2
        )
        async with serving(engine) as port:
            caller = Caller(VOICE)
            page = await caller.call(port)
            await page.send(json.dumps({"type": "offer", "sdp": "v=0"}))
            while (said := json.loads(await page.recv()))["type"] != "error":
                pass
            assert said["code"] == "bad_request"
            assert "got another offer, expected one a call" in said["message"]
            await caller.until_frames(10, DEADLINE)
            await page.close()
            await caller.aclose()

    run(scene(), timeout=90)


def test_frames_may_be_retouched(tiny_pack: AvatarPack) -> None:
    """Benchmarks stamp them; they used to replace a class of the server for it."""

    def white(frame: Frame) -> Frame:
        return Frame(frame.tick, frame.born, np.full_like(frame.picture, 255))

    async def scene() -> None:
        async with lobby_of(tiny_pack) as lobby:
            lobby._retouch = white
            async with Call(lobby) as call:
                assert call.caller.frames[-1][2].min() > 240

    run(scene(), timeout=90)
