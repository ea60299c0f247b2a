"""Real aiortc peers through the real application, over loopback."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver
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
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.server.config import IceServer, ServerConfig, parse_ice_server
from latentcam.server.errors import ConfigError
from latentcam.server.lobby import Lobby
from latentcam.server.signalling import signalling
from latentcam.stream.engine import Engine
from latentcam.stream.timeline import Timeline
from tests.aio import run
from tests.peers import Caller, serving
from tests.voice import speech

VOICE = speech(4.0, 48000)
SILENCE = np.zeros(48000, np.float32)


def make_engine(pack: AvatarPack, places: int = 2, settings: Settings | None = None) -> Engine:
    avatar = Avatar(pack, OpenVinoDecoder(pack))
    begins = settings or Settings()
    return Engine(avatar, Performer(pack), Timeline(25), places, begins)


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
        resolution = "32"
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
                assert response.status_code == 400 and "got host" in response.json()["error"]
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


def capabilities(kind: str) -> list[RTCRtpCodecCapability]:
    found = RTCRtpReceiver.getCapabilities(kind)
    assert found is not None
    return found.codecs


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
