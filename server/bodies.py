"""What comes with a request, if it is not too large."""

from __future__ import annotations

from starlette.requests import Request

from latentcam.server.errors import Refused

LARGEST_BODY = 64 * 1024  # bytes; an SDP is a few thousand


async def limited_body(request: Request, most: int = LARGEST_BODY) -> bytes:
    """The body, of at most so many bytes. Raises Refused."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise Refused(413, f"the body is larger than {most} bytes, expected no more")
    return bytes(body)
