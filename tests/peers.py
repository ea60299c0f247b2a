"""The real application in the test's own process, and a caller for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

from latentcam.benchmarks.tools.caller import Caller
from latentcam.server.app import make_app
from latentcam.server.bodies import LARGEST_BODY
from latentcam.server.config import ServerConfig
from latentcam.server.door import DoorConfig
from latentcam.server.run import listen
from latentcam.stream.engine import Engine

__all__ = ["Caller", "serving"]


@contextlib.asynccontextmanager
async def serving(engine: Engine, **settings: Any) -> AsyncIterator[int]:
    """The real application on a free port of loopback. Yields the port."""
    with listen("127.0.0.1", 0) as listener:
        config = ServerConfig(**settings)
        server = uvicorn.Server(
            DoorConfig(
                make_app(engine, config),
                listener,
                ws_max_size=LARGEST_BODY,
                ssl_certfile=config.tls_cert,
                ssl_keyfile=config.tls_key,
            )
        )
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
            assert not task.done()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task
