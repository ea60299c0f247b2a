"""A connection that has been agreed on, followed from its answer to its end."""

from __future__ import annotations

import asyncio
import secrets

from latentcam.server.webrtc.negotiation import Negotiated, close
from latentcam.server.webrtc.trickle import Trickle

CONNECT_DEADLINE = 10.0  # seconds from the answer to a connection


class Line:
    """Says when a negotiated connection is there, when it has gone and why; closes it once."""

    def __init__(self, negotiated: Negotiated) -> None:
        self._negotiated = negotiated
        self._loop = asyncio.get_running_loop()
        self._settled, self._gone = asyncio.Event(), asyncio.Event()
        self._trickle = Trickle(negotiated.offer)
        self._closing: asyncio.Task[None] | None = None
        self.was_connected = False
        """Whether the connection has ever been established."""
        self.etag = f'"{secrets.token_hex(4)}"'
        """Names this connection's ICE session, as an HTTP header has it (RFC 9725, section 4.3)."""
        negotiated.connection.on("connectionstatechange", self._on_state)

    @property
    def silent_for(self) -> float:
        """Seconds since anything came from the caller, even just a receiver report: browsers send
        at least one a second."""
        return self._loop.time() - self._negotiated.inbound.heard

    def _on_state(self) -> None:
        state = self._negotiated.connection.connectionState
        if state == "connected":
            self.was_connected = True
            self._settled.set()
        elif state in ("failed", "closed"):
            self._settled.set()
            self._gone.set()

    async def learn(self, fragment: str) -> None:
        """Try the candidates in a fragment of SDP, too. Raises as `Trickle.read`."""
        await self._negotiated.learn(self._trickle.read(fragment))

    async def settle(self) -> bool:
        """Until the connection is established, which is true, or will never be."""
        await self._settled.wait()
        return self.was_connected

    async def wait_gone(self) -> str:
        """Until it has gone, or was not established in time; why."""
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                await self._settled.wait()
        except TimeoutError:
            return f"no connection within {CONNECT_DEADLINE:.0f} s"
        await self._gone.wait()
        if self._negotiated.transport.state == "failed":
            return "the two sides could not agree on keys (DTLS)"
        if self._negotiated.connection.connectionState == "failed":
            return "the connection was lost" if self.was_connected else "no path (ICE)"
        return "the caller hung up"

    async def aclose(self, name: str) -> None:
        """May be called twice, and a caller that waits may be cancelled. name: of the task."""
        if self._closing is None:
            self._closing = asyncio.create_task(close(self._negotiated.connection), name=name)
        await asyncio.shield(self._closing)
