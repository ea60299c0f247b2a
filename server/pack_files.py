"""A pack's files for pages, which then draw its faces themselves."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from latentcam.realtime_models.avatar_pack import pack_files
from latentcam.server.answers import problem
from latentcam.server.config import ServerConfig
from latentcam.server.guard import guarded


def pack_routes(config: ServerConfig) -> list[Route]:
    """`/pack/…`, if pages may have the pack."""
    if config.pack is None:
        return []
    files = pack_files(config.pack)

    async def file(request: Request) -> Response:
        path = files.get(name := request.path_params["name"])
        return problem(404, f"the pack has no {name[:64]}") if path is None else FileResponse(path)

    return [Route("/pack/{name}", guarded(file, config))]
