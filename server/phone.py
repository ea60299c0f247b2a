"""The page on a phone: the address that it can open, drawn as a QR code for its camera."""

from __future__ import annotations

import io
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from latentcam.server.answers import problem, told
from latentcam.server.config import ServerConfig, is_loopback
from latentcam.server.guard import guarded
from latentcam.server.invitation import ASKS, NEEDS_HTTPS, addresses
from latentcam.server.messages import Phone

ALONE = (
    "This server listens on its own machine only. For a phone in the same network, start it with "
    "latentcam serve --host 0.0.0.0 --tls self-signed"
)


def phone_of(request: Request, config: ServerConfig) -> Phone:
    """The address that the page has been opened under, if that means anything elsewhere, or the
    first that a phone can open."""
    if config.loopback:
        return Phone("", ALONE)
    asks = ASKS if config.fingerprint else "" if request.url.scheme == "https" else NEEDS_HTTPS
    if not is_loopback(request.url.hostname or "localhost"):
        query = f"/?{urlencode({'token': config.token})}" if config.token else "/"
        return Phone(f"{request.url.scheme}://{request.url.netloc}{query}", asks)
    _, port = request.scope["server"]
    return Phone(addresses(config, port)[0], asks)


def drawn(address: str) -> bytes:
    """An SVG, dark on light whatever is around it."""
    import segno

    svg = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        svg, "svg", border=3, dark="#000", light="#fff", xmldecl=False, svgclass=None, omitsize=True
    )
    return svg.getvalue()


def phone_routes(config: ServerConfig) -> list[Route]:
    """`/phone`, and `/phone.svg` where there is an address."""

    async def phone(request: Request) -> Response:
        return told(phone_of(request, config))

    async def code(request: Request) -> Response:
        found = phone_of(request, config)
        if not found.address:
            return problem(404, found.advice)
        return Response(drawn(found.address), media_type="image/svg+xml")

    return [Route("/phone", guarded(phone, config)), Route("/phone.svg", guarded(code, config))]
