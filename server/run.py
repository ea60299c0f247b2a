"""Runs the application on a socket of our own, so that a taken port is one sentence."""

from __future__ import annotations

import socket

import uvicorn

from server.app import LARGEST_BODY, make_app
from server.config import ConfigError, ServerConfig
from stream.engine import Engine

SHUTDOWN_DEADLINE = 5  # seconds for open requests and sockets


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"latentcam: {self._address}", flush=True)


def run_server(engine: Engine, config: ServerConfig) -> None:
    """Serve until interrupted. Raises ConfigError when the address cannot be used."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((config.host, config.port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {config.host}:{config.port}: {error.strerror or error}"
            ) from None
        host = f"[{config.host}]" if ":" in config.host else config.host
        scheme = "https" if config.tls_cert else "http"
        query = f"/?token={config.token}" if config.token else ""
        address = f"{scheme}://{host}:{listener.getsockname()[1]}{query}"
        server = _Server(
            uvicorn.Config(
                make_app(engine, config),
                ssl_certfile=config.tls_cert,
                ssl_keyfile=config.tls_key,
                ws_max_size=LARGEST_BODY,
                timeout_graceful_shutdown=SHUTDOWN_DEADLINE,
                log_level="warning",
            ),
            address,
        )
        server.run(sockets=[listener])
