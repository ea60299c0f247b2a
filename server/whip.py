"""WHIP and WHEP: a voice comes and a face goes by HTTP alone, for programs that are no page.

WHIP is RFC 9725; WHEP, its counterpart, is draft-ietf-wish-whep. Sections below are the RFC's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from latentcam.realtime_models.axes import MOODS, Axis
from latentcam.realtime_models.motion.moods import NEUTRAL
from latentcam.server.answers import problem
from latentcam.server.bodies import limited_body
from latentcam.server.config import IceServer, ServerConfig
from latentcam.server.controls import check_life, find_background, find_face
from latentcam.server.errors import BadRequest, Refused
from latentcam.server.guard import Handler, guarded
from latentcam.server.lobby import SILENT, Lobby
from latentcam.server.messages import Change
from latentcam.server.streams import Streams
from latentcam.server.webrtc.line import Line
from latentcam.stream.errors import EngineFull

SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
DEFAULT_NAME = "live"
NAME = re.compile(r"[A-Za-z0-9._~-]{1,64}")
MOOD_STRENGTH = 0.7  # as on the page
RETRY_AFTER = str(round(SILENT))  # seconds, after which a place or a name may be free
WISHES = ("background", "identity", "life", "mood", "token")
LONGEST_TOLD = 200  # characters of a refusal that repeats what was asked for


class Whip:
    """`/whip…` and `/whep…` of a server."""

    def __init__(self, lobby: Lobby, streams: Streams, config: ServerConfig) -> None:
        self._lobby, self._streams, self._config = lobby, streams, config

    def routes(self) -> list[Route]:
        """A stream's address, and one of each session of it; without a name, it is `live`."""
        streams = self._streams
        whip: dict[str, Handler] = {"POST": self._publish, "OPTIONS": self._options}
        whep: dict[str, Handler] = {
            "POST": self._watch, "OPTIONS": self._options, "HEAD": self._options,
        }  # fmt: skip

        async def unpublish(request: Request) -> Response:
            await streams.unpublish(*_session_of(request))
            return Response()

        async def unwatch(request: Request) -> Response:
            await streams.unwatch(*_session_of(request))
            return Response()

        published = {"PATCH": _trickle(streams.published), "DELETE": unpublish}
        watched = {"PATCH": _trickle(streams.watched), "DELETE": unwatch}
        return [
            Route(path, guarded(_by_method(handlers), self._config), methods=METHODS)
            for path, handlers in (
                ("/whip", whip), ("/whip/{name}", whip), ("/whip/{name}/{session}", published),
                ("/whep", whep), ("/whep/{name}", whep), ("/whep/{name}/{session}", watched),
            )
        ]  # fmt: skip

    async def _publish(self, request: Request) -> Response:
        name, lobby = _name_of(request), self._lobby
        sdp = await _body(request, SDP)
        _check_accept(request)
        wishes = _wishes(request, WISHES)
        axes = lobby.engine.avatar.card.axes
        change = Change(expression=_mood(wishes.get("mood"), axes), life=_life(wishes.get("life")))
        identity, background = wishes.get("identity"), wishes.get("background")
        if identity is not None:
            await find_face(lobby.engine, identity)
        if background is not None:
            find_background(lobby.backgrounds, background)
        address = request.client.host if request.client else ""
        try:
            peer = await self._streams.publish(name, sdp, identity, address, background, change)
        except BadRequest as error:
            raise Refused(422, str(error)) from None
        return self._created(request, f"/whip/{name}/{peer.id}", peer.line, peer.answer)

    async def _watch(self, request: Request) -> Response:
        name = _name_of(request)
        sdp = await _body(request, SDP)
        _check_accept(request)
        _wishes(request, ("token",))
        try:
            viewer = await self._streams.watch(name, sdp)
        except BadRequest as error:
            raise Refused(422, str(error)) from None
        return self._created(request, f"/whep/{name}/{viewer.id}", viewer.line, viewer.answer)

    def _created(self, request: Request, path: str, line: Line, answer: str) -> Response:
        if "token" in request.query_params:  # who cannot send a header reaches the session, too
            path += "?" + urlencode({"token": request.query_params["token"]})
        created = Response(answer, 201, {"Location": path, "ETag": line.etag}, SDP)
        return self._linked(created)

    async def _options(self, request: Request) -> Response:
        """What is understood here (section 4.2); to HEAD, that this is WHEP."""
        _name_of(request)
        kind = {"Content-Type": SDP} if request.method == "HEAD" else {}
        return self._linked(Response(headers={"Accept-Post": SDP, **kind}))

    def _linked(self, response: Response) -> Response:
        for server in self._config.ice_servers:
            response.headers.append("Link", link(server))
        return response


def link(server: IceServer) -> str:
    """A STUN or TURN server as a Link header has it (section 4.6)."""
    parts = [f"<{server.urls}>", 'rel="ice-server"']
    if server.username is not None and server.credential is not None:
        parts += [
            f"username={_quoted(server.username)}",
            f"credential={_quoted(server.credential)}",
        ]
        parts.append('credential-type="password"')
    return "; ".join(parts)


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _by_method(handlers: Mapping[str, Handler]) -> Handler:
    """Chooses by the request's method; what they raise becomes an answer."""
    allowed = ", ".join(handlers)

    async def chosen(request: Request) -> Response:
        handler = handlers.get(request.method)
        if handler is None:
            answer = problem(405, f"got {request.method}, expected {allowed}")
            answer.headers["Allow"] = allowed
            return answer
        try:
            return await handler(request)
        except EngineFull as error:
            status, why = 503, str(error)
        except BadRequest as error:
            status, why = 400, str(error)
        except Refused as error:
            status, why = error.status, str(error)
        answer = problem(status, why)
        if status in (409, 503):
            answer.headers["Retry-After"] = RETRY_AFTER
        return answer

    return chosen


def _trickle(find: Callable[[str, str], Line]) -> Handler:
    """Takes candidates that come after the offer (section 4.3)."""

    async def trickle(request: Request) -> Response:
        line = find(*_session_of(request))
        expected = request.headers.get("if-match")
        if expected is None:
            raise Refused(428, f"got no If-Match, expected {line.etag}, the ETag of the answer")
        if not {line.etag, "*"} & {tag.strip() for tag in expected.split(",")}:
            raise Refused(412, f"got If-Match: {expected[:LONGEST_TOLD]}, expected {line.etag}")
        await line.learn(await _body(request, FRAGMENT))
        return Response(status_code=204)

    return trickle


def _name_of(request: Request) -> str:
    name: str = request.path_params.get("name", DEFAULT_NAME)
    if not NAME.fullmatch(name):
        raise BadRequest(
            f"got the stream {name[:LONGEST_TOLD]!r}, expected up to 64 letters, digits or . _ ~ -"
        )
    return name


def _session_of(request: Request) -> tuple[str, str]:
    return _name_of(request), request.path_params["session"]


async def _body(request: Request, expected: str) -> str:
    """Raises Refused."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != expected:
        raise Refused(415, f"got Content-Type: {kind[:LONGEST_TOLD]!r}, expected {expected}")
    try:
        return (await limited_body(request)).decode()
    except UnicodeDecodeError as error:
        raise Refused(400, f"the body is not UTF-8: {error}") from None


def _check_accept(request: Request) -> None:
    """Raises Refused for whoever takes no SDP."""
    accept = request.headers.get("accept", "*/*")
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if not kinds & {SDP, "application/*", "*/*", ""}:
        raise Refused(406, f"got Accept: {accept[:LONGEST_TOLD]}, expected it to take {SDP}")


def _wishes(request: Request, known: tuple[str, ...]) -> dict[str, str]:
    """Raises BadRequest for what nobody knows."""
    wishes = dict(request.query_params)
    if unknown := sorted(set(wishes) - set(known)):
        told = ", ".join(unknown)[:LONGEST_TOLD]
        raise BadRequest(f"got the wish {told!r}, expected {', '.join(known)}")
    return wishes


def _mood(mood: str | None, axes: tuple[Axis, ...]) -> dict[str, float] | None:
    """As an expression. Raises BadRequest for one that the avatar does not have."""
    if mood is None:
        return None
    highs = {axis.name: axis.high for axis in axes if axis.name in MOODS}
    if mood == NEUTRAL:  # a choice, too: no mood comes by itself then
        return dict.fromkeys(highs, 0.0)
    if mood not in highs:
        known = ", ".join((NEUTRAL, *highs))
        raise BadRequest(f"got the mood {mood[:LONGEST_TOLD]!r}, expected one of {known}")
    return {mood: MOOD_STRENGTH * highs[mood]}


def _life(text: str | None) -> float | None:
    """Raises BadRequest."""
    if text is None:
        return None
    try:
        life = float(text)
    except ValueError:
        raise BadRequest(f"life is {text[:LONGEST_TOLD]!r}, expected a number") from None
    check_life(life)
    return life
