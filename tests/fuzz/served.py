"""The whole application in this process, without sockets of its own, for one case after another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from aioice import ice, mdns
from starlette.applications import Starlette

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.server.app import make_app
from latentcam.server.config import ServerConfig
from latentcam.server.lobby import Lobby
from latentcam.server.streams import Streams
from tests.fuzz.target import Fault, Take, gist, one_sentence
from tests.server.test_server import make_engine
from tests.tiny import clear_card, write_pack

PATIENCE = 120.0  # seconds for one case, of a machine that may be busy
UNAVAILABLE = (503, 507)  # statuses from 500 on that are no faults: full, or no space


@dataclass(frozen=True, slots=True)
class Server:
    """http: a client of the application."""

    app: Starlette
    http: httpx.AsyncClient
    lobby: Lobby
    streams: Streams

    async def settled(self, before: set[asyncio.Task[Any]]) -> None:
        """Ends all sessions. Raises Fault if a place is taken then, or other tasks run than
        before."""
        for peer in self.lobby.peers:
            await self.lobby.dismiss(peer, "it was tried")
        left: set[asyncio.Task[Any]] = set()
        # What was cancelled ends, and sockets are closed, within a few turns of the loop.
        for turn in range(300):
            left = asyncio.all_tasks() - before
            if not left and turn > 2:
                break
            await asyncio.sleep(0 if turn < 100 else 0.05)
        if left:
            raise Fault(f"tasks are left: {sorted(task.get_name() for task in left)[:3]}")
        if self.lobby.engine.sessions or self.streams.names:
            raise Fault(f"{self.lobby.engine.sessions} places are taken, {self.streams.names}")


Scene = Callable[[bytes, Server], Coroutine[None, None, str]]


@contextlib.asynccontextmanager
async def running(pack: Path) -> AsyncIterator[Server]:
    """From a first request to its end."""
    app = make_app(make_engine(load_pack(str(pack)), 4), ServerConfig(max_viewers=4))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
            yield Server(app, http, app.state.lobby, app.state.streams)


@contextmanager
def alone() -> Iterator[None]:
    """Nothing is sent to the addresses in offers, which may be anybody's, and names are given up at
    once."""
    with (
        patch.object(ice.StunProtocol, "send_stun", lambda *_: None),
        patch.object(mdns.MDnsProtocol.resolve, "__defaults__", (0.0,)),
    ):
        yield


@contextmanager
def opened_app(folder: Path, scene: Scene) -> Iterator[Take]:
    """Plays the scene with each case; after it, nobody is here and nothing runs."""

    async def played(case: bytes, server: Server) -> str:
        before = asyncio.all_tasks()
        async with asyncio.timeout(PATIENCE):
            outcome = await scene(case, server)
            await server.settled(before)
        return outcome

    pack = write_pack(folder / "clear", clear_card())
    with asyncio.Runner() as runner, alone():
        context = running(pack)
        server = runner.run(context.__aenter__())
        try:
            yield lambda case: runner.run(played(case, server))
        finally:
            runner.run(context.__aexit__(None, None, None))


def refusal(response: httpx.Response) -> str:
    """What became of a request. Raises Fault unless it was served or refused in one sentence."""
    if response.status_code >= 500 and response.status_code not in UNAVAILABLE:
        raise Fault(f"the answer is {response.status_code}: {response.text[:300]}")
    if response.status_code < 400:
        return str(response.status_code)
    return f"{response.status_code}: {gist(one_sentence(response.json()['error']))}"


class Page:
    """A WebSocket of a page. said: what it was told, as it came."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._messages.put_nowait({"type": "websocket.connect"})
        self.said: list[str] = []
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Until the application ends it."""
        scope = {
            "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws",
            "path": "/ws", "raw_path": b"/ws", "query_string": b"", "root_path": "",
            "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1),
            "server": ("localhost", 80), "subprotocols": [], "state": {},
        }  # fmt: skip
        try:
            await self._app(scope, self._messages.get, self._send)
        finally:
            self._news.set()

    async def _send(self, message: Any) -> None:
        if "text" in message:
            self.said.append(message["text"])
            self._news.set()

    def say(self, message: bytes) -> None:
        """As text, or as it is if it is none."""
        try:
            told: dict[str, Any] = {"text": message.decode()}
        except UnicodeDecodeError:
            told = {"bytes": message}
        self._messages.put_nowait({"type": "websocket.receive", **told})

    def hang_up(self) -> None:
        self._messages.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def news(self) -> None:
        """Until it has been told something, or has ended, since this was asked last."""
        await self._news.wait()
        self._news.clear()
