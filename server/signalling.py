"""The page's WebSocket: an offer first, then control messages in and telemetry out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress

import msgspec
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from latentcam.realtime_models.errors import in_one_line
from latentcam.server.errors import BadRequest, Refused
from latentcam.server.lobby import Lobby
from latentcam.server.messages import (
    Answer,
    Change,
    ControlMessage,
    Failure,
    Offer,
    PlayedSkew,
    Telemetry,
)
from latentcam.server.webrtc.peer import Peer
from latentcam.stream.errors import EngineFull

logger = logging.getLogger(__name__)

OFFER_DEADLINE = 10.0  # seconds from the socket's opening to its first message
ONE_OFFER = (
    "got another offer, expected one a call: to renegotiate, or to restart ICE, close this socket "
    "and call anew"
)
TELEMETRY_EVERY = 0.5  # seconds
MESSAGES_AT_ONCE, MESSAGES_PER_SECOND = 600, 300  # a slider drawn at 144 Hz changes two things
SHUTTING_DOWN = 1012  # "service restart", which uvicorn closes sockets with
LONGEST_TOLD = 2000  # characters of a refusal, which repeats what was refused


class Allowance:
    """Allows so many at once, and so many a second after that. clock: seconds."""

    def __init__(self, at_once: int, per_second: int, clock: Callable[[], float]) -> None:
        self._most, self._per_second, self._clock = at_once, per_second, clock
        self._left, self._since = float(at_once), clock()

    def take(self) -> bool:
        """Whether one more is allowed."""
        now = self._clock()
        gained = (now - self._since) * self._per_second
        self._left, self._since = min(self._most, self._left + gained) - 1.0, now
        return self._left >= 0.0


async def signalling(socket: WebSocket, lobby: Lobby) -> None:
    """Serve one accepted socket until either side ends. The session ends with the socket."""
    try:
        received = await asyncio.wait_for(socket.receive(), OFFER_DEADLINE)
        offer = msgspec.json.decode(_text(received), type=Offer)
        address = socket.client.host if socket.client else ""
        peer, answer = await lobby.admit(
            offer.sdp,
            offer.identity,
            address,
            offer.background,
            offer.alpha,
            offer.latents,
            offer.drive,
        )
    except (TimeoutError, WebSocketDisconnect):
        await _close(socket)
        return
    except EngineFull as error:
        await _fail(socket, "full", str(error))
        return
    except Refused as error:
        await _fail(socket, "no_network", str(error))
        return
    except (BadRequest, msgspec.DecodeError) as error:
        await _fail(socket, "bad_request", str(error))
        return
    except Exception:
        logger.exception("an offer failed")
        await _fail(socket, "failed", "this offer failed inside; the server's log says why")
        return
    why = "its page has gone"
    try:
        await _send(socket, Answer(sdp=answer, alpha=peer.look.stacked))
        await _until_first(_listen(socket, peer), _report(socket, peer, lobby), lobby.wait(peer))
        if peer.failed:
            await _fail(socket, "failed", "this session failed; the server's log says why")
    except WebSocketDisconnect as gone:  # a normal end
        why = "the server is shutting down" if gone.code == SHUTTING_DOWN else why
    except Refused as error:
        why = str(error)
        await _fail(socket, "too_fast", why)
    except Exception:
        why = "its socket failed"
        logger.exception("session %s: %s", peer.name, why)
        await _fail(socket, "failed", "this session failed; the server's log says why")
    finally:
        await lobby.dismiss(peer, why)
        await _close(socket)


async def _until_first(*loops: Coroutine[None, None, None]) -> None:
    """Run all until one ends, then end the others and raise what it raised."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _listen(socket: WebSocket, peer: Peer) -> None:
    """Raises Refused when messages come faster than anybody moves a slider."""
    clock = asyncio.get_running_loop().time
    allowance = Allowance(MESSAGES_AT_ONCE, MESSAGES_PER_SECOND, clock)
    while True:
        received = await socket.receive()
        if not allowance.take():
            raise Refused(429, f"got more than {MESSAGES_PER_SECOND} messages a second")
        try:
            message = msgspec.json.decode(_text(received), type=ControlMessage | Offer)
            if isinstance(message, Offer):
                raise BadRequest(ONE_OFFER)
            await apply_control(peer, message)
        except (BadRequest, msgspec.DecodeError) as error:
            await _send(socket, _failure("bad_request", str(error)))
        await asyncio.sleep(0)  # others get a turn, however many messages have come


async def apply_control(peer: Peer, message: ControlMessage) -> None:
    """Raises BadRequest; then nothing is changed."""
    match message:
        case Change():
            await peer.controls.apply(message)
        case PlayedSkew(early_ms):
            peer.played_early(early_ms / 1000)


async def _report(socket: WebSocket, peer: Peer, lobby: Lobby) -> None:
    while True:
        figures = msgspec.structs.asdict(peer.stats())
        await _send(socket, Telemetry(**figures, sessions=lobby.engine.sessions))
        await asyncio.sleep(TELEMETRY_EVERY)


async def _send(socket: WebSocket, message: Answer | Failure | Telemetry) -> None:
    await socket.send_text(msgspec.json.encode(message).decode())


def _text(message: Message) -> str:
    """Raises WebSocketDisconnect when no more will come, BadRequest for anything but text."""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    text: str | None = message.get("text")
    if text is None:
        raise BadRequest("got a binary message, expected JSON as text")
    return text


def _failure(code: str, message: str) -> Failure:
    """In one line of bounded length, whatever it repeats."""
    return Failure(code, in_one_line(message[:LONGEST_TOLD]))


async def _fail(socket: WebSocket, code: str, message: str) -> None:
    with suppress(WebSocketDisconnect):  # the page has gone and need not be told
        await _send(socket, _failure(code, message))
    await _close(socket)


async def _close(socket: WebSocket) -> None:
    try:
        await socket.close()
    except (RuntimeError, WebSocketDisconnect):
        pass  # it is closed already, by us or by the page
