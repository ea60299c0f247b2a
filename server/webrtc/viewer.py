"""Somebody who watches another's face and hears their voice, and sends nothing."""

from __future__ import annotations

import asyncio
import logging
import secrets

from latentcam.server.webrtc.line import Line
from latentcam.server.webrtc.look import Look
from latentcam.server.webrtc.negotiation import Negotiated
from latentcam.server.webrtc.outlet import Audience, Outlet
from latentcam.stream.engine import Engine

logger = logging.getLogger(__name__)


class Viewer:
    """One connection of an audience's: `run` it until it ends. `id` is its secret name."""

    def __init__(
        self, engine: Engine, negotiated: Negotiated, audience: Audience, look: Look
    ) -> None:
        self.id = secrets.token_urlsafe(16)
        self.name = self.id[:6]  # for logs
        self.why_ended = ""
        """Why it ended, once it has, in a few words for the log."""
        self.line = Line(negotiated)
        self._negotiated, self._audience = negotiated, audience
        self._outlet = Outlet(engine, negotiated, look)

    @property
    def answer(self) -> str:
        return self._negotiated.answer

    async def run(self) -> None:
        """Until the connection is lost or it is cancelled. It joins the audience once it is
        connected, so that it begins with what is said then."""
        negotiated = self._negotiated
        names = asyncio.create_task(
            negotiated.learn(negotiated.offer.names), name=f"names {self.name}"
        )
        joining = asyncio.create_task(self._join(), name=f"join {self.name}")
        try:
            self.why_ended = await self.line.wait_gone()
        finally:
            for task in (names, joining):
                task.cancel()
            await asyncio.wait({names, joining})
            self._audience.leave(self._outlet)
            await self.aclose()

    async def _join(self) -> None:
        if await self.line.settle():
            self._audience.join(self._outlet)

    async def aclose(self) -> None:
        """Close the connection. May be called twice, and a caller that waits may be cancelled."""
        self._outlet.close()
        await self.line.aclose(f"close {self.name}")
