"""WHIP and WHEP over real sockets: a voice comes, its face goes to those who watch."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack

from latentcam.benchmarks.tools.caller import VoiceSender
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.server import streams as streaming
from latentcam.server.config import IceServer, ServerConfig
from latentcam.server.errors import ConfigError
from latentcam.server.lobby import Lobby
from latentcam.server.messages import Change
from latentcam.server.webrtc import line
from latentcam.server.whip import FRAGMENT, SDP, link
from tests.aio import run
from tests.peers import Caller, serving
from tests.server.test_server import SILENCE, make_engine
from tests.voice import speech

VOICE = speech(4.0, 48000)
AS_SDP, AS_FRAGMENT = {"Content-Type": SDP}, {"Content-Type": FRAGMENT}


class Publisher:
    """Sends a voice, and a picture that nobody asked for, as broadcasting software does."""

    def __init__(self, http: httpx.AsyncClient, sound: np.ndarray = VOICE) -> None:
        self._http = http
        self.pc = RTCPeerConnection()
        voice = VoiceSender(sound, again=True)
        voice.may_speak.set()
        self.pc.addTransceiver(voice, "sendonly")
        self.pc.addTransceiver(VideoStreamTrack(), "sendonly")

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def publish(self, path: str) -> httpx.Response:
        answer = await self._http.post(path, content=await self.offer(), headers=AS_SDP)
        assert answer.status_code == 201, answer.text
        await self.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        return answer


async def watch(http: httpx.AsyncClient, path: str) -> tuple[Caller, httpx.Response]:
    viewer = Caller(SILENCE)
    answer = await http.post(path, content=await viewer.offer(), headers=AS_SDP)
    assert answer.status_code == 201, answer.text
    await viewer.accept(answer.text)
    return viewer, answer


@contextlib.asynccontextmanager
async def opened(
    pack: AvatarPack, places: int = 2, **settings: object
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server, which has neither sessions nor who watches when it ends."""
    async with (
        serving(make_engine(pack, places), **settings) as port,
        asking(port) as http,
    ):
        yield http


def asking(port: int) -> httpx.AsyncClient:
    """A client whose every request has a connection of its own: idle ones are closed."""
    one_each = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=one_each, timeout=30)


async def until_sessions(http: httpx.AsyncClient, count: int, **headers: str) -> None:
    async with asyncio.timeout(60):
        while len((await http.get("/stats", headers=headers)).json()["sessions"]) != count:
            await asyncio.sleep(0.1)


async def until_closed(viewer: Caller) -> None:
    async with asyncio.timeout(30):
        while viewer.pc.connectionState not in ("closed", "failed"):
            await asyncio.sleep(0.05)


