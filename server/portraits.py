"""What the faces of a pack look like, for pages: made when first asked for, then kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from latentcam.realtime_models.decoders.cache import cache_folder, cache_key, load, store
from latentcam.server.answers import problem
from latentcam.server.config import ServerConfig
from latentcam.server.controls import find_background, find_face
from latentcam.server.errors import BadRequest, Refused
from latentcam.server.guard import Handler, guarded
from latentcam.stream.at_rest import film, portrait, resting
from latentcam.stream.backgrounds import Background, Backgrounds
from latentcam.stream.engine import Engine

MADE_AS = 2  # counts up when portraits or films are made in another way

Kind = Literal["portrait", "film"]
MEDIA_TYPES: dict[Kind, str] = {"portrait": "image/jpeg", "film": "video/webm"}


class Portraits:
    """Portraits and films of the faces of an engine's avatar. Those of named faces are kept in the
    user's cache folder, under the digests of the pack that they were made with.

    background: behind faces with alpha, unless another of `backgrounds` is asked for. thread: where
    they are encoded, and read. One is made at a time, picture by picture, so that sessions that run
    lose no picture; a film is made only while none runs. Then pictures are the finest, however long
    they take.
    """

    def __init__(
        self,
        engine: Engine,
        background: Background,
        backgrounds: Backgrounds | None,
        thread: Executor,
    ) -> None:
        self._engine, self._thread = engine, thread
        self._background, self._backgrounds = background, backgrounds
        self._making = asyncio.Lock()

    def key(self, identity: str, kind: Kind, background: Background) -> str:
        """Changes whenever the pictures might."""
        engine = self._engine
        files = engine.avatar.card.files
        used = (files.generator, files.motion, files.identities, files.textures)
        finest = kind == "film" or not engine.sessions
        decoder = engine.avatar.decoder if finest else engine.renderer.decoder
        return cache_key(
            {
                "made": MADE_AS,
                "kind": kind,
                "identity": identity.casefold(),
                "background": hashlib.sha256(background.picture.tobytes()).hexdigest(),
                "resolution": decoder.resolution,
                "files": [weights.digest for weights in used if weights is not None],
            }
        )

    async def get(
        self, identity: str, kind: Kind, behind: Background, gone: Callable[[], Awaitable[bool]]
    ) -> bytes:
        """A JPEG or a WebM. gone: whether nobody waits for it any more. Raises BadRequest for a
        face that there is not, and Refused for a film that would have to be made while somebody
        talks, or for nobody."""
        engine, loop = self._engine, asyncio.get_running_loop()
        known = [name.casefold() for name in engine.avatar.card.identities]
        # Others are without number.
        kept = identity.casefold() in known and behind is self._background
        key = self.key(identity, kind, behind)
        async with self._making:
            folder = await loop.run_in_executor(self._thread, cache_folder, "faces")
            if kept and (found := await loop.run_in_executor(self._thread, load, folder, key)):
                return found
            anchor = await find_face(engine, identity)
            if kind == "portrait":
                rest = engine.avatar.basis.control({})
                if engine.sessions:
                    picture, _ = await engine.renderer.render(anchor, rest)
                else:
                    picture = await engine.renderer.render_finest(anchor, rest)
                made = await loop.run_in_executor(self._thread, portrait, picture, behind)
            else:
                pictures = []
                for x in await loop.run_in_executor(self._thread, resting, engine.performer):
                    if engine.sessions:
                        raise Refused(503, "somebody talks; a film of a face at rest can wait")
                    if await gone():  # to the next face, say: that one's turn
                        raise Refused(503, "nobody waits for this film any more")
                    pictures.append(await engine.renderer.render_finest(anchor, x))
                made = await loop.run_in_executor(self._thread, film, pictures, behind)
            if kept:
                await loop.run_in_executor(self._thread, store, folder, key, made)
            return made

    def routes(self, config: ServerConfig, films: bool = True) -> list[Route]:
        """`/faces/NAME.jpg`, also `?background=NAME`, and, with films, `/faces/NAME.webm`."""

        def handler(kind: Kind) -> Handler:
            async def answer(request: Request) -> Response:
                identity = request.path_params["identity"]
                asked = request.query_params.get("background") if kind == "portrait" else None
                try:
                    behind = self._background
                    if asked is not None and asked != behind.name:
                        behind = find_background(self._backgrounds, asked)
                    etag = f'"{self.key(identity, kind, behind)[:32]}"'
                    if request.headers.get("if-none-match") == etag:
                        return Response(status_code=304, headers={"ETag": etag})
                    made = await self.get(identity, kind, behind, request.is_disconnected)
                except BadRequest as error:
                    return problem(404, str(error))
                return Response(made, media_type=MEDIA_TYPES[kind], headers={"ETag": etag})

            return guarded(answer, config)

        made = [Route("/faces/{identity}.jpg", handler("portrait"))]
        return [*made, *([Route("/faces/{identity}.webm", handler("film"))] if films else [])]
