"""What every HTTP answer looks like, whatever it is about."""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latentcam.realtime_models.errors import in_one_line
from latentcam.server.config import ServerConfig
from latentcam.server.messages import Problem

logger = logging.getLogger(__name__)

HEADERS = {
    "Cache-Control": "no-cache",  # a new version of the server brings its own page
    "Content-Security-Policy": "default-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "script-src 'self' 'wasm-unsafe-eval'; "  # the voice detector of pages that hear themselves
    "media-src 'self' blob:; "  # films of faces and recordings, which the page itself makes
    "base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",  # no other page may lay itself over the buttons
    "Referrer-Policy": "no-referrer",  # the address may hold the token
    "X-Content-Type-Options": "nosniff",
}
TLS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}  # a year


def problem(status: int, message: str) -> Response:
    """A refusal, in one line whatever it repeats."""
    return told(Problem(in_one_line(message)), status)


def told(message: msgspec.Struct, status: int = 200) -> Response:
    """A message as an answer in JSON."""
    return Response(msgspec.json.encode(message), status, media_type="application/json")


class Answers:
    """ASGI middleware around a whole application: every answer has the headers, a refusal by
    Starlette itself (of a Range, say) becomes a problem as ours are, and a failure inside one with
    status 500 and one entry in the log."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        foreign: Message | None = None  # the start of a refusal in plain text
        text = b""

        async def headed(message: Message) -> None:
            nonlocal begun, foreign, text
            if message["type"] == "http.response.start":
                begun = True
                given = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    given.setdefault(name, value)
                if message["status"] >= 400 and given.get("content-type", "").startswith("text/"):
                    foreign = message
                    return
            elif foreign is not None:
                text += message.get("body", b"")
                if message.get("more_body", False):
                    return
                status = foreign["status"]
                why = text.decode("utf-8", "replace") or HTTPStatus(status).phrase
                refused = problem(status, why)
                given = MutableHeaders(scope=foreign)
                given.update(refused.headers)
                await send(foreign)
                message = {"type": "http.response.body", "body": refused.body}
            await send(message)

        try:
            await self._app(scope, receive, headed)
        except ClientDisconnect:
            pass  # in the middle of its request: nobody waits for an answer
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            logger.exception("%s %s failed", scope["method"], scope["path"])
            sorry = problem(500, "this failed inside; the server's log says why")
            await sorry(scope, receive, headed)


def answers(config: ServerConfig) -> Middleware:
    """Middleware for any application of ours."""
    # A browser that must have HTTPS, and a certificate it knows, would never show the page again.
    strict = config.tls_cert and not config.fingerprint
    return Middleware(Answers, headers=HEADERS | (TLS_HEADERS if strict else {}))


async def unknown(request: Request, error: Exception) -> Response:
    """The answer to a request that no route takes."""
    assert isinstance(error, HTTPException)
    answer = problem(error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer
