"""Typed words, spoken by espeak-ng where it is installed: a voice for those who would not talk."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import wave
from contextlib import suppress

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from latentcam.server.answers import problem
from latentcam.server.bodies import limited_body
from latentcam.server.config import ServerConfig
from latentcam.server.errors import Refused
from latentcam.server.guard import guarded
from latentcam.server.messages import Say

PROGRAM = "espeak-ng"
DEADLINE = 20.0  # seconds for what takes a tenth of one
HEADER = 44  # bytes before the sound in what it writes into a pipe, with lengths that are not known
DEFAULT = "en"


class Speaker:
    """Speaks one text at a time."""

    def __init__(self) -> None:
        self._program = shutil.which(PROGRAM)
        self._speaking = asyncio.Lock()

    @property
    def missing(self) -> str:
        """Why it cannot speak, in a sentence, or nothing."""
        if self._program is not None:
            return ""
        return f"It needs {PROGRAM} on the server’s machine: apt or brew install {PROGRAM}."

    async def wav(self, say: Say) -> bytes:
        """A WAV, in the language asked for or the nearest that there is. Raises Refused."""
        if self._program is None:
            raise Refused(503, self.missing)
        language = say.language.lower()
        async with self._speaking:
            for voice in (language, language.partition("-")[0], DEFAULT):
                if sound := await self._spoken(self._program, voice, say.text):
                    return sound
        raise Refused(503, f"{PROGRAM} could not speak this; try other words")

    async def _spoken(self, program: str, voice: str, text: str) -> bytes | None:
        """None if there is no such voice, or nothing to be heard."""
        process = await asyncio.create_subprocess_exec(
            program, "--stdin", "--stdout", "-v", voice,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(DEADLINE):
                written, _ = await process.communicate(text.encode())
        except TimeoutError:
            raise Refused(503, f"{PROGRAM} did not answer within {DEADLINE:.0f} s") from None
        finally:
            with suppress(ProcessLookupError):  # it has ended
                process.kill()
            await process.wait()
        return _with_lengths(written) if process.returncode == 0 else None

    def routes(self, config: ServerConfig) -> list[Route]:
        """`POST /say`."""

        async def answer(request: Request) -> Response:
            try:
                say = msgspec.json.decode(await limited_body(request), type=Say)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                return problem(400, str(error))
            return Response(await self.wav(say), media_type="audio/wav")

        return [Route("/say", guarded(answer, config), methods=["POST"])]


def _with_lengths(written: bytes) -> bytes | None:
    """The sound with a header that says how long it is, as browsers want; None if it is empty."""
    if len(written) <= HEADER or not re.match(rb"RIFF....WAVEfmt ", written, re.DOTALL):
        return None
    whole = io.BytesIO()
    with wave.open(whole, "wb") as file:
        file.setnchannels(int.from_bytes(written[22:24], "little"))
        file.setsampwidth(int.from_bytes(written[34:36], "little") // 8)
        file.setframerate(int.from_bytes(written[24:28], "little"))
        file.writeframes(written[HEADER:])
    return whole.getvalue()