def test_a_voice_comes_and_its_face_goes_to_all_who_watch(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with opened(tiny_pack) as http:
            publisher = Publisher(http)
            sent = await publisher.publish("/whip/ada?identity=Bo&mood=neutral&life=0")
            assert sent.headers["content-type"] == SDP
            assert re.fullmatch(r"/whip/ada/[\w-]{22}", sent.headers["location"])
            assert "m=video 9 " in sent.text and sent.text.count("a=recvonly") == 2
            viewers = [await watch(http, "/whep/ada") for _ in range(2)]
            for viewer, _ in viewers:
                await viewer.until_frames(30)
                assert viewer.frames[-1][2].shape == (32, 32, 3)
                assert max(rms for _, rms in viewer.voice) > 0.02, "the voice comes along"
            [session] = (await http.get("/stats")).json()["sessions"]
            assert session["viewers"] == 2 and session["speaking"] and session["frames"] > 0
            metrics = (await http.get("/metrics")).text
            assert "latentcam_viewers 2.0" in metrics and "latentcam_viewers_total 2.0" in metrics

            gone, left = viewers[0][1].headers["location"], viewers[1][0]
            assert (await http.delete(gone)).status_code == 200
            assert (await http.delete(gone)).status_code == 404
            await until_closed(viewers[0][0])
            await left.until_frames(len(left.frames) + 10)

            assert (await http.delete(sent.headers["location"])).status_code == 200
            assert (await http.get("/stats")).json()["sessions"] == []
            await until_closed(left)
            assert (await http.delete(viewers[1][1].headers["location"])).status_code == 404
            answer = await http.post("/whep/ada", content="v=0", headers=AS_SDP)
            assert answer.status_code == 409 and answer.headers["retry-after"] == "3"
            assert "nobody sends a voice as 'ada'" in answer.json()["error"]
            totals = (await http.get("/stats")).json()["totals"]
            assert totals["viewers"] == 2 and totals["frames"] >= 60 and totals["failed"] == 0
            await publisher.pc.close()
            for viewer, _ in viewers:
                await viewer.aclose()

    run(scene(), timeout=120)


def test_nobody_watches_and_nothing_is_drawn(tiny_pack: AvatarPack) -> None:
    """The voice is heard all the same: whoever comes sees a face that listens already."""

    async def scene() -> None:
        engine = make_engine(tiny_pack)
        async with (
            serving(engine) as port,
            asking(port) as http,
        ):
            publisher = Publisher(http)
            await publisher.publish("/whip")
            stages = engine.stages.histograms
            async with asyncio.timeout(30):
                while sum(stages["motion"].counts) < 20:
                    await asyncio.sleep(0.05)
            assert sum(stages["decode"].counts) == 0
            viewer, _ = await watch(http, "/whep")
            await viewer.until_frames(5)
            await viewer.aclose()
            await publisher.pc.close()

    run(scene(), timeout=120)


def test_candidates_come_later(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with opened(tiny_pack) as http:
            publisher = Publisher(http)
            whole = await publisher.offer()
            bare = re.sub(r"a=(candidate|end-of-candidates).*\r\n", "", whole)
            answer = await http.post("/whip/ada", content=bare, headers=AS_SDP)
            assert answer.status_code == 201
            path, etag = answer.headers["location"], answer.headers["etag"]
            first = re.search(r"m=audio.*", whole, re.S)
            assert first is not None
            keys = "\r\n".join(re.findall(r"a=ice-(?:ufrag|pwd):.*(?=\r)", first[0])[:2])
            found = "\r\n".join(re.findall(r"a=candidate:.*(?=\r)", first[0]))
            fragment = f"{keys}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n{found}\r\n"

            async def patch(content: str, **headers: str) -> httpx.Response:
                told = {"If-Match": etag, **AS_FRAGMENT}
                told.update({name.replace("_", "-"): value for name, value in headers.items()})
                return await http.patch(path, content=content, headers=told)

            for status, sentence, refused in (
                (415, "expected application/trickle", await patch(fragment, Content_Type=SDP)),
                (412, f"expected {etag}", await patch(fragment, If_Match='"other"')),
                (428, "no If-Match", await http.patch(path, content=found, headers=AS_FRAGMENT)),
                (400, "has no candidate", await patch("hello")),
                (413, "larger than", await patch(fragment + 70_000 * "x")),
                (422, "restarts ICE", await patch(fragment.replace("a=ice-pwd:", "a=ice-pwd:x"))),
            ):
                assert refused.status_code == status, refused.text
                assert sentence in refused.json()["error"]
            odd = "a=candidate:1 1 udp 9 example.invalid 9 typ host\r\na=candidate:x\r\n"
            for content in (keys + "\r\n" + odd, fragment, fragment + "a=end-of-candidates\r\n"):
                taken = await patch(content)
                assert taken.status_code == 204 and "etag" not in taken.headers and not taken.text
            assert (await patch(found, If_Match="*")).status_code == 204
            await publisher.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            viewer, _ = await watch(http, "/whep/ada")
            await viewer.until_frames(3)
            await viewer.aclose()
            await publisher.pc.close()

    run(scene(), timeout=120)


def test_who_vanished_is_in_nobody_s_way(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broadcasting software that lost its network comes again under the same name."""

    async def scene() -> None:
        async with opened(tiny_pack, places=2, max_viewers=1) as http:
            first, again = Publisher(http), Publisher(http)
            await first.publish("/whip/ada")
            offer = await again.offer()
            refused = await http.post("/whip/ada", content=offer, headers=AS_SDP)
            assert refused.status_code == 409 and refused.headers["retry-after"] == "3"
            assert "somebody sends a voice as 'ada' already" in refused.json()["error"]
            viewer, _ = await watch(http, "/whep/ada")
            await viewer.until_frames(3)
            late = Caller(SILENCE)
            content = await late.offer()
            refused = await http.post("/whep/ada", content=content, headers=AS_SDP)
            assert refused.status_code == 503 and refused.headers["retry-after"] == "3"
            assert "all 1 places to watch from are taken" in refused.json()["error"]
            assert (await http.get("/stats")).json()["totals"]["refused"] == 1

            monkeypatch.setattr(streaming, "SILENT", 0.3)
            await viewer.aclose()
            async with asyncio.timeout(30):
                while (await http.post("/whep/ada", content=content, headers=AS_SDP)).is_error:
                    await asyncio.sleep(0.1)
            await first.pc.close()
            async with asyncio.timeout(30):
                while (
                    answer := await http.post("/whip/ada", content=offer, headers=AS_SDP)
                ).is_error:
                    assert answer.status_code == 409
                    await asyncio.sleep(0.1)
            await again.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await until_sessions(http, 1)
            viewer, _ = await watch(http, "/whep/ada")
            await viewer.until_frames(3)
            for caller in (viewer, late):
                await caller.aclose()
            await again.pc.close()

    run(scene(), timeout=120)


def test_who_never_connects_holds_no_place(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "CONNECT_DEADLINE", 0.3)

    async def scene() -> None:
        async with opened(tiny_pack) as http:
            publisher, viewer = Publisher(http), Caller(SILENCE)
            offer = await publisher.offer()
            assert (await http.post("/whip", content=offer, headers=AS_SDP)).status_code == 201
            offer = await viewer.offer()
            answer = await http.post("/whep", content=offer, headers=AS_SDP)
            assert answer.status_code == 201
            await until_sessions(http, 0)
            async with asyncio.timeout(30):
                while (await http.delete(answer.headers["location"])).status_code != 404:
                    await asyncio.sleep(0.1)
            await publisher.pc.close()
            await viewer.aclose()

    run(scene(), timeout=120)


def test_who_goes_before_they_came_leaves_nothing(tiny_pack: AvatarPack) -> None:
    """What runs a viewer, cancelled before it began, did not close the connection."""

    async def scene() -> None:
        engine = make_engine(tiny_pack)
        lobby = Lobby(engine, ServerConfig())
        streams = streaming.Streams(lobby)
        async with httpx.AsyncClient() as http:
            publisher, watcher = Publisher(http), Caller(SILENCE)
            offer = await publisher.offer()
            peer = await streams.publish("ada", offer, None, "", None, Change())
            viewer = await streams.watch("ada", await watcher.offer())
            await streams.unwatch("ada", viewer.id)
            assert viewer._negotiated.connection.connectionState == "closed"
            viewer = await streams.watch("ada", await watcher.offer())
            await streams.unpublish("ada", peer.id)
            assert viewer._negotiated.connection.connectionState == "closed"
            await lobby.aclose()
            await streams.aclose()
            assert engine.sessions == 0 and not streams.names
            await engine.aclose()
            await publisher.pc.close()
            await watcher.aclose()

    run(scene(), timeout=120)


def test_bad_requests_end_in_one_sentence(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with opened(tiny_pack, places=2) as http:
            publisher, viewer = Publisher(http), Caller(SILENCE)
            good, seeing = await publisher.offer(), await viewer.offer()
            two = good + good[good.index("m=audio") : good.index("m=video")]
            pcmu = re.sub("opus/48000/2", "PCMU/8000", good)
            none = re.sub("m=audio 9", "m=audio 0", re.sub(r"m=audio \d+", "m=audio 9", good))
            apart = re.sub("a=group:BUNDLE.*\r\n", "", seeing)
            blind = seeing[: seeing.index("m=video")] + "m=video 0 UDP/TLS/RTP/SAVPF 97\r\n"
            table: list[tuple[str, str, dict[str, str], str | bytes, int, str]] = [
                ("GET", "/whip", {}, "", 405, "got GET, expected POST, OPTIONS"),
                ("PUT", "/whip/ada", AS_SDP, good, 405, "got PUT"),
                ("GET", "/whep/ada", {}, "", 405, "got GET, expected POST, OPTIONS, HEAD"),
                ("POST", "/whip/ada/x", AS_SDP, good, 405, "got POST, expected PATCH, DELETE"),
                ("POST", "/whip", {}, good, 415, "expected application/sdp"),
                ("POST", "/whip", {"Content-Type": "application/json"}, good, 415, "json"),
                ("POST", "/whep", {"Content-Type": 300 * "x"}, good, 415, "expected appl"),
                ("POST", "/whip", {**AS_SDP, "Accept": "text/html"}, good, 406, "to take"),
                ("POST", "/whip", AS_SDP, b"\xff\xfe", 400, "not UTF-8"),
                ("POST", "/whip", AS_SDP, 70_000 * "v", 413, "larger than 65536 bytes"),
                ("POST", "/whip", AS_SDP, "", 422, "has no audio, expected a voice to hear"),
                ("POST", "/whip", AS_SDP, "v=0\r\n", 422, "has no audio"),
                ("POST", "/whip", AS_SDP, two, 422, "has 2 sections of audio, expected one"),
                ("POST", "/whip", AS_SDP, pcmu, 422, r"expected one of ['OPUS/48000']"),
                ("POST", "/whip", AS_SDP, none, 422, "has no audio"),
                ("POST", "/whip", AS_SDP, good.replace("a=ice-pwd", "a=x"), 422, "password"),
                ("POST", "/whip", AS_SDP, re.sub("sha-...", "md5", good), 422, "fingerprint"),
                ("POST", "/whip", AS_SDP, good.replace("sendonly", "recvonly"), 422, "expected"),
                ("POST", "/whip?identity=Eve", AS_SDP, good, 400, "neither one of Ada, Bo"),
                ("POST", "/whip?mood=silly", AS_SDP, good, 400, "got the mood 'silly'"),
                ("POST", "/whip?life=much", AS_SDP, good, 400, "life is 'much', expected"),
                ("POST", "/whip?life=9", AS_SDP, good, 400, "life is 9.0, expected 0 to 2"),
                ("POST", "/whip?life=nan", AS_SDP, good, 400, "life is nan, expected 0 to 2"),
                ("POST", "/whip?moood=sad", AS_SDP, good, 400, "got the wish 'moood', expected"),
                ("POST", "/whip?background=x", AS_SDP, good, 400, "got the background 'x'"),
                ("POST", "/whip/a%20b", AS_SDP, good, 400, "got the stream 'a b', expected"),
                ("POST", "/whip/" + 65 * "a", AS_SDP, good, 400, "expected up to 64"),
                ("POST", "/whep/%00", AS_SDP, good, 400, "got the stream"),
                ("POST", "/whep/none", AS_SDP, seeing, 409, "nobody sends a voice as 'none'"),
                ("POST", "/whep/ada?mood=sad", AS_SDP, seeing, 400, "got the wish 'mood'"),
                ("POST", "/whep/ada", AS_SDP, blind, 422, "has no video, expected a video"),
                ("POST", "/whep/ada", AS_SDP, apart, 422, "have transports of their own"),
                ("POST", "/whep/ada", AS_SDP, good, 422, "the offer's audio is sendonly"),
                ("DELETE", "/whip/ada/x", {}, "", 404, "no such session of 'ada'"),
                ("DELETE", "/whep/ada/x", {}, "", 404, "no such viewer of 'ada'"),
                ("DELETE", "/whip/none/x", {}, "", 404, "no such session of 'none'"),
                ("PATCH", "/whip/ada/x", AS_FRAGMENT, "a=end-of", 404, "no such session"),
                ("PATCH", "/whep/ada/x", AS_FRAGMENT, "a=end-of", 404, "no such viewer"),
                ("POST", "/whip/three", AS_SDP, good, 503, "all 2 places are taken"),
            ]
            talking = Publisher(http, SILENCE)
            await talking.publish("/whip/ada")
            for method, path, headers, content, status, sentence in table:
                if status == 503:
                    taken = await http.post("/whip/two", content=good, headers=AS_SDP)
                    assert taken.status_code == 201
                answer = await http.request(method, path, headers=headers, content=content)
                asked = (method, path, str(content)[:40])
                assert answer.status_code == status, (asked, answer.status_code, answer.text)
                assert sentence in answer.json()["error"], (asked, answer.text)
                assert len(answer.text) < 1000
                assert ("retry-after" in answer.headers) == (status in (409, 503))
                assert ("allow" in answer.headers) == (status == 405)
            sessions = (await http.get("/stats")).json()["sessions"]
            assert [session["viewers"] for session in sessions] == [0, 0]
            for pc in (talking.pc, publisher.pc):
                await pc.close()
            await viewer.aclose()

    run(scene(), timeout=120)


def test_what_is_understood_is_told(tiny_pack: AvatarPack) -> None:
    servers = (IceServer("stun:h:1"), IceServer("turn:h:2?transport=udp", "me", 'a"b\\c'))
    turn = (
        '<turn:h:2?transport=udp>; rel="ice-server"; username="me"; credential="a\\"b\\\\c"; '
        'credential-type="password"'
    )
    assert [link(server) for server in servers] == ['<stun:h:1>; rel="ice-server"', turn]

    async def scene() -> None:
        async with opened(tiny_pack, ice_servers=servers) as http:
            for path in ("/whip", "/whip/ada", "/whep/ada"):
                told = await http.options(path)
                assert told.status_code == 200 and told.headers["accept-post"] == SDP
                assert told.headers.get_list("link") == [link(server) for server in servers]
            told = await http.head("/whep/ada")
            assert told.status_code == 200 and told.headers["content-type"] == SDP
            assert (await http.head("/whip")).status_code == 405

    run(scene(), timeout=60)


def test_strangers_neither_send_nor_watch(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with opened(tiny_pack, token="sesame", origins=("https://friend.example",)) as http:
            for method, path in (
                ("POST", "/whip"), ("POST", "/whep"), ("OPTIONS", "/whip/ada"),
                ("DELETE", "/whip/ada/x"), ("PATCH", "/whep/ada/x"),
            ):  # fmt: skip
                for headers in ({}, {"Authorization": "Bearer wrong"}):
                    answer = await http.request(method, path, headers=headers)
                    assert answer.status_code == 401 and "token" in answer.json()["error"]
                    assert answer.headers["www-authenticate"] == "Bearer"
            bearer = {"Authorization": "Bearer sesame"}
            evil = {**bearer, "Origin": "https://evil.example"}
            assert (await http.post("/whip", headers=evil)).status_code == 403
            wish = {
                "Origin": "https://friend.example", "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "authorization,content-type,if-match",
            }  # fmt: skip
            assert (await http.options("/whip/ada/x", headers=wish)).status_code == 200

            publisher = Publisher(http, SILENCE)
            offer = await publisher.offer()
            with_header = await http.post("/whip/a", content=offer, headers=AS_SDP | bearer)
            with_query = await http.post("/whip/b?token=sesame", content=offer, headers=AS_SDP)
            assert with_header.status_code == with_query.status_code == 201
            assert "token" not in with_header.headers["location"]
            assert with_query.headers["location"].endswith("?token=sesame")
            path = with_header.headers["location"]
            assert (await http.delete(path)).status_code == 401, "the secret name is not enough"
            assert (await http.delete(path, headers=bearer)).status_code == 200
            assert (await http.delete(with_query.headers["location"])).status_code == 200
            await publisher.pc.close()

    run(scene(), timeout=60)


def test_so_many_may_watch() -> None:
    for bad in (-1, 257):
        with pytest.raises(ConfigError, match=f"--max-viewers is {bad}, expected 0 to 256"):
            ServerConfig(max_viewers=bad)
