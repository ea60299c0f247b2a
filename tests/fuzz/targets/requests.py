"""Requests of any method to any path, with any body."""

from __future__ import annotations

import re

import httpx
from hypothesis import strategies as st

from tests.fuzz.damage import as_json, changed_json, joined, pieces
from tests.fuzz.served import Server, opened_app, refusal
from tests.fuzz.target import Target

PATHS = (
    "/", "/config", "/stats", "/metrics", "/healthz", "/offer", "/faces/Ada.jpg", "/faces/7.jpg",
    "/faces/Eve.jpg", "/faces/Ada.jpg?background=room", "/faces/Ada.jpg?background=blur:",
    "/faces/%00.jpg", "/faces/.jpg", "/faces/" + "9" * 80 + ".jpg", "/pack/card.json", "/pack/..",
    "/whip", "/whip/a/b", "/whep/%2f", "/whip/a/b?token=x", "/backdrops", "/backdrops/room.jpg",
    "/enrol/state", "/enrol/recording?name=me&take=1&piece=0", "/enrol/recording?name=..&take=1",
    "/enrol/recording?name=me&take=99999999999999999999", "/enrol/recording?name=me&take=%D9%A3",
    "/enrol/forget", "/enrol/stop", "/enrol/preview.jpg", "/tracker", "/tracker/x", "/phone",
    "/phone/code.svg", "/../etc/passwd", "/%2e%2e/server/app.py", "/" + "x" * 3000, "/index.html/",
    "/call.js?x=\u00e9", "/ws",
)  # fmt: skip
POSTED = ("/offer", "/whip", "/whep", "/enrol/recording", "/enrol/forget", "/enrol/stop")
METHODS = ("", "", "", "", "GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "X")
"""Nothing: the one that the path is for."""
HEADERS: tuple[dict[str, str], ...] = (
    {}, {"host": "example.org"}, {"host": "[::1"}, {"host": ""}, {"origin": "null"},
    {"origin": "http://[x"}, {"if-none-match": "*"}, {"range": "bytes=0-1,5-2,-9"},
    {"range": "bytes=" + "0-," * 400}, {"authorization": "Bearer \u00e9"}, {"content-length": "5"},
    {"accept": "text/html;q=x"}, {"content-type": "application/sdp"}, {"if-match": "\x7f"},
)  # fmt: skip
BODIES = changed_json([{"name": "me"}, {"text": "hello", "language": "en"}, {"type": "offer"}])


async def asked(case: bytes, server: Server) -> str:
    """Pieces: method, path, headers by their number, body. `/enrol/start` and `/say` are left out:
    they start programs."""
    method, path, headers, body = (*pieces(case), b"GET", b"/", b"", b"")[:4]
    own = "POST" if path.startswith(tuple(p.encode() for p in POSTED)) else "GET"
    word = re.sub(r"[^A-Z]", "", method.decode("ascii", "replace")) or own
    text = re.sub(r"[\x00-\x20\x7f]", "", path.decode("utf-8", "replace"))
    try:
        url = httpx.URL("http://localhost:8000/" + text.lstrip("/"))
    except httpx.InvalidURL:
        return "no address"
    if url.path.startswith(("/enrol/start", "/say")):
        return "left out"
    given = HEADERS[(headers or b"\0")[0] % len(HEADERS)]
    coded = [(name.encode(), value.encode()) for name, value in given.items()]
    response = await server.http.request(word, url, headers=coded, content=body)
    if word == "HEAD":
        return str(response.status_code)
    return refusal(response)


def changed(text: str, at: int, put: str) -> str:
    at %= len(text) + 1
    return text[:at] + put + text[at + len(put) :] if put else text


ASKED = Target(
    "requests",
    st.builds(
        lambda method, path, at, put, headers, body: joined(
            [method.encode(), changed(path, at, put).encode(), bytes([headers]), body]
        ),
        st.sampled_from(METHODS),
        st.sampled_from(PATHS),
        st.integers(0, 40),
        st.sampled_from(("", "", "", "%", "%00", "%ff", "..", "//", "?", "&take=", "\u00e9", ";")),
        st.integers(0, len(HEADERS) - 1),
        st.just(b"") | BODIES | st.just(as_json({"x": "y" * 70_000})[:65_000]),
    ),
    lambda folder: opened_app(folder, asked),
    (),
    300,
)
