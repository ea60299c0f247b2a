"""The application of a replica: the one that `serve` runs, and what it says for all replicas."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latentcam.server.answers import answers, problem, told
from latentcam.server.cluster.gathered import Report
from latentcam.server.cluster.placement import is_marked, marked, unmarked
from latentcam.server.config import ServerConfig
from latentcam.server.guard import Handler, guarded
from latentcam.server.lobby import Lobby
from latentcam.server.messages import ClusterHealth, ClusterStats, Stats
from latentcam.server.metrics import CONTENT_TYPE, Counted, counted, exposition, figures

logger = logging.getLogger(__name__)

REPORT_EVERY = 1.0  # seconds

Post = Callable[[Report | None], Awaitable[None]]
"""Puts this replica's report on the board; None takes it off."""
Read = Callable[[], Awaitable[tuple[dict[str, Stats], Counted]]]
"""What `Board.read` returns."""
Unreachable = tuple[type[Exception], ...]


class Marking:
    """ASGI middleware: the addresses of sessions carry the replica's name outside, not inside."""

    def __init__(self, app: ASGIApp, replica: str) -> None:
        self._app, self._replica = app, replica

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 201:
                headers = MutableHeaders(scope=message)
                if "location" in headers:
                    headers["location"] = marked(headers["location"], self._replica)
            await send(message)

        inside = {**scope, "path": unmarked(scope["path"])} if is_marked(scope["path"]) else scope
        await self._app(inside, receive, marking)


def replica_app(
    app: Starlette,
    lobby: Lobby,
    config: ServerConfig,
    replica: str,
    post: Post,
    read: Read,
    unreachable: Unreachable,
) -> Starlette:
    """`app`, which `make_app` made, with the figures of all replicas in place of its own.

    unreachable: what `post` and `read` raise while there is no board. When the application is
    told to end, it first waits for the calls that it has to end by themselves: whoever runs it
    limits that.
    """

    async def keep_posting() -> None:
        while True:
            try:
                await post(Report(figures(lobby), counted(lobby)))
            except unreachable as error:
                logger.warning("no board for the figures at present: %s", type(error).__name__)
            await asyncio.sleep(REPORT_EVERY)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with app.router.lifespan_context(app):
            posting = asyncio.create_task(keep_posting(), name="figures")
            try:
                yield
                for peer in lobby.peers:
                    await lobby.wait(peer)
            finally:
                posting.cancel()
                await asyncio.wait({posting})
                with contextlib.suppress(*unreachable):
                    await post(None)

    def told_by_all(tell: Callable[[dict[str, Stats], Counted], Response]) -> Handler:
        async def handler(request: Request) -> Response:
            try:
                return tell(*await read())
            except unreachable:
                return problem(503, "the figures of the replicas cannot be read at present")

        return handler

    def metrics(stats: dict[str, Stats], sums: Counted) -> Response:
        return Response(exposition(sums, len(stats)), headers={"Content-Type": CONTENT_TYPE})

    def healthz(stats: dict[str, Stats], sums: Counted) -> Response:
        health = ClusterHealth(sums.ready, len(stats), sums.sessions, sums.places)
        return told(health, 200 if sums.ready else 503)

    def all_stats(stats: dict[str, Stats], sums: Counted) -> Response:
        return told(ClusterStats(stats, sums.totals))

    return Starlette(
        routes=[
            Route("/metrics", guarded(told_by_all(metrics), config)),
            Route("/stats", guarded(told_by_all(all_stats), config)),
            Route("/healthz", told_by_all(healthz)),
            Mount("/", Marking(app, replica)),
        ],
        lifespan=lifespan,
        middleware=[answers(config)],
    )
