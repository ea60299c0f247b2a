"""What the faces of a pack look like, for pages: made when first asked for, then kept."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import Executor
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from latentcam.realtime_models.decoders.cache import cache_folder, cache_key, load, store
from latentcam.server.answers import problem
from latentcam.server.config import ServerConfig
from latentcam.server.controls import find_face
from latentcam.server.errors import BadRequest, Refused
from latentcam.server.guard import Handler, guarded
from latentcam.stream.at_rest import film, portrait, resting
from latentcam.stream.backgrounds import Background
from latentcam.stream.engine import Engine

MADE_AS = 1  # counts up when portraits or films are made in another way

Kind = Literal["portrait", "film"]
MEDIA_TYPES: dict[Kind, str] = {"portrait": "image/jpeg", "film": "video/webm"}


class Portraits:
    """Portraits and films of the faces of an engine's avatar. Those of named faces are kept in the
    user's cache folder, under the digests of the pack that they were made with.

    background: behind faces with alpha. thread: where they are encoded, and read. One is made at a
    time, picture by picture, so that sessions that run lose no picture; a film is made only while
    none runs.
    """

    def __init__(self, engine: Engine, background: Background, thread: Executor) -> None:
        self._engine, self._background, self._thread = engine, background, thread
        self._making = asyncio.Lock()

    def key(self, identity: str, kind: Kind) -> str:
        """Changes whenever the pictures might."""
        card = self._engine.avatar.card
        files = [card.files.generator.digest, card.files.motion.digest]
        return cache_key(
            {
                "made": MADE_AS,
                "kind": kind,
                "identity": identity.casefold(),
                "background": hashlib.sha256(self._background.picture.tobytes()).hexdigest(),
                "files": [*files, card.files.identities.digest],
            }
        )

    async def get(self, identity: str, kind: Kind) -> bytes:
        """A JPEG or a WebM. Raises BadRequest for a face that there is not, and Refused for a film
        that would have to be made while somebody talks."""
        engine, behind, loop = self._engine, self._background, asyncio.get_running_loop()
        known = [name.casefold() for name in engine.avatar.card.identities]
        kept = identity.casefold() in known  # others are without number
        key = self.key(identity, kind)
        async with self._making:
            folder = await loop.run_in_executor(self._thread, cache_folder, "faces")
            if kept and (found := await loop.run_in_executor(self._thread, load, folder, key)):
                return found
            anchor = await find_face(engine, identity)
            if kind == "portrait":
                rest = engine.avatar.basis.control({})
                picture, _ = await engine.renderer.render(anchor, rest)
                made = await loop.run_in_executor(self._thread, portrait, picture, behind)
            else:
                pictures = []
                for x in await loop.run_in_executor(self._thread, resting, engine.performer):
                    if engine.sessions:
                        raise Refused(503, "somebody talks; a film of a face at rest can wait")
                    pictures.append((await engine.renderer.render(anchor, x))[0])
                made = await loop.run_in_executor(self._thread, film, pictures, behind)
            if kept:
                await loop.run_in_executor(self._thread, store, folder, key, made)
            return made

    def routes(self, config: ServerConfig, films: bool = True) -> list[Route]:
        """`/faces/NAME.jpg` and, with films, `/faces/NAME.webm`."""

        def handler(kind: Kind) -> Handler:
            async def answer(request: Request) -> Response:
                identity = request.path_params["identity"]
                try:
                    etag = f'"{self.key(identity, kind)[:32]}"'
                    if request.headers.get("if-none-match") == etag:
                        return Response(status_code=304, headers={"ETag": etag})
                    made = await self.get(identity, kind)
                except BadRequest as error:
                    return problem(404, str(error))
                return Response(made, media_type=MEDIA_TYPES[kind], headers={"ETag": etag})

            return guarded(answer, config)

        made = [Route("/faces/{identity}.jpg", handler("portrait"))]
        return [*made, *([Route("/faces/{identity}.webm", handler("film"))] if films else [])]
