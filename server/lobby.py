"""All peers of a server: who is let in, and that nobody is left behind."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from latentcam.server.config import ServerConfig
from latentcam.server.controls import find_face
from latentcam.server.webrtc.negotiation import negotiate
from latentcam.server.webrtc.peer import Peer
from latentcam.server.webrtc.tracks import Retouch
from latentcam.stream.engine import Engine
from latentcam.stream.errors import EngineFull

logger = logging.getLogger(__name__)


class Lobby:
    """All peers of a server. Owns their tasks. retouch: what is done to every frame of theirs."""

    def __init__(
        self, engine: Engine, config: ServerConfig, retouch: Retouch | None = None
    ) -> None:
        self.engine, self.config, self._retouch = engine, config, retouch
        self.peers: dict[str, Peer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._open = True
        self._ended: Counter[str] = Counter()  # what sessions that have ended counted

    async def admit(self, sdp: str, identity: str | None) -> tuple[Peer, str]:
        """Take an offer. Returns the peer, which runs from now on, and the answer.

        Raises EngineFull, BadRequest, or Refused for want of a network; then nothing is left
        behind.
        """
        engine = self.engine
        identity = identity or engine.avatar.card.identities[0]
        anchor = await find_face(engine, identity)
        if not self._open:
            raise EngineFull("the server is shutting down")
        try:
            engine.admit()
        except EngineFull:
            self._ended["refused"] += 1
            raise
        try:
            negotiated = await negotiate(sdp, self.config.ice_servers)
        except BaseException:
            engine.release()
            raise
        peer = Peer(engine, negotiated, anchor, identity, self.config.audio_prefetch, self._retouch)
        self.peers[peer.id] = peer
        self._tasks[peer.id] = task = asyncio.create_task(peer.run(), name=f"peer {peer.name}")
        # Not in a `finally` of the task: one that is cancelled before it began never gets there.
        task.add_done_callback(lambda _: self._forget(peer))
        logger.info("session %s begins, %d in all", peer.name, engine.sessions)
        return peer, peer.answer

    def _forget(self, peer: Peer) -> None:
        self.engine.release()
        self._ended.update(peer.counts())
        del self.peers[peer.id], self._tasks[peer.id]
        logger.info(
            "session %s ended: %s; %d in all", peer.name, peer.why_ended, self.engine.sessions
        )

    def totals(self) -> Counter[str]:
        """Counts over all sessions since the start: those of `Peer.counts`, and `refused`."""
        totals = Counter(self._ended)
        for peer in self.peers.values():
            totals.update(peer.counts())
        return totals

    async def wait(self, peer: Peer) -> None:
        """Until this peer has ended."""
        if (task := self._tasks.get(peer.id)) is not None:
            await asyncio.wait({task})

    async def dismiss(self, peer: Peer) -> None:
        """End a peer and wait for it."""
        if (task := self._tasks.get(peer.id)) is not None:
            task.cancel()
            await asyncio.wait({task})
            await peer.aclose()

    async def aclose(self) -> None:
        """No new peers; end all and wait."""
        self._open = False
        await asyncio.gather(*(self.dismiss(peer) for peer in list(self.peers.values())))
