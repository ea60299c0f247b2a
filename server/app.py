"""The HTTP face of the server: the page, offers, figures."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from latentcam.server.answers import answers, problem, told, unknown
from latentcam.server.backdrops import backdrop_routes
from latentcam.server.bodies import limited_body
from latentcam.server.config import ServerConfig
from latentcam.server.enrolling import Enrolling
from latentcam.server.errors import BadRequest, Refused
from latentcam.server.guard import check_request, guarded
from latentcam.server.lobby import Lobby
from latentcam.server.messages import (
    Answer,
    Health,
    Offer,
    PageConfig,
    Way,
)
from latentcam.server.metrics import CONTENT_TYPE, counted, exposition, figures
from latentcam.server.pack_files import pack_routes
from latentcam.server.phone import phone_routes
from latentcam.server.portraits import Portraits
from latentcam.server.say import Speaker
from latentcam.server.signalling import signalling
from latentcam.server.streams import Streams
from latentcam.server.tracker_files import tracker_routes, why_not
from latentcam.server.webrtc.tracks import Retouch
from latentcam.server.whip import Whip
from latentcam.stream.engine import Engine
from latentcam.stream.errors import EngineFull
from latentcam.stream.threads import finish

PAGE = Path(__file__).resolve().parent.parent / "client_demo"


def make_app(engine: Engine, config: ServerConfig, retouch: Retouch | None = None) -> Starlette:
    """The ASGI application. Its lifespan warms up the engine and closes everything in order.

    retouch: applied to every frame before it leaves.
    """
    lobby = Lobby(engine, config, retouch)
    streams = Streams(lobby)
    drawing, speaker = ThreadPoolExecutor(1, "portraits"), Speaker()
    enrolling = Enrolling()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await engine.warm_up()
        try:
            yield
        finally:
            await enrolling.aclose()
            await lobby.aclose()
            await streams.aclose()
            await finish(drawing)
            await engine.aclose()

    async def offer(request: Request) -> Response:
        body = await limited_body(request)
        try:
            asked = msgspec.json.decode(body, type=Offer)
            address = request.client.host if request.client else ""
            peer, answer = await lobby.admit(
                asked.sdp,
                asked.identity,
                address,
                asked.background,
                asked.alpha,
                asked.latents,
                asked.drive,
            )
        except EngineFull as error:
            return problem(503, str(error))
        except (BadRequest, msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem(400, str(error))
        return told(Answer(sdp=answer, session=peer.id, alpha=peer.look.stacked))

    async def healthz(request: Request) -> Response:
        return told(Health(engine.ready), 200 if engine.ready else 503)

    async def stats(request: Request) -> Response:
        return told(figures(lobby))

    async def metrics(request: Request) -> Response:
        return Response(exposition(counted(lobby)), headers={"Content-Type": CONTENT_TYPE})

    async def page_config(request: Request) -> Response:
        card = engine.avatar.card
        ways: list[Way] = ["video"]
        begins = engine.settings
        hears = begins.moods is not None or begins.arousal > 0.0
        if config.pack:  # a page that does all of it by itself knows neither
            ways = ["latents", "video"] if hears else ["here", "latents", "video"]
        return told(
            PageConfig(
                ways=ways,
                avatar=card.name,
                identities=list(card.identities),
                identity=config.identity or card.identities[0],
                alpha=lobby.backgrounds is not None,
                backgrounds=list(lobby.backgrounds.names) if lobby.backgrounds else [],
                background=config.backgrounds.first.name,
                axes=card.axes,
                fps=engine.timeline.fps,
                resolution=card.generator.resolution,
                ice_servers=config.ice_servers,
                look_ahead_ms=round(engine.performer.look_ahead_s * 1000, 1),
                speech=speaker.missing,
                tracker=why_not(),
                moods=begins.moods is not None,
            )
        )

    async def socket(websocket: WebSocket) -> None:
        try:
            check_request(websocket, config)
        except Refused:
            await websocket.close()  # before accepting: the browser sees HTTP 403
            return
        await websocket.accept()
        await signalling(websocket, lobby)

    routes = [
        Route("/offer", guarded(offer, config), methods=["POST"]),
        Route("/stats", guarded(stats, config)),
        Route("/metrics", guarded(metrics, config)),
        Route("/config", guarded(page_config, config)),
        Route("/healthz", healthz),
        *Portraits(engine, config.backgrounds.first, lobby.backgrounds, drawing).routes(config),
        *speaker.routes(config),
        *enrolling.routes(config, PAGE),
        *phone_routes(config),
        *pack_routes(config),
        *Whip(lobby, streams, config).routes(),
        *tracker_routes(config),
        *backdrop_routes(config, config.backgrounds, drawing),
        WebSocketRoute("/ws", socket),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ]
    allowed = Middleware(
        CORSMiddleware,
        allow_origins=config.origins,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "If-Match"],
        expose_headers=["ETag", "Link", "Location", "Retry-After"],
    )
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[answers(config), *([allowed] if config.origins else [])],
        exception_handlers={HTTPException: unknown},
    )
    app.state.lobby, app.state.streams = lobby, streams  # for whoever runs it beside others
    return app
