"""The door: how many connections may be open, for how long, and how much is read at once.

uvicorn has no limit for a connection that says nothing or half a request, and the event loop
accepts connections until descriptors run out, which ends calls that are running. Tests over real
sockets fail when uvicorn changes what is overridden here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if sys.platform != "win32":
    import resource

logger = logging.getLogger(__name__)

REQUEST_DEADLINE = 10.0  # seconds for headers and body, and for whatever comes before them
MOST_CONNECTIONS = 256
LEAST_CONNECTIONS = 8
KEPT_DESCRIPTORS = 64  # for the calls themselves, and for files
SLICE = 2048  # bytes: some 300 of the smallest messages, about 4 ms


def most_connections() -> int:
    """As many as is sensible, and never so many that calls run short of descriptors."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    # A quarter: those that were shut down take their descriptors along a little later.
    return min(MOST_CONNECTIONS, max(LEAST_CONNECTIONS, (soft - KEPT_DESCRIPTORS) // 4))


class Guest(socket.socket):
    """An accepted connection that tells its door when it closes. number: its descriptor, which
    a closed socket has forgotten."""

    def __init__(self, door: Door, number: int) -> None:
        super().__init__(fileno=number)
        self._door, self.number = door, number

    def close(self) -> None:
        self._door.left(self)
        super().close()


class Door(socket.socket):
    """A listening socket that keeps count of who came in through it.

    A guest that has not made a whole request is waiting, for at most REQUEST_DEADLINE; a
    WebSocket's first message is a request, too. When `most` are in and another comes, the one that
    has waited longest is closed, or the newcomer if nobody is waiting. So silent connections never
    keep out one that has something to say.

    Not on Windows, whose event loop accepts connections itself.
    """

    def __init__(self, family: socket.AddressFamily, most: int | None = None) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self.most = most_connections() if most is None else most
        self._inside: dict[int, Guest] = {}  # by descriptor; those that were shut down are in it
        self._waiting: dict[int, asyncio.TimerHandle] = {}  # the longest first

    def accept(self) -> tuple[socket.socket, Any]:
        """When all are in, raises what the event loop takes to mean "no more at present"."""
        if len(self._inside) >= 2 * self.most:
            raise BlockingIOError  # until those that were shut down have left, the kernel holds it
        accepted, address = super().accept()
        guest = Guest(self, accepted.detach())
        self._inside[guest.number] = guest
        if len(self._inside) > self.most and not self._make_room():
            guest.close()
            raise ConnectionAbortedError
        self.waits(guest.number)
        return guest, address

    def _make_room(self) -> bool:
        logger.warning("%d connections are open, as many as are served; silent ones go", self.most)
        if not self._waiting:
            return False
        self._show_out(next(iter(self._waiting)))
        return True

    def _show_out(self, number: int) -> None:
        """Its transport, whatever state it is in, sees the end of the stream and closes."""
        self.asks(number)
        try:
            self._inside[number].shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has hung up itself

    def waits(self, number: int) -> None:
        """A guest's time limit for its next request begins."""
        if number in self._inside:
            self.asks(number)
            loop = asyncio.get_running_loop()
            self._waiting[number] = loop.call_later(REQUEST_DEADLINE, self._show_out, number)

    def asks(self, number: int) -> None:
        """A guest's request is whole: it is no longer waiting."""
        if (limit := self._waiting.pop(number, None)) is not None:
            limit.cancel()

    def left(self, guest: Guest) -> None:
        """A guest closes. May be called twice."""
        if self._inside.get(guest.number) is guest:
            self.asks(guest.number)
            del self._inside[guest.number]


class DoorConfig(uvicorn.Config):
    """uvicorn's settings for an application behind a door."""

    def __init__(self, app: Any, door: Door, **settings: Any) -> None:
        super().__init__(
            app,
            loop="asyncio",  # whose way to accept connections the door knows
            http=_Http,
            ws=_WebSocket,
            ws_per_message_deflate=False,  # messages are short, and an inflater is memory
            log_level="warning",
            server_header=False,
            **settings,
        )
        self.door = door


class _Known:
    """A protocol that knows the door its connection came through."""

    config: uvicorn.Config
    transport: asyncio.Transport

    @property
    def _door(self) -> Door:
        assert isinstance(self.config, DoorConfig)
        return self.config.door

    @property
    def _number(self) -> int:
        return int(self.transport.get_extra_info("socket").fileno())


class _Http(_Known, H11Protocol):
    """Tells the door when a request is whole, and when the next may come."""

    def handle_events(self) -> None:
        super().handle_events()
        cycle = self.cycle
        if cycle is not None and not cycle.more_body and not cycle.response_complete:
            self._door.asks(self._number)

    def on_response_complete(self) -> None:
        self._door.waits(self._number)
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._door.waits(self._number)
        super().handle_websocket_upgrade(event)


class _WebSocket(_Known, WebSocketsSansIOProtocol):
    """Its first message is its request. Reads what has come slice by slice, the next one only when
    the messages of the previous one have been taken: thousands of tiny messages in one piece would
    hold up the event loop for a second."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data  # what the transport reads at once: it is paused while this is not empty
        self._look()

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        data, self._rest = self._rest[:SLICE], self._rest[SLICE:]
        super().data_received(data)
        if self._rest:
            self.read_paused = True
            self.transport.pause_reading()
            self._look_on()
        elif self.read_paused and self.queue.empty():  # no message was whole
            self.read_paused = False
            self.transport.resume_reading()

    def _look_on(self) -> None:
        if self._rest and (self.queue.empty() or self.close_sent):
            self.loop.call_soon(self._look)

    async def receive(self) -> Any:
        message = await super().receive()
        if message["type"] == "websocket.receive":
            self._door.asks(self._number)
        self._look_on()
        return message
