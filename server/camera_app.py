"""The control page of `latentcam camera`: the face's settings and its picture, for this machine.

`GET /preview.mjpg` is the camera's picture as a stream of JPEGs, for the page or a browser source.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
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
from latentcam.server.app import PAGE
from latentcam.server.bodies import limited_body
from latentcam.server.config import ServerConfig
from latentcam.server.controls import Controls
from latentcam.server.errors import BadRequest
from latentcam.server.guard import guarded
from latentcam.server.messages import Ages, CameraState, Change, Listen, Microphones
from latentcam.server.portraits import Portraits
from latentcam.server.say import Speaker
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.composition import I420
from latentcam.stream.errors import DeviceError, MediaError
from latentcam.stream.local.call import Call
from latentcam.stream.local.camera_sink import CameraSink
from latentcam.stream.local.jpeg import jpeg
from latentcam.stream.local.sent_sound import read_sound

BOUNDARY = b"latentcam"
LARGEST_SOUND = 64 * 2**20  # bytes of a file to be spoken
LAST_WORDS = 1.0  # seconds, twice of what the page leaves between its questions


class CameraPage:
    """What the page reads and changes. Touched on the event loop only."""

    def __init__(
        self,
        call: Call,
        identity: str,
        device: str,
        backgrounds: Backgrounds,
        on_through: Callable[[bool], None] = lambda wanted: None,
    ) -> None:
        """identity: the one that the call began with. device: the camera's name. on_through: told
        when the real camera takes the avatar's place, and when the avatar is back."""
        self._on_through = on_through
        self._card, self._device = call.engine.avatar.card, device
        self.call = call
        self.controls = Controls(
            call.engine, call.session, call.motion, identity, call.mute, call.freeze,
            call.background.name, backgrounds, call.put_behind, self._put_through,
        )  # fmt: skip
        self._backgrounds = backgrounds
        self.speaker = Speaker()
        self._ended = ""
        self._looked = -math.inf  # when the page asked last, the loop's time
        self._told = asyncio.Event()

    def _put_through(self, wanted: bool) -> None:
        if wanted != self.call.through.wanted:
            self.call.put_through(wanted)
            self._on_through(wanted)

    def press(self) -> None:
        """The panic key: the real camera and microphone, or the avatar again."""
        self._put_through(not self.call.through.wanted)

    def state(self) -> CameraState:
        """Settings and figures; no voice, no face."""
        now = self._looked = asyncio.get_running_loop().time()
        if self._ended:
            self._told.set()
        call, controls, meter = self.call, self.controls, self.call.sink.meter
        delay = call.voice_delay
        return CameraState(
            identity=controls.identity,
            background=controls.background,
            expression=call.motion.settings.expression,
            life=call.motion.settings.life,
            muted=controls.muted,
            frozen=controls.frozen,
            through=call.through.wanted,
            seen=call.through.seen,
            identities=list(self._card.identities),
            backgrounds=list(self._backgrounds.names),
            axes=self._card.axes,
            device=self._device,
            speech=self.speaker.missing,
            moods=call.motion.settings.moods is not None,
            playing=call.playing,
            notice=call.notice,
            ended=self._ended,
            fps=round(meter.fps(now), 2),
            frames=meter.frames,
            age_ms=Ages.of(meter),
            resolution=call.engine.renderer.decoder.resolution,
            repeated=call.sink.repeated,
            skipped=call.session.skipped,
            level=round(call.motion.level, 4),
            speaking=call.motion.speaking,
            voice_delay_ms=None if delay is None else round(delay * 1000, 1),
        )

    async def end(self, reason: str) -> None:
        """Tell an open page why the camera is ending, in a sentence; waits until the page has
        asked, at most LAST_WORDS."""
        self._ended = reason
        if asyncio.get_running_loop().time() - self._looked < LAST_WORDS:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), LAST_WORDS)


class Preview:
    """The camera's newest picture as a JPEG, encoded once for all who look."""

    def __init__(self, sink: CameraSink, thread: Executor) -> None:
        self._sink, self._thread = sink, thread
        self._encoding = asyncio.Lock()
        self._picture: I420 | None = None
        self._data = b""

    async def newest(self) -> bytes:
        """The same object for the same picture."""
        async with self._encoding:
            if (picture := self._sink.picture) is not self._picture:
                loop = asyncio.get_running_loop()
                self._data = await loop.run_in_executor(self._thread, jpeg, picture)
                self._picture = picture
            return self._data


def make_camera_app(
    control: CameraPage,
    config: ServerConfig,
    fps: int,
    thread: Executor,
    closing: asyncio.Event,
) -> Starlette:
    """The ASGI application. fps: of the preview, at most. thread: where its pictures are encoded,
    until `closing`."""

    async def state(request: Request) -> Response:
        return told(control.state())

    async def change(request: Request) -> Response:
        try:
            asked = msgspec.json.decode(await limited_body(request), type=Change)
            await control.controls.apply(asked)
        except (BadRequest, msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem(400, str(error))
        return told(control.state())

    async def microphones(request: Request) -> Response:
        call = control.call
        try:
            if request.method == "POST":
                asked = msgspec.json.decode(await limited_body(request), type=Listen)
                if call.microphone is None:
                    return problem(400, "got a microphone, expected none: a file speaks here")
                await call.microphone.choose(asked.microphone)
            names = await call.microphones()
        except (DeviceError, msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem(400, str(error))
        return told(Microphones(names, call.microphone.name if call.microphone else ""))

    async def play(request: Request) -> Response:
        body = await limited_body(request, LARGEST_SOUND)
        try:
            sound = await asyncio.get_running_loop().run_in_executor(thread, read_sound, body)
        except MediaError as error:
            return problem(400, str(error))
        control.call.play(sound)
        return told(control.state())

    newest = Preview(control.call.sink, thread).newest

    async def pictures() -> AsyncIterator[bytes]:
        last = None
        while not closing.is_set():
            data = await newest()
            if data is not last:
                last = data
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
            Route("/microphones", guarded(microphones, config)),
            Route("/microphone", guarded(microphones, config), methods=["POST"]),
            Route("/play", guarded(play, config), methods=["POST"]),
            *control.speaker.routes(config),
            Route("/preview.mjpg", guarded(preview, config)),
            *Portraits(control.call.engine, control.call.background, None, thread).routes(
                config, films=False
            ),
            Mount("/", StaticFiles(directory=PAGE)),
        ],
        middleware=[answers(config)],
        exception_handlers={HTTPException: unknown},
    )
