"""Real aiortc peers through the real application, over loopback."""

from __future__ import annotations

import asyncio
import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.codecs.vpx import vp8_depayload
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.rtp import RtpPacket
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.base import Decode
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder
from latentcam.realtime_models.motion.performance import Performer
from latentcam.server.config import IceServer, ServerConfig, parse_ice_server
from latentcam.server.errors import ConfigError
from latentcam.server.lobby import Lobby
from latentcam.server.signalling import signalling
from latentcam.server.webrtc.reorder import Reorder, hear_at_once
from latentcam.server.webrtc.tracks import VoiceTrack, voice_delay
from latentcam.server.webrtc.video_encoder import FaceVp8, Rate
from latentcam.server.webrtc.voice_in import SILENT_AFTER, VoiceIn, VoicePackets
from latentcam.stream.engine import Engine
from latentcam.stream.timeline import Timeline
from tests.aio import run, run_virtual
from tests.peers import Caller, serving
from tests.voice import speech

VOICE = speech(4.0, 48000)
SILENCE = np.zeros(48000, np.float32)


def make_engine(pack: AvatarPack, places: int = 2) -> Engine:
    avatar = Avatar(pack, OpenVinoDecoder(pack))
    return Engine(avatar, Performer(pack), Timeline(25), places)


def test_a_peer_sees_its_face_and_hears_its_voice(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(VOICE)
            socket = await caller.call(port, identity="Bo")
            await caller.until_frames(50)
            telemetry = [json.loads(await socket.recv()) for _ in range(2)][-1]
            await socket.close()
            await caller.aclose()
        pts = [p for p, _, _ in caller.frames]
        assert np.all(np.diff(pts) > 0) and not np.any(np.diff(pts) % 3600)
        assert caller.frames[0][2].shape == (32, 32, 3)
        assert max(rms for _, rms in caller.voice) > 0.02, "the voice comes back"
        assert telemetry["type"] == "telemetry" and telemetry["fps"] > 0
        assert telemetry["age_ms"]["p95"] > 0 and telemetry["speaking"] is True

    run(scene(), timeout=60)


def test_two_peers_do_not_mix(tiny_pack: AvatarPack) -> None:
    async def scene() -> tuple[Caller, Caller]:
        async with serving(make_engine(tiny_pack)) as port:
            talker, listener = Caller(VOICE), Caller(SILENCE)
            sockets = [
                await talker.call(port, identity="Ada"),
                await listener.call(port, identity="Ada"),
            ]
            for socket in sockets:
                await socket.send(json.dumps({"type": "change", "life": 0}))
            await asyncio.gather(talker.until_frames(60), listener.until_frames(60))
            for socket in sockets:
                await socket.close()
            await talker.aclose()
            await listener.aclose()
        return talker, listener

    talker, listener = run(scene(), timeout=60)
    motion = [
        np.abs(np.diff([rgb.astype(int) for _, _, rgb in c.frames[-30:]], axis=0)).mean()
        for c in (talker, listener)
    ]
    assert motion[0] > 2 * motion[1], f"only the one who talks moves: {motion}"
    assert max(rms for _, rms in listener.voice) < 0.005, "nobody hears the other"


def test_control_messages(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(SILENCE)
            socket = await caller.call(port, identity="Ada")

            async def refusal(message: object) -> str:
                await socket.send(message if isinstance(message, str) else json.dumps(message))
                while True:
                    answer = json.loads(await socket.recv())
                    if answer["type"] == "error":
                        assert answer["code"] == "bad_request"
                        return str(answer["message"])

            assert "neither one of Ada, Bo" in await refusal({"type": "change", "identity": "Eve"})
            unknown = {"type": "change", "expression": {"wings": 1}}
            assert "got the axes ['wings']" in await refusal(unknown)
            assert "life is 9.0, expected 0 to 2" in await refusal({"type": "change", "life": 9})
            assert "Invalid value 'dance'" in await refusal({"type": "dance"})
            assert "Input data was truncated" in await refusal("{")
            await socket.send(json.dumps({"type": "change", "life": 0}))
            await caller.until_frames(30)
            before = caller.frames[-1][2].astype(int)
            await socket.send(json.dumps({"type": "change", "identity": "Bo"}))
            await caller.until_frames(len(caller.frames) + 15)
            assert np.abs(caller.frames[-1][2] - before).mean() > 5, "another face"
            await socket.close()
            await caller.aclose()

    run(scene(), timeout=60)


def test_a_full_server_says_so_and_frees_the_place(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with serving(make_engine(tiny_pack, places=1)) as port:
            first, second = Caller(SILENCE), Caller(SILENCE)
            socket = await first.call(port)
            offer = {"type": "offer", "sdp": await second.offer()}
            async with connect(f"ws://127.0.0.1:{port}/ws") as refused:
                await refused.send(json.dumps(offer))
                answer = json.loads(await refused.recv())
                assert answer["code"] == "full" and "all 1 places are taken" in answer["message"]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                response = await http.post("/offer", json=offer)
                assert response.status_code == 503
                assert "all 1 places are taken" in response.json()["error"]
                await socket.close()  # the page is closed: its place is free
                await first.aclose()
                async with asyncio.timeout(5):
                    while (await http.get("/stats")).json()["sessions"]:
                        await asyncio.sleep(0.05)
                response = await http.post("/offer", json=offer)
                assert response.status_code == 200 and response.json()["type"] == "answer"
                await second.accept(response.json()["sdp"])
                await second.until_frames(10)
            await second.aclose()

    run(scene(), timeout=60)


def test_metrics_are_what_prometheus_reads(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with (
            serving(make_engine(tiny_pack, places=1)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):

            async def figures() -> dict[str, float]:
                response = await http.get("/metrics")
                assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
                families = text_string_to_metric_families(response.text)
                return {
                    s.name + "".join(f" {s.labels[k]}" for k in sorted(s.labels)): s.value
                    for family in families
                    for s in family.samples
                }

            at_start = await figures()
            assert at_start["latentcam_ready"] == 1 and at_start["latentcam_sessions"] == 0
            assert at_start["latentcam_frames_total"] == 0
            caller, late = Caller(VOICE), Caller(SILENCE)
            socket = await caller.call(port)
            offer = {"type": "offer", "sdp": await late.offer()}
            assert (await http.post("/offer", json=offer)).status_code == 503
            await caller.until_frames(30)
            live = await figures()
            assert live["latentcam_sessions"] == live["latentcam_places"] == 1
            assert live["latentcam_refused_total"] == 1
            assert live["latentcam_dropped_packets_total"] == 0
            (talking,) = (await http.get("/stats")).json()["sessions"]
            assert talking["dropped_packets"] == 0
            frames = live["latentcam_frames_total"]
            assert frames >= 30
            for stage in ("motion", "wait", "decode", "encode", "age"):
                count = live[f"latentcam_stage_seconds_count {stage}"]
                assert count >= 30 and live[f"latentcam_stage_seconds_sum {stage}"] > 0
                assert live[f"latentcam_stage_seconds_bucket +Inf {stage}"] == count
            await socket.close()
            await caller.aclose()
            await late.aclose()
            async with asyncio.timeout(10):
                while (after := await figures())["latentcam_sessions"]:
                    await asyncio.sleep(0.05)
            assert after["latentcam_frames_total"] >= frames, "counts outlive their session"
            assert after["latentcam_sessions_total"] == 1

    run(scene(), timeout=60)


def test_a_vanished_peer_is_noticed(tiny_pack: AvatarPack) -> None:
    """The connection dies without a word: no BYE, no closing socket."""

    async def scene() -> None:
        async with (
            serving(make_engine(tiny_pack)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):
            caller = Caller(SILENCE)
            offer = {"type": "offer", "sdp": await caller.offer()}
            await caller.accept((await http.post("/offer", json=offer)).json()["sdp"])
            await caller.until_frames(10)
            await caller.aclose()
            async with asyncio.timeout(40):
                while (await http.get("/stats")).json()["sessions"]:
                    await asyncio.sleep(0.1)

    run(scene(), timeout=60)


def test_a_failed_session_tells_its_page(
    tiny_pack: AvatarPack, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        description = "broken"
        lanes: tuple[Decode, ...] = ()

        def decode(self, ws: np.ndarray) -> np.ndarray:
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls > 40:
                raise RuntimeError("the decoder broke")
            return np.zeros((len(ws), 32, 32, 3), np.uint8)

    async def scene() -> None:
        engine = Engine(Avatar(tiny_pack, Broken()), Performer(tiny_pack), Timeline(25), 2)
        async with serving(engine) as port:
            caller = Caller(SILENCE)
            socket = await caller.call(port)
            said = []
            with pytest.raises(ConnectionClosed):
                while True:
                    said.append(json.loads(await socket.recv()))
            assert said[-1]["type"] == "error" and said[-1]["code"] == "failed"
            await caller.aclose()

    run(scene(), timeout=60)
    assert caplog.text.count("failed at tick") == 1 and "the decoder broke" in caplog.text


def test_shutdown_while_somebody_talks(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        caller = Caller(VOICE)
        async with serving(make_engine(tiny_pack)) as port:
            socket = await caller.call(port)
            await caller.until_frames(10)
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()
        await caller.aclose()

    run(scene(), timeout=60)


def test_bad_offers(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with (
            serving(make_engine(tiny_pack)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):

            async def refused(status: int, content: bytes | str) -> str:
                response = await http.post("/offer", content=content)
                assert response.status_code == status, response.text
                return str(response.json()["error"])

            assert "no audio" in await refused(400, '{"type":"offer","sdp":"nonsense"}')
            assert "missing required field `sdp`" in await refused(400, '{"type":"offer"}')
            assert "Input data was truncated" in await refused(400, "{")
            assert "larger than 65536 bytes" in await refused(413, b"x" * 70_000)
            video_only = RTCPeerConnection()
            video_only.addTransceiver("video", "recvonly")
            await video_only.setLocalDescription(await video_only.createOffer())
            sdp = video_only.localDescription.sdp
            assert "no audio" in await refused(400, json.dumps({"type": "offer", "sdp": sdp}))
            await video_only.close()
            caller = Caller(SILENCE)
            offer = {"type": "offer", "sdp": await caller.offer(), "identity": "Eve"}
            assert "neither one of" in await refused(400, json.dumps(offer))
            await caller.aclose()
            assert (await http.get("/stats")).json()["sessions"] == []
            assert (await http.get("/healthz")).json() == {"ready": True}

    run(scene(), timeout=60)


def test_strangers_are_kept_out(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with (
            serving(make_engine(tiny_pack), token="sesame") as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):
            assert (await http.get("/stats")).status_code == 401
            assert (await http.get("/metrics")).status_code == 401
            assert (await http.get("/stats?token=wrong")).status_code == 401
            assert (await http.get("/stats?token=sesame")).status_code == 200
            bearer = {"Authorization": "Bearer sesame"}
            assert (await http.get("/config", headers=bearer)).status_code == 200
            assert (await http.get("/")).status_code == 200, "the page itself tells what lacks"
            for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
                response = await http.get("/stats", headers={**bearer, **headers})
                assert response.status_code == 403
            own = {"Origin": f"http://127.0.0.1:{port}"}
            assert (await http.get("/stats", headers={**bearer, **own})).status_code == 200
            for headers in ({"Origin": "http://["}, {"Host": "["}):
                response = await http.get("/stats", headers={**bearer, **headers})
                assert response.status_code == 400 and "is none" in response.json()["error"]
            page = await http.get("/")
            assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
            for address in ("/ws", "/ws?token=wrong"):
                with pytest.raises(InvalidStatus):
                    await connect(f"ws://127.0.0.1:{port}{address}")

    run(scene(), timeout=60)


def test_pages_of_an_allowed_origin_may_ask(tiny_pack: AvatarPack) -> None:
    """They passed the guard, and their browsers kept the answer from them all the same."""
    friend, stranger = "https://friend.example", "https://evil.example"
    wish = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,authorization",
    }

    async def scene() -> None:
        async with (
            serving(make_engine(tiny_pack), origins=(friend,)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):
            answer = await http.options("/offer", headers={"Origin": friend, **wish})
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == friend
            answer = await http.get("/stats", headers={"Origin": friend})
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == friend
            answer = await http.options("/offer", headers={"Origin": stranger, **wish})
            assert answer.status_code == 400
            answer = await http.get("/stats", headers={"Origin": stranger})
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers

    run(scene(), timeout=60)


def test_a_binary_message_is_refused_and_the_session_goes_on(tiny_pack: AvatarPack) -> None:
    """It was a traceback."""

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            async with connect(f"ws://127.0.0.1:{port}/ws") as socket:
                await socket.send(b"{}")
                answer = json.loads(await socket.recv())
                assert answer["code"] == "bad_request" and "binary" in answer["message"]
            caller = Caller(SILENCE)
            talking = await caller.call(port)
            await caller.until_frames(1)
            await talking.send(b"{}")
            while (said := json.loads(await talking.recv()))["type"] != "error":
                pass
            assert "got a binary message" in said["message"]
            await talking.send(json.dumps({"type": "change", "life": 9}))
            while (said := json.loads(await talking.recv()))["type"] != "error":
                pass
            assert "life is 9.0" in said["message"], "the session goes on"
            await talking.close()
            await caller.aclose()

    run(scene(), timeout=60)


def test_a_page_that_has_gone_need_not_be_told(tiny_pack: AvatarPack) -> None:
    """Refusing its offer was a traceback when it had closed meanwhile."""
    told: list[str] = []

    async def receive() -> Message:
        return {"type": "websocket.receive", "text": "{"} if told else {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        told.append(message["type"])
        if message["type"] == "websocket.send":
            raise OSError("the connection is closed")

    async def scene() -> None:
        engine = make_engine(tiny_pack)
        socket = WebSocket({"type": "websocket", "headers": []}, receive, send)
        await socket.accept()
        await signalling(socket, Lobby(engine, ServerConfig()))
        await engine.aclose()

    run(scene())
    assert told == ["websocket.accept", "websocket.send"]


def test_a_page_that_goes_before_its_answer_leaves_its_place(tiny_pack: AvatarPack) -> None:
    """Its session, cancelled before it began, kept the place for ever."""
    told: list[str] = []

    async def scene() -> None:
        engine = make_engine(tiny_pack)
        lobby = Lobby(engine, ServerConfig())
        caller = Caller(SILENCE)
        offer = json.dumps({"type": "offer", "sdp": await caller.offer()})

        async def receive() -> Message:
            return (
                {"type": "websocket.receive", "text": offer}
                if told
                else {"type": "websocket.connect"}
            )

        async def send(message: Message) -> None:
            told.append(message["type"])
            if message["type"] == "websocket.send":
                assert lobby.peers and engine.sessions == 1
                raise OSError("the connection is closed")

        socket = WebSocket({"type": "websocket", "headers": []}, receive, send)
        await socket.accept()
        await signalling(socket, lobby)
        assert engine.sessions == 0 and not lobby.peers
        await lobby.aclose()
        await engine.aclose()
        await caller.aclose()

    run(scene())
    assert told == ["websocket.accept", "websocket.send"]


def test_other_hosts_need_a_token() -> None:
    with pytest.raises(ConfigError, match="needs --token"):
        ServerConfig(host="0.0.0.0")
    assert not ServerConfig(host="0.0.0.0", token="x").loopback
    assert ServerConfig(host="::1").loopback and ServerConfig(host="localhost").loopback
    with pytest.raises(ConfigError, match="belong together"):
        ServerConfig(tls_cert=Path("x"))
    with pytest.raises(ConfigError, match="expected a PEM file"):
        ServerConfig(tls_cert=Path("nowhere.pem"), tls_key=Path("nowhere.key"))


def test_ice_servers() -> None:
    assert parse_ice_server("stun:h:3478") == IceServer("stun:h:3478")
    assert parse_ice_server("turn:h:3478,me,secret") == IceServer("turn:h:3478", "me", "secret")
    for bad in ("h:3478", "turn:h:3478", "stun:h,me,secret", ""):
        with pytest.raises(ConfigError, match="expected stun:HOST"):
            parse_ice_server(bad)


def packet(number: int, samples: int = 960) -> av.AudioFrame:
    made = av.AudioFrame(format="s16", layout="stereo", samples=samples)
    made.sample_rate, made.pts = 48000, samples * number
    return made


def test_a_tick_is_complete_with_its_last_packet() -> None:
    """The resampler holds samples back; ticks used to wait one packet for them."""

    async def scene() -> None:
        packets = VoicePackets(25)
        at, put = [], 0

        async def ticks() -> None:
            async for chunk in VoiceIn(packets, Timeline(25)).chunks():
                assert len(chunk.samples) == 640
                at.append((chunk.tick, put))

        loop = asyncio.get_running_loop()
        packets.put((packet(0), loop.time()))
        reader = asyncio.create_task(ticks())
        for number in (*range(1, 6), *range(7, 10)):  # the seventh packet is lost
            await asyncio.sleep(0.001)
            put = number
            packets.put((packet(number), loop.time()))
        await asyncio.sleep(0.01)
        packets.close()
        await reader
        # Two packets a tick; what was lost becomes silence.
        assert at == [(0, 1), (1, 3), (2, 5), (3, 7), (4, 9)]

    run(scene())


def test_packets_pass_at_once_and_in_order() -> None:
    reorder: Reorder[int] = Reorder(2)
    assert [reorder.push(n % 65536, n) for n in range(65530, 65540)] == [
        [n] for n in range(65530, 65540)
    ]
    assert reorder.push(5, 5) == [] and reorder.push(4, 4) == [4, 5], "two changed places"
    assert reorder.push(4, 4) == [] and reorder.lost == 0, "a duplicate"


@pytest.mark.parametrize("patience", [0, 1, 2])
def test_nothing_is_held_longer_after_a_loss_than_before(patience: int) -> None:
    """aiortc's own buffer stays full after a loss: every packet came late from then on."""
    reorder: Reorder[int] = Reorder(patience)
    got: list[int] = []
    for number in range(100):
        if number not in (10, 30, 31, 50, 52, 54):
            got += reorder.push(number, number)
        assert len(got) >= number - 6 - patience, "no more than `patience` wait"
    assert got == [n for n in range(100) if n not in (10, 30, 31, 50, 52, 54)]
    assert reorder.lost == 6 and reorder.push(100, 100) == [100]


def test_a_sender_that_begins_again_is_heard() -> None:
    reorder: Reorder[int] = Reorder(2)
    reorder.push(30000, 0)
    assert reorder.push(29990, 1) == [], "late"
    assert reorder.push(100, 2) == [2], "a new beginning"
    assert reorder.push(101, 3) == [3]


def test_losses_do_not_make_the_voice_older(tiny_pack: AvatarPack) -> None:
    """Real peers, every tenth packet lost: what comes back comes as soon as without loss.

    aiortc alone holds 80 ms always and stays full, up to 320 ms, after each loss
    (https://github.com/aiortc/aiortc/issues/543). Counted in packets, not in time: how many have
    left the sender and were not decoded when the newest was.
    """

    async def scene() -> list[int]:
        caller, receiver_of = Caller(VOICE), RTCPeerConnection()
        await receiver_of.setRemoteDescription(RTCSessionDescription(await caller.offer(), "offer"))
        audio = receiver_of.getTransceivers()[0]
        reorder = hear_at_once(audio.receiver, 2)
        numbers = itertools.count()
        in_order = vars(audio.receiver)["_handle_rtp_packet"]
        seen, behind = 0, []

        async def lossy(packet: RtpPacket, arrival_time_ms: int) -> None:
            nonlocal seen
            seen += 1
            if next(numbers) % 10 != 5:
                await in_order(packet, arrival_time_ms)

        vars(audio.receiver)["_handle_rtp_packet"] = lossy
        await receiver_of.setLocalDescription(await receiver_of.createAnswer())
        await caller.accept(receiver_of.localDescription.sdp)
        for _ in range(90):
            frame = await audio.receiver.track.recv()
            assert frame.pts is not None
            behind.append(seen - 1 - frame.pts // 960)
        assert reorder.lost > 5
        await caller.aclose()
        await receiver_of.close()
        return behind

    behind = run(scene(), timeout=60)
    assert sorted(behind)[len(behind) // 2] == 0 and max(behind[-20:]) <= 3


def capabilities(kind: str) -> list[RTCRtpCodecCapability]:
    found = RTCRtpReceiver.getCapabilities(kind)
    assert found is not None
    return found.codecs


def encoded(number: int) -> RtpPacket:
    return RtpPacket(timestamp=960 * number, payload=b"sound")


@pytest.mark.parametrize("mime", ["audio/opus", "audio/PCMU"])
def test_the_voice_goes_back_as_it_came(tiny_pack: AvatarPack, mime: str) -> None:
    """It used to be encoded once more, which took a third of the event loop's time: aiortc
    computes the level of every packet that it encodes, sample by sample, in Python."""

    async def scene() -> None:
        sent: list[bytes] = []
        returned: list[bytes] = []
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(VOICE)
            audio = caller.pc.getTransceivers()[0]
            offered = capabilities("audio")
            audio.setCodecPreferences([c for c in offered if c.mimeType == mime])
            assert audio.sender.track is not None
            speak, hear = audio.sender.track.recv, audio.receiver._handle_rtp_packet

            async def spoken() -> Any:
                packet = await speak()
                assert isinstance(packet, av.Packet)
                sent.append(bytes(packet))
                return packet

            async def heard(packet: RtpPacket, arrival_time_ms: int) -> None:
                returned.append(packet.payload)
                await hear(packet, arrival_time_ms)

            vars(audio.sender.track)["recv"] = spoken
            vars(audio.receiver)["_handle_rtp_packet"] = heard
            socket = await caller.call(port)
            await caller.until_frames(50)
            await socket.close()
            await caller.aclose()
        first = sent.index(returned[0])
        assert len(returned) > 20 and returned == sent[first : first + len(returned)]

    run(scene())


@pytest.mark.parametrize("ptime", [0.01, 0.02, 0.06])
def test_lips_and_voice_leave_together(ptime: float) -> None:
    """A moment of the voice leaves when the frame that shows it is half shown."""
    timeline, age, look_ahead = Timeline(25), 0.03, 0.04
    assert voice_delay(0.03, 0.02, timeline, 0.01) == pytest.approx(0.03 + 0.02 + 0.02 - 0.01)

    async def scene() -> list[tuple[int, float]]:
        track = VoiceTrack(lambda: voice_delay(age, look_ahead, timeline, track.ptime))
        loop, left = asyncio.get_running_loop(), []

        async def send() -> None:
            for number in range(50):
                await asyncio.sleep(ptime * (number + 1) - loop.time())  # at its end
                packet = RtpPacket(timestamp=round(48000 * ptime) * number, payload=b"sound")
                track.put(packet, 48000, loop.time())

        async def leave() -> None:
            for _ in range(50):
                sound = await track.recv()
                left.append((sound.pts or 0, loop.time()))

        await asyncio.gather(send(), leave())
        track.close()
        return left

    all_left = run_virtual(scene())
    assert len(all_left) == 50
    # Other packets than usual are known by the second; the delay comes there in small steps.
    for pts, left in all_left[0 if ptime == 0.02 else 45 :]:
        # The frame whose tick ends at `end` leaves at end + age, is seen until one tick later,
        # and shows the mouth of end - look_ahead.
        end = pts / 48000 + look_ahead
        assert left == pytest.approx(end + age + 0.5 / 25)


def test_the_delay_of_the_voice_follows_in_small_steps() -> None:
    async def scene() -> None:
        wanted = 0.06
        track = VoiceTrack(lambda: wanted)
        loop = asyncio.get_running_loop()
        track.put(encoded(0), 48000, loop.time())
        await track.recv()
        assert loop.time() == pytest.approx(0.06)
        wanted = 0.0
        track.put(encoded(1), 48000, loop.time())
        await track.recv()
        assert track.delay == pytest.approx(0.059)
        track.close()

    run_virtual(scene())


class Listener:
    """Collects the ticks of a voice: (tick, number of the newest packet, time)."""

    def __init__(self) -> None:
        self.packets, self.newest = VoicePackets(25), -1
        self.voice = VoiceIn(self.packets, Timeline(25))
        self.heard: list[tuple[int, int, float]] = []
        self.sound: list[np.ndarray] = []

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        async for chunk in self.voice.chunks():
            self.heard.append((chunk.tick, self.newest, loop.time()))
            self.sound.append(chunk.samples)

    async def speak(self, numbers: range) -> None:
        for number in numbers:
            await asyncio.sleep(0.02)
            self.newest = number
            self.packets.put((packet(number), asyncio.get_running_loop().time()))


def test_the_face_lives_before_the_first_word_and_ticks_still_end_with_a_packet() -> None:
    """Silence by the clock until the voice comes; then every second packet completes a tick."""

    async def scene() -> Listener:
        listener = Listener()
        reader = asyncio.create_task(listener.listen())
        await asyncio.sleep(0.09)
        await listener.speak(range(8))
        listener.packets.close()
        await reader
        return listener

    listener = run_virtual(scene())
    assert listener.heard[:3] == [(0, -1, 0.0), (1, -1, 0.04), (2, -1, 0.08)]
    assert [(tick, newest) for tick, newest, _ in listener.heard[3:]] == [
        (3, 1), (4, 3), (5, 5), (6, 7),
    ]  # fmt: skip
    assert listener.voice.offset == pytest.approx(3 / 25, abs=0.002)


@pytest.mark.parametrize("went_on", [False, True])
def test_a_microphone_that_falls_silent_and_comes_back(went_on: bool) -> None:
    """The ticks go on by the clock; back with any pts, every packet is heard."""

    async def scene() -> Listener:
        listener = Listener()
        listener.packets.put((packet(0), 0.0))
        reader = asyncio.create_task(listener.listen())
        await listener.speak(range(1, 6))  # until 0.10
        await asyncio.sleep(0.99)
        await listener.speak(range(55, 61) if went_on else range(6, 12))
        listener.packets.close()
        await reader
        return listener

    heard = run_virtual(scene()).heard
    ticks = [tick for tick, _, _ in heard]
    assert ticks[:3] == [0, 1, 2] and ticks == sorted(set(ticks)), "time goes forward only"
    silent = [(tick, at) for tick, newest, at in heard[3:] if newest == 5]
    assert silent[0][1] == pytest.approx(0.10 + SILENT_AFTER)
    assert np.diff([at for _, at in silent]) == pytest.approx(0.04)
    assert all(abs(tick / 25 - at) < 0.061 for tick, at in silent), "ticks are where the clock is"
    assert len(heard) == 3 + len(silent) + 3, "six packets are three ticks"


def test_only_the_newest_packets_wait() -> None:
    async def scene() -> None:
        packets = VoicePackets(3)
        for number in range(5):
            packets.put((packet(number), 0.0))
        assert packets.skipped == 2
        assert (await anext(packets))[0].pts == 1920
        packets.close()
        packets.close()
        assert [waiting.pts async for waiting, _ in packets] == [2880, 3840]

    run(scene())


def test_the_voice_makes_up_for_what_a_browser_measures(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(SILENCE)
            socket = await caller.call(port)
            await socket.send(json.dumps({"type": "skew", "early_ms": 10_001}))
            while (said := json.loads(await socket.recv()))["type"] != "error":
                pass
            assert "expected -10000 to 10000" in said["message"]
            for _ in range(80):
                await socket.send(json.dumps({"type": "skew", "early_ms": 20.0}))
            while said.get("voice_shift_ms") != 20.0:
                said = json.loads(await socket.recv())
            for _ in range(80):
                await socket.send(json.dumps({"type": "skew", "early_ms": -900.0}))
            while said.get("voice_shift_ms") != -60.0:
                said = json.loads(await socket.recv())
            await socket.close()
            await caller.aclose()

    run(scene(), timeout=60)


def test_the_rate_follows_the_receiver_within_bounds_and_seldom_restarts() -> None:
    now = 0.0
    rate = Rate(256 * 256, 25, clock=lambda: now)
    assert rate.running == 983_040 and not rate.restart()
    rate.want(900_000)
    assert not rate.restart(), "a small change is not worth a key frame"
    rate.want(400_000)
    assert rate.restart() and rate.running == 400_000, "down at once"
    rate.want(2_000_000)
    assert not rate.restart(), "up only after a calm while"
    now = 6.0
    assert rate.restart() and rate.running == 2_000_000
    rate.want(50_000_000)
    now = 12.0
    assert not rate.restart() and rate.wanted == 2_621_440
    rate.want(1)
    assert rate.restart() and rate.running == 131_072


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_either_codec_shows_the_face(tiny_pack: AvatarPack, codec: str) -> None:
    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(SILENCE)
            video = caller.pc.getTransceivers()[1]
            kinds = capabilities("video")
            video.setCodecPreferences([kind for kind in kinds if kind.name == codec])
            socket = await caller.call(port)
            await caller.until_frames(12)
            await socket.close()
            await caller.aclose()
        flat = caller.frames[-1][2].astype(float).std(axis=(0, 1))
        assert caller.frames[-1][2].shape == (32, 32, 3) and flat.max() > 3, "not a plain colour"

    run(scene(), timeout=60)


def test_a_key_frame_comes_when_asked_for() -> None:
    seen: list[float] = []
    encoder = FaceVp8(Rate(32 * 32, 25), seen.append)
    picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), format="rgb24")
    picture.time_base = Fraction(1, 90_000)
    keys = []
    for number in range(6):
        picture.pts = 3600 * number
        payloads, timestamp = encoder.encode(picture, force_keyframe=number == 3)
        assert timestamp == picture.pts
        keys.append(not vp8_depayload(payloads[0])[0] & 1)  # RFC 6386, section 9.1
    assert keys == [True, False, False, True, False, False] and len(seen) == 6
