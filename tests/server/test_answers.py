"""What every answer over HTTP says to the browser, whatever was asked for."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import connect

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.server import app
from latentcam.server.app import make_app
from latentcam.server.camera_app import make_camera_app
from latentcam.server.config import ServerConfig
from latentcam.server.lobby import Lobby
from latentcam.server.say import Speaker
from tests.aio import run
from tests.peers import serving
from tests.server.test_server import make_engine

LOOPBACK = "http://localhost"


def check_headers(answer: httpx.Response, tls: bool = False) -> None:
    headers = answer.headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] in ("no-cache", "no-store")
    assert headers.get("strict-transport-security") == ("max-age=31536000" if tls else None)
    if answer.status_code >= 400 and answer.request.url.path != "/healthz" and answer.content:
        assert list(answer.json()) == ["error"]


async def ask_all(made: Starlette, asks: dict[tuple[str, str], int], tls: bool = False) -> None:
    transport = httpx.ASGITransport(made, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=LOOPBACK) as http:
        for (method, path), status in asks.items():
            answer = await http.request(method, path)
            assert answer.status_code == status, (method, path, answer.text)
            check_headers(answer, tls)
        answer = await http.get("/", headers={"Host": "evil.example"})
        check_headers(answer, tls)


def test_every_answer_of_serve_has_its_headers(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(lobby: Lobby) -> bytes:
        raise RuntimeError("inside")

    monkeypatch.setattr(app, "exposition", fails)
    (tmp_path / "pem").touch()
    asks = {
        ("GET", "/"): 200,
        ("HEAD", "/"): 200,
        ("GET", "/index.html"): 200,
        ("GET", "/client.js"): 200,
        ("GET", "/camera.html"): 200,
        ("GET", "/stats"): 200,
        ("GET", "/config"): 200,
        ("GET", "/healthz"): 503,
        ("GET", "/nothing"): 404,
        ("GET", "/../server/app.py"): 404,
        ("GET", "/offer"): 404,
        ("POST", "/offer"): 400,
        ("DELETE", "/"): 405,
        ("GET", "/metrics"): 500,
    }

    async def scene() -> None:
        engine = make_engine(tiny_pack)
        await ask_all(make_app(engine, ServerConfig()), asks)
        secret = ServerConfig(token="sesame", tls_cert=tmp_path / "pem", tls_key=tmp_path / "pem")
        guarded = dict.fromkeys([("GET", "/stats"), ("GET", "/metrics"), ("POST", "/offer")], 401)
        await ask_all(make_app(engine, secret), guarded, tls=True)
        await engine.aclose()

    run(scene())


def test_every_answer_of_camera_has_its_headers() -> None:
    async def scene() -> None:
        closing = asyncio.Event()
        closing.set()
        # No route below gets far enough to look at the camera.
        call = SimpleNamespace(sink=None, engine=None, background=None)
        control = cast(Any, SimpleNamespace(call=call, speaker=Speaker()))
        made = make_camera_app(control, ServerConfig(), 25, cast(Any, None), closing)
        await ask_all(
            made,
            {
                ("GET", "/"): 200,
                ("GET", "/camera.html"): 200,
                ("GET", "/camera.js"): 200,
                ("GET", "/preview.mjpg"): 200,
                ("GET", "/nothing"): 404,
                ("DELETE", "/"): 405,
                ("GET", "/state"): 500,
            },
        )

    run(scene())


@pytest.mark.parametrize("asked, status", [("bytes=x", 400), ("bytes=9000000-", 416)])
def test_a_refusal_that_is_not_ours_is_a_problem(
    tiny_pack: AvatarPack, asked: str, status: int
) -> None:
    """Starlette's were plain text, and a client that reads `error` found none."""

    async def scene() -> None:
        engine = make_engine(tiny_pack)
        transport = httpx.ASGITransport(make_app(engine, ServerConfig()))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            answer = await http.get("/call.js", headers={"range": asked})
        assert answer.status_code == status and answer.json()["error"]
        assert ("content-range" in answer.headers) == (status == 416)
        await engine.aclose()

    run(scene())


def test_an_offer_that_fails_inside_is_answered_and_logged_once(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(lobby: Lobby, *args: object, **more: object) -> None:
        raise RuntimeError("the lobby broke")

    monkeypatch.setattr(Lobby, "admit", fails)

    async def scene() -> None:
        async with (
            serving(make_engine(tiny_pack), token="sesame") as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):
            offer = {"type": "offer", "sdp": "v=0"}
            answer = await http.post("/offer?token=sesame", json=offer)
            assert answer.status_code == 500 and "failed inside" in answer.json()["error"]
            async with connect(f"ws://127.0.0.1:{port}/ws?token=sesame") as socket:
                await socket.send(json.dumps(offer))
                told = json.loads(await socket.recv())
                assert told["code"] == "failed" and "failed inside" in told["message"]

    run(scene(), timeout=60)
    assert caplog.text.count("RuntimeError: the lobby broke") == 2, "once for each way to ask"
    assert "sesame" not in caplog.text


def test_a_body_that_breaks_off_is_no_error(
    tiny_pack: AvatarPack, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /offer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
            await writer.drain()
            writer.close()
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                assert (await http.get("/healthz")).status_code == 200

    run(scene(), timeout=60)
    assert not caplog.records
