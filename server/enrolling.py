"""A face of one's own from the page: takes are kept here, and a process learns from them.

Only for pages that are opened on this machine: a face that is sent over a network has left it. One
enrolment at a time; it goes on when the page is closed, and stops, to be continued, when the server
does.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from latentcam.realtime_models import enrolment
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK
from latentcam.realtime_models.enrolment import (
    Consent,
    Covered,
    Doing,
    Done,
    Enrolment,
    Failed,
    News,
    Order,
)
from latentcam.realtime_models.errors import LatentcamError
from latentcam.realtime_models.pack_places import find_pack, user_packs
from latentcam.server.answers import problem, told
from latentcam.server.bodies import limited_body
from latentcam.server.config import ServerConfig
from latentcam.server.errors import Refused
from latentcam.server.guard import Handler, guarded
from latentcam.server.messages import Enrol, EnrolState, Named

logger = logging.getLogger(__name__)

LARGEST_PIECE = 16 * 2**20  # bytes of a recording, of a second or two
LARGEST_RECORDING = 600 * 2**20  # bytes of all takes
MOST_TAKES = 12
PATIENCE = 60.0  # seconds for a process that was told to keep what it has
HERE_ONLY = (
    "a face is enrolled on the machine itself: start latentcam serve without --host there, and "
    "open the page in its browser"
)


class Enrolling:
    """base: the pack whose generator learns."""

    def __init__(self, base: str = DEFAULT_PACK) -> None:
        self._base = base
        self._state = begun()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    def state(self) -> EnrolState:
        """What the page shows."""
        name = self._state.name
        if not name:
            return self._state
        folder = enrolment.orders() / name
        preview = 0
        with suppress(OSError):  # there is none yet, or none any more
            preview = (folder / enrolment.PREVIEW).stat().st_mtime_ns // 1_000_000
        return msgspec.structs.replace(self._state, takes=len(takes(name)), preview=preview)

    def keep(self, name: str, take: int, piece: bytes, first: bool) -> None:
        """Add a piece to a take. Raises Refused."""
        enrolment.check_name(name)
        if not 1 <= take <= MOST_TAKES:
            raise Refused(400, f"take is {take}, expected 1 to {MOST_TAKES}")
        if self._process is not None:
            raise Refused(409, "a face is being learned; stop that first")
        folder = enrolment.orders() / name / enrolment.RECORDING
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.parent.chmod(0o700)
            kept = sum(path.stat().st_size for path in folder.iterdir())
            if kept + len(piece) > LARGEST_RECORDING:
                raise Refused(
                    413, f"the takes have {LARGEST_RECORDING >> 20} MiB already, expected no more"
                )
            with (folder / f"{take}.webm").open("wb" if first else "ab") as file:
                file.write(piece)
        except OSError as error:
            raise Refused(507, f"the recording cannot be kept: {error.strerror}") from None
        self._state = EnrolState(phase="idle", name=name)

    async def start(self, asked: Enrol) -> None:
        """Learn from what was recorded, or go on. Raises LatentcamError."""
        if self._process is not None:
            raise Refused(409, "a face is being learned; stop that first")
        if missing := enrolment.missing_packages():
            raise Refused(
                503,
                f"this needs {', '.join(missing)}, not installed on this machine: "
                "pip install 'latentcam[enrol]'",
            )
        enrolment.check_name(asked.name)
        folder = enrolment.place(self._order(asked.name, asked.consent))
        self._state = EnrolState(phase="working", name=asked.name, step="starting")
        self._process = await asyncio.create_subprocess_exec(
            *enrolment.command(folder),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the server, which then stops it in order
        )
        self._reading = asyncio.create_task(self._read(self._process), name="enrolment")

    def _order(self, name: str, consent: Consent | None) -> Order:
        if consent is None:
            return enrolment.read_order(enrolment.orders() / name)
        files = takes(name)
        if not files:
            raise Refused(400, f"nothing was recorded under the name {name}")
        return Enrolment(
            name=name,
            files=tuple(str(path) for path in files),
            consent=consent,
            base=str(find_pack(self._base).resolve()),
            tracker=str(enrolment.find_model("face_landmarker.task")),
            segmenter=str(enrolment.find_model("selfie_segmenter.tflite")),
        )

    async def stop(self) -> None:
        """What is done is kept; `start` goes on."""
        process, reading = self._process, self._reading
        if process is None or reading is None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.shield(reading)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await reading

    async def forget(self, name: str) -> None:
        """Delete all that is known of a face. Raises LatentcamError."""
        if self._state.name == name:
            await self.stop()
            self._state = EnrolState(phase="idle")
        enrolment.forget(name)

    async def aclose(self) -> None:
        """Stop in order, if anything runs."""
        await self.stop()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        ended = False
        async for line in process.stdout:
            news = msgspec.json.decode(line, type=News)
            ended = ended or isinstance(news, Done | Failed)
            self._state = after(self._state, news)
        status = await process.wait()
        self._process = self._reading = None
        if not ended:
            self._state = msgspec.structs.replace(
                self._state,
                phase="stopped",
                message="" if status == 130 else f"the work ended early, with status {status}",
            )
            logger.info("an enrolment ended early, with status %d", status)

    def routes(self, config: ServerConfig, page: Path) -> list[Route]:
        """`/enrol` and what it asks for."""

        async def state(request: Request) -> Response:
            return told(self.state())

        async def recording(request: Request) -> Response:
            query = request.query_params
            piece = await limited_body(request, LARGEST_PIECE)
            number = query.get("take", "")
            take = int(number) if number.isascii() and number.isdigit() else 0
            self.keep(query.get("name", ""), take, piece, query.get("piece") == "0")
            return told(self.state())

        async def start(request: Request) -> Response:
            await self.start(msgspec.json.decode(await limited_body(request), type=Enrol))
            return told(self.state())

        async def stop(request: Request) -> Response:
            await self.stop()
            return told(self.state())

        async def forget(request: Request) -> Response:
            asked = msgspec.json.decode(await limited_body(request), type=Named)
            await self.forget(asked.name)
            return told(self.state())

        async def preview(request: Request) -> Response:
            path = enrolment.orders() / (self._state.name or ".") / enrolment.PREVIEW
            if not path.is_file():
                return problem(404, "there is no picture of the face yet")
            return Response(path.read_bytes(), media_type="image/jpeg")

        async def shown(request: Request) -> Response:
            return FileResponse(page / "enrol.html")

        def here(handler: Handler) -> Handler:
            async def only_here(request: Request) -> Response:
                if not config.loopback:
                    return problem(403, HERE_ONLY)
                try:
                    return await handler(request)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    return problem(400, str(error))
                except Refused:
                    raise
                except LatentcamError as error:
                    return problem(409, str(error))

            return guarded(only_here, config)

        return [
            Route("/enrol", shown),
            Route("/enrol/state", here(state)),
            Route("/enrol/preview.jpg", here(preview)),
            Route("/enrol/recording", here(recording), methods=["POST"]),
            Route("/enrol/start", here(start), methods=["POST"]),
            Route("/enrol/stop", here(stop), methods=["POST"]),
            Route("/enrol/forget", here(forget), methods=["POST"]),
        ]


def begun() -> EnrolState:
    """What a former server left unfinished, the newest, if anything."""
    left = [
        path
        for path in enrolment.orders().glob(f"*/{enrolment.JOB_FILE}")
        if not (user_packs() / path.parent.name).exists()
    ]
    if not left:
        return EnrolState(phase="idle")
    newest = max(left, key=lambda path: path.stat().st_mtime)
    return EnrolState(phase="stopped", name=newest.parent.name)


def takes(name: str) -> list[Path]:
    """What was recorded under a name, in order."""
    folder = enrolment.orders() / name / enrolment.RECORDING
    return sorted(folder.glob("*.webm"), key=lambda path: (len(path.name), path.name))


def after(state: EnrolState, news: News) -> EnrolState:
    """The state, once this is known."""
    match news:
        case Doing():
            return msgspec.structs.replace(
                state, step=news.step, share=news.share, left_s=news.left_s
            )
        case Covered():
            return msgspec.structs.replace(state, missing=news.missing)
        case Done():
            return msgspec.structs.replace(state, phase="done", share=1.0, left_s=0.0)
        case Failed():
            return msgspec.structs.replace(state, phase="failed", message=news.message)
