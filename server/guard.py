"""Who may connect: checks a request's host, origin and token before anything else looks at it."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from latentcam.server.answers import problem
from latentcam.server.config import ServerConfig
from latentcam.server.errors import Refused

Handler = Callable[[Request], Awaitable[Response]]

LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}


def check_request(request: HTTPConnection, config: ServerConfig) -> None:
    """Raises Refused.

    The Host check stops DNS rebinding, the Origin check stops other web pages; a browser sends both
    with every request. A server that other machines can reach does not know its own names; there
    the token stops rebinding as well, because a page under another name does not have it.
    """
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    try:
        name, came_from = urlsplit(f"//{host}").hostname, urlsplit(origin or "").netloc
    except ValueError as error:
        raise Refused(400, f"got host {host!r} and origin {origin!r}: {error}") from None
    if config.loopback and name not in LOOPBACK_NAMES:
        raise Refused(403, f"this server answers to localhost only, got the host {host!r}")
    if origin is not None and origin not in config.origins and came_from != host:
        raise Refused(403, f"pages of {origin!r} may not connect; --origin allows them")
    if config.token is not None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = request.query_params.get("token") or bearer
        if not hmac.compare_digest(given.encode(), config.token.encode()):
            raise Refused(401, "the token is missing or wrong; open the page with ?token=…")


def guarded(handler: Handler, config: ServerConfig) -> Handler:
    """The handler behind `check_request`; a refusal, by either of them, becomes an answer."""

    async def checked(request: Request) -> Response:
        try:
            check_request(request, config)
            return await handler(request)
        except Refused as refused:
            answer = problem(refused.status, str(refused))
            if refused.status == 401:
                answer.headers["WWW-Authenticate"] = "Bearer"  # RFC 6750, section 3
            return answer

    return checked
