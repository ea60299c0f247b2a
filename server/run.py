"""Runs the application on a socket of our own, so that a taken port is one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from latentcam.server.app import make_app
from latentcam.server.bodies import LARGEST_BODY
from latentcam.server.config import ServerConfig
from latentcam.server.desktop import open_page
from latentcam.server.door import Door, DoorConfig
from latentcam.server.errors import ConfigError
from latentcam.server.invitation import addresses, advice, here, qr_code
from latentcam.server.quiet import keep_quiet
from latentcam.server.webrtc.tracks import Retouch
from latentcam.stream.engine import Engine

SHUTDOWN_DEADLINE = 5  # seconds for open requests and sockets


class _Server(uvicorn.Server):
    """Calls `listening` once it does. Asked twice to stop, it stops at once."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening
        self.failed: OSError | None = None
        """Why nobody could be told where it listens: a closed pipe, a full disk."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What exists now stays. Searching it for garbage again and again, some 30 ms each
            # time, would hold up every call while others come and go.
            gc.collect()
            gc.freeze()
            try:
                self._listening()
            except OSError as error:  # raised here, it would leave the lifespan behind
                self.failed, self.should_exit = error, True
                await self.shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:  # whatever still holds it: nobody should need SIGKILL
            os.write(sys.stderr.fileno(), b"latentcam: interrupted\n")
            os._exit(128 + sig)
        super().handle_exit(sig, frame)


def listen(host: str, port: int) -> Door:
    """A socket that waits for connections; port 0 picks one. Raises ConfigError if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = Door(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    return listener


def run_server(
    engine: Engine, config: ServerConfig, retouch: Retouch | None = None, opens: bool = False
) -> None:
    """Serve until interrupted. Raises ConfigError if the address or certificate cannot be used, and
    OSError if its address cannot be printed.

    retouch: applied to every frame before it leaves. opens: the page in this machine's browser.
    """
    with listen(config.host, config.port) as listener:
        port = listener.getsockname()[1]

        def listening() -> None:
            greet(config, port)
            if opens:
                open_page(here(config, port))

        settings = DoorConfig(
            make_app(engine, config, retouch),
            listener,
            ssl_certfile=config.tls_cert,
            ssl_keyfile=config.tls_key,
            ws_max_size=LARGEST_BODY,
            timeout_graceful_shutdown=SHUTDOWN_DEADLINE,
        )
        keep_quiet()
        try:
            settings.load()
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(
                f"{config.tls_cert} with {config.tls_key} cannot be used for HTTPS: "
                f"{error.strerror or error}, expected a certificate and its key as PEM files"
            ) from None
        server = _Server(settings, listening)
        server.run(sockets=[listener])
    if server.failed is not None:
        raise server.failed


def greet(config: ServerConfig, port: int) -> None:
    """Where the page is: an address a line for programs, and on stderr what people want to know."""
    found = addresses(config, port)
    for address in found:
        print(f"latentcam: {address}", flush=True)
    if sys.stderr is None:
        return
    for sentence in advice(config, port, found):
        print(f"latentcam: {sentence}", file=sys.stderr)
    if not config.loopback and sys.stderr.isatty():
        print(f"\n{qr_code(found[0])}", file=sys.stderr)
    sys.stderr.flush()


class _Page(uvicorn.Server):
    """Leaves signals to the program that runs it beside other things."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_page(app: Starlette, listener: Door, closing: asyncio.Event) -> None:
    """Serve until cancelled; then sets `closing`, which ends what streams for ever."""
    server = _Page(DoorConfig(app, listener, lifespan="off", timeout_graceful_shutdown=1))
    keep_quiet()
    task = asyncio.create_task(server.serve(sockets=[listener]), name="page")
    try:
        await asyncio.shield(task)
    finally:
        closing.set()
        server.should_exit = True
        await task
