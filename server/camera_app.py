"""The control page of `latentcam camera`: the face's settings and its picture, for this machine.

`GET /preview.mjpg` is the camera's picture as a stream of JPEGs, for the page or a browser source.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from latentcam.server.app import PAGE, PageFiles, limited_body
from latentcam.server.config import ServerConfig
from latentcam.server.controls import check_axes, check_life, find_face
from latentcam.server.errors import BadRequest
from latentcam.server.guard import guarded, problem
from latentcam.stream.engine import Engine
from latentcam.stream.local.camera_sink import CameraSink
from latentcam.stream.local.jpeg import jpeg
from latentcam.stream.local.voice_source import Voice
from latentcam.stream.session import Session

BOUNDARY = b"latentcam"


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """What a person wants to be otherwise; what is not named stays."""

    identity: str | None = None
    life: float | None = None
    expression: dict[str, float] | None = None
    muted: bool | None = None
    frozen: bool | None = None


class CameraControls:
    """What the page can read and change. Touched on the event loop only."""

    def __init__(
        self,
        engine: Engine,
        session: Session,
        sink: CameraSink,
        voice: Voice,
        identity: str,
        device: str,
        notice: Callable[[], str],
        voice_delay: Callable[[], float | None],
    ) -> None:
        """notice: what a person should know about the devices at present, or nothing.
        voice_delay: seconds, None if nobody else hears the voice."""
        self._engine, self._session, self._sink, self._voice = engine, session, sink, voice
        self._identity, self._device = identity, device
        self._notice, self._voice_delay = notice, voice_delay

    def apply(self, change: Change) -> None:
        """Raises BadRequest; then nothing is changed."""
        anchor = None if change.identity is None else find_face(self._engine, change.identity)
        if change.life is not None:
            check_life(change.life)
        check_axes(self._engine, change.expression or ())
        session, settings = self._session, self._session.settings
        if anchor is not None and change.identity is not None:
            session.anchor, self._identity = anchor, change.identity
        if change.life is not None:
            settings.life = change.life
        if change.expression is not None:
            settings.expression = change.expression
        if change.muted is not None:
            self._voice.muted = change.muted
        if change.frozen is not None:
            self._sink.frozen = change.frozen

    def state(self) -> dict[str, Any]:
        """Settings and figures; no voice, no face."""
        session, meter, delay = self._session, self._sink.meter, self._voice_delay()
        return {
            "identity": self._identity,
            "identities": list(self._engine.avatar.card.identities),
            "life": session.settings.life,
            "expression": session.settings.expression,
            "muted": self._voice.muted,
            "frozen": self._sink.frozen,
            "device": self._device,
            "notice": self._notice(),
            "fps": round(meter.fps(asyncio.get_running_loop().time()), 2),
            "age_ms": round(meter.age(50) * 1000, 1),
            "repeated": self._sink.repeated,
            "skipped": session.skipped,
            "level": round(session.level, 4),
            "speaking": session.speaking,
            "voice_delay_ms": None if delay is None else round(delay * 1000, 1),
        }


def make_camera_app(
    controls: CameraControls,
    sink: CameraSink,
    config: ServerConfig,
    fps: int,
    thread: Executor,
    closing: asyncio.Event,
) -> Starlette:
    """The ASGI application. thread: where preview pictures are encoded, until `closing`."""

    async def state(request: Request) -> Response:
        return JSONResponse(controls.state())

    async def change(request: Request) -> Response:
        try:
            controls.apply(msgspec.json.decode(await limited_body(request), type=Change))
        except (BadRequest, msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem(400, str(error))
        return JSONResponse(controls.state())

    async def pictures() -> AsyncIterator[bytes]:
        loop, last = asyncio.get_running_loop(), None
        while not closing.is_set():
            if sink.picture is not last:
                last = sink.picture
                data = await loop.run_in_executor(thread, jpeg, last)
                yield b"--%s\r\nContent-Type: image/jpeg\r\n" % BOUNDARY
                yield b"Content-Length: %d\r\n\r\n%s\r\n" % (len(data), data)
            await asyncio.sleep(1.0 / fps)  # as fast as the camera; slower viewers get fewer

    async def preview(request: Request) -> Response:
        return StreamingResponse(
            pictures(),
            media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}",
            headers={"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store"},
        )

    async def page(request: Request) -> Response:
        return PageFiles(directory=PAGE).file_response(
            PAGE / "camera.html", (PAGE / "camera.html").stat(), request.scope
        )

    return Starlette(
        routes=[
            Route("/", guarded(page, config)),
            Route("/state", guarded(state, config)),
            Route("/change", guarded(change, config), methods=["POST"]),
            Route("/preview.mjpg", guarded(preview, config)),
            Mount("/", PageFiles(directory=PAGE)),
        ]
    )
