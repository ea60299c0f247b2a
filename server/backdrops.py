"""Pictures that may be behind a face with alpha, for pages that draw the face themselves."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import av
import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from latentcam.realtime_models.arrays import Rgb
from latentcam.server.answers import problem
from latentcam.server.config import ServerConfig
from latentcam.server.guard import guarded
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.local.jpeg import as_jpeg


def backdrop(picture: Rgb) -> bytes:
    """A JPEG of a background; a last odd row or column is left out."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return as_jpeg(frame.reformat(frame.width & ~1, frame.height & ~1))


def backdrop_routes(config: ServerConfig, there: Backgrounds, thread: Executor) -> list[Route]:
    """`/backgrounds/NAME.jpg`. thread: where they are encoded."""

    async def answer(request: Request) -> Response:
        try:
            found = there.find(request.path_params["name"])
        except ValueError as error:
            return problem(404, str(error))
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(thread, backdrop, found.picture)
        return Response(made, media_type="image/jpeg")

    return [Route("/backgrounds/{name}.jpg", guarded(answer, config))]
