"""The tracker's files for pages, whose own camera then moves the face's head."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from latentcam.realtime_models.tracker_files import page_files
from latentcam.server.answers import problem
from latentcam.server.config import ServerConfig
from latentcam.server.guard import guarded

WANTED = "Your camera can move the head once this computer has fetched MediaPipe: latentcam tracker"
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}


def why_not() -> str:
    """Why pages cannot follow a camera, or nothing."""
    return "" if page_files() else WANTED


def tracker_routes(config: ServerConfig) -> list[Route]:
    """`/tracker/…`, of what is there when it is asked for."""

    async def file(request: Request) -> Response:
        path = page_files().get(name := request.path_params["name"])
        if path is None:
            return problem(404, f"the tracker has no {name[:64]}, or was not fetched")
        kind = TYPES.get(path.suffix, "application/octet-stream")
        return FileResponse(path, media_type=kind)

    return [Route("/tracker/{name}", guarded(file, config))]
