"""The control page of `latentcam camera`: the face's settings and its picture, for this machine.

`GET /preview.mjpg` is the camera's picture as a stream of JPEGs, for the page or a browser source.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from latentcam.server.answers import answers, problem, told, unknown
from latentcam.server.app import PAGE, limited_body
from latentcam.server.config import ServerConfig
from latentcam.server.controls import Controls
from latentcam.server.errors import BadRequest
from latentcam.server.guard import guarded
from latentcam.server.messages import Ages, CameraState, Change
from latentcam.stream.engine import Engine
from latentcam.stream.local.camera_sink import CameraSink
from latentcam.stream.local.jpeg import jpeg
from latentcam.stream.local.voice_source import Voice
from latentcam.stream.session import Session
from latentcam.stream.voice_motion import VoiceMotion

BOUNDARY = b"latentcam"


class CameraControls(Controls):
    """What the page can read and change. Touched on the event loop only."""

    def __init__(
        self,
        engine: Engine,
        session: Session,
        motion: VoiceMotion,
        sink: CameraSink,
        voice: Voice,
        identity: str,
        device: str,
        notice: Callable[[], str],
        voice_delay: Callable[[], float | None],
    ) -> None:
        """notice: what a person should know about the devices at present, or nothing.
        voice_delay: seconds, None if nobody else hears the voice."""
        super().__init__(engine, session, motion, identity, self._mute_voice, self._freeze_picture)
        self._sink, self._voice, self._device = sink, voice, device
        self._notice, self._voice_delay = notice, voice_delay

    def _mute_voice(self, muted: bool) -> None:
        self._voice.muted = muted

    def _freeze_picture(self, frozen: bool) -> None:
        self._sink.frozen = frozen

    def state(self) -> CameraState:
        """Settings and figures; no voice, no face."""
        session, motion, meter = self._session, self._motion, self._sink.meter
        delay = self._voice_delay()
        card = self._engine.avatar.card
        return CameraState(
            identity=self.identity,
            expression=motion.settings.expression,
            life=motion.settings.life,
            muted=self.muted,
            frozen=self.frozen,
            identities=list(card.identities),
            axes=card.axes,
            device=self._device,
            notice=self._notice(),
            fps=round(meter.fps(asyncio.get_running_loop().time()), 2),
            frames=meter.frames,
            age_ms=Ages.of(meter),
            repeated=self._sink.repeated,
            skipped=session.skipped,
            level=round(motion.level, 4),
            speaking=motion.speaking,
            voice_delay_ms=None if delay is None else round(delay * 1000, 1),
        )


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
        return told(controls.state())

    async def change(request: Request) -> Response:
        try:
            await controls.apply(msgspec.json.decode(await limited_body(request), type=Change))
        except (BadRequest, msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem(400, str(error))
        return told(controls.state())

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
        return FileResponse(PAGE / "camera.html")

    return Starlette(
        routes=[
            Route("/", guarded(page, config)),
            Route("/state", guarded(state, config)),
            Route("/change", guarded(change, config), methods=["POST"]),
            Route("/preview.mjpg", guarded(preview, config)),
            Mount("/", StaticFiles(directory=PAGE)),
        ],
        middleware=[answers(config)],
        exception_handlers={HTTPException: unknown},
    )
