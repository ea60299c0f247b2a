"""A replica's application, with the real one inside and the board in the same process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.server.app import make_app
from latentcam.server.cluster.gathered import Board, Report
from latentcam.server.cluster.replica_app import Marking, replica_app
from latentcam.server.config import ServerConfig
from latentcam.server.messages import Stats
from latentcam.server.metrics import Counted
from tests.aio import run
from tests.server.test_server import make_engine


class Boards:
    """Where a board is, or is not."""

    def __init__(self) -> None:
        self.board: Board | None = Board()
        self.posted = asyncio.Event()

    def found(self) -> Board:
        if self.board is None:
            raise LookupError
        return self.board

    async def read(self) -> tuple[dict[str, Stats], Counted]:
        return self.found().read()


@contextlib.asynccontextmanager
async def replica(
    name: str, pack: AvatarPack, boards: Boards, token: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    async def post(report: Report | None) -> None:
        if report is None:
            boards.found().leave(name)
        else:
            boards.found().post(name, report)
            boards.posted.set()

    config = ServerConfig(token=token)
    inner = make_app(make_engine(pack), config)
    app = replica_app(inner, inner.state.lobby, config, name, post, boards.read, (LookupError,))
    async with app.router.lifespan_context(app):
        await asyncio.wait_for(boards.posted.wait(), 20)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield http


def test_any_replica_tells_of_all_of_them(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        boards = Boards()
        async with replica("a", tiny_pack, boards) as http:
            boards.posted.clear()
            async with replica("b", tiny_pack, boards):
                health = await http.get("/healthz")
                assert health.status_code == 200
                assert health.json() == {"ready": True, "replicas": 2, "sessions": 0, "places": 4}
                assert set((await http.get("/stats")).json()["replicas"]) == {"a", "b"}
                text = (await http.get("/metrics")).text
                assert "latentcam_places 4.0" in text and "latentcam_replicas 2.0" in text
            assert (await http.get("/healthz")).json()["replicas"] == 1
            assert (await http.get("/config")).json()["avatar"] == "tiny", "the application inside"
            answer = await http.get("/")
            assert "<title>" in answer.text and "content-security-policy" in answer.headers
        assert boards.found().read()[0] == {}

    run(scene())


def test_without_a_board_calls_go_on(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        boards = Boards()
        async with replica("a", tiny_pack, boards) as http:
            boards.board = None
            for path in ("/healthz", "/stats", "/metrics"):
                answer = await http.get(path)
                assert answer.status_code == 503 and "figures" in answer.json()["error"]
            assert (await http.get("/config")).status_code == 200
            boards.board, boards.posted = Board(), asyncio.Event()
            await asyncio.wait_for(boards.posted.wait(), 20)
            assert (await http.get("/healthz")).json()["replicas"] == 1

    run(scene())


def test_figures_want_the_token_and_health_does_not(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with replica("a", tiny_pack, Boards(), token="sesame") as http:
            assert (await http.get("/metrics")).status_code == 401
            assert (await http.get("/stats")).status_code == 401
            assert (await http.get("/stats?token=sesame")).status_code == 200
            assert (await http.get("/healthz")).status_code == 200

    run(scene())


def test_a_session_s_address_names_its_replica_outside_only() -> None:
    seen: list[str] = []

    async def publish(request: Request) -> Response:
        return Response(status_code=201, headers={"Location": "/whip/live/Xy?token=t"})

    async def end(request: Request) -> Response:
        seen.append(request.url.path)
        return Response(headers={"Location": "/elsewhere"})

    async def scene() -> None:
        routes = [
            Route("/whip", publish, methods=["POST"]),
            Route("/whip/{name}/{session}", end, methods=["DELETE"]),
        ]
        transport = httpx.ASGITransport(Marking(Starlette(routes=routes), "r1"))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            location = (await http.post("/whip")).headers["location"]
            assert location == "/whip/live/Xy~r1?token=t"
            answer = await http.delete(location)
            assert answer.status_code == 200 and answer.headers["location"] == "/elsewhere"
        assert seen == ["/whip/live/Xy"]

    run(scene())
