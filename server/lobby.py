"""All peers of a server: who is let in, who gives way, and that nobody is left behind."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections import Counter
from dataclasses import dataclass

from latentcam.server.config import ServerConfig
from latentcam.server.controls import find_background, find_face
from latentcam.server.messages import Totals
from latentcam.server.webrtc.look import Look
from latentcam.server.webrtc.negotiation import close, negotiate
from latentcam.server.webrtc.offer import CALL, CHANNELS, PUBLISH
from latentcam.server.webrtc.peer import Peer
from latentcam.server.webrtc.tracks import Retouch
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.engine import Engine
from latentcam.stream.errors import EngineFull

logger = logging.getLogger(__name__)

SILENT = 3.0  # seconds without a packet after which a place may be given to a newcomer
DISMISS_DEADLINE = 20.0  # seconds; longer than a peer takes for all that it waits for itself


@dataclass(frozen=True, slots=True)
class Place:
    """A peer that was let in, the task that runs it, and where it came from."""

    peer: Peer
    task: asyncio.Task[None]
    household: str


class Lobby:
    """All peers of a server. Owns their tasks. retouch: applied to every frame of theirs.

    When all places are taken, one of two gives way to a newcomer: a peer that has sent nothing for
    SILENT seconds; or, if the newcomer's household has no place at all, a peer that is not
    connected yet, from a household that has several. So a caller that offers and never connects,
    however often, holds no place for long, and none that somebody else wants.
    """

    def __init__(
        self, engine: Engine, config: ServerConfig, retouch: Retouch | None = None
    ) -> None:
        self.engine, self.config, self._retouch = engine, config, retouch
        self._places: dict[str, Place] = {}  # by the peer's id, the oldest first
        self._coming: Counter[str] = Counter()  # households, by offers that are being answered
        self._open = True
        self._ended: Counter[str] = Counter()  # what sessions that have ended counted

    @property
    def peers(self) -> list[Peer]:
        """Those that are here, the oldest first."""
        return [place.peer for place in self._places.values()]

    async def admit(
        self,
        sdp: str,
        identity: str | None,
        address: str = "",
        background: str | None = None,
        alpha: bool = False,
        latents: bool = False,
        drive: bool = False,
        publishes: bool = False,
    ) -> tuple[Peer, str]:
        """Take an offer. Returns the peer, which runs from now on, and the answer.

        address: where it comes from. alpha: whether the caller wants the face's. latents: whether
        it wants motion over a data channel instead of pictures. drive: whether it may send motion
        over one. publishes: it only sends a voice; others watch. Raises EngineFull, BadRequest, or
        Refused if there is no usable network; then
        nothing is left behind.
        """
        engine, household = self.engine, household_of(address)
        terms = PUBLISH if publishes else CHANNELS if latents or drive else CALL
        identity = identity or self.config.identity or engine.avatar.card.identities[0]
        look = self._look(background, alpha)
        anchor = await find_face(engine, identity)
        while engine.sessions >= engine.max_sessions and (place := self._gives_way(household)):
            # Again, in case somebody else was quicker to take the place.
            await self.dismiss(place.peer, "its place was given to a newcomer")
        if not self._open:
            raise EngineFull("the server is shutting down")
        try:
            engine.admit()
        except EngineFull:
            self.turned_away()
            raise
        coming = Counter([household])
        self._coming += coming
        try:
            negotiated = await negotiate(sdp, self.config.ice_servers, terms)
            if not self._open:  # closed since then, without knowing of this one
                await close(negotiated.connection)
                raise EngineFull("the server is shutting down")
        except BaseException:
            engine.release()
            raise
        finally:
            self._coming -= coming  # forgets households from which nobody is coming
        peer = Peer(
            engine, negotiated, anchor, identity, look, self.backgrounds,
            self.config.audio_prefetch, self._retouch, latents,
        )  # fmt: skip
        task = asyncio.create_task(peer.run(), name=f"peer {peer.name}")
        self._places[peer.id] = Place(peer, task, household)
        # Not in a `finally` of the task: one that is cancelled before it began never gets there.
        task.add_done_callback(lambda _: self._forget(peer))
        logger.info(
            "session %s begins, mark %s, %d in all",
            peer.name, peer.look.marker.name, engine.sessions,
        )  # fmt: skip
        return peer, peer.answer

    @property
    def backgrounds(self) -> Backgrounds | None:
        """Those that may be asked for: a face without alpha keeps its own."""
        return self.config.backgrounds if self.engine.avatar.card.generator.channels == 4 else None

    def _look(self, background: str | None, alpha: bool) -> Look:
        """Raises BadRequest for a background that there is not."""
        if background is None:
            return Look(self.config.backgrounds.first, alpha and self.backgrounds is not None)
        return Look(find_background(self.backgrounds, background), alpha)

    def _gives_way(self, household: str) -> Place | None:
        places = self._places.values()
        silent = [place for place in places if place.peer.silent_for > SILENT]
        if silent:
            return max(silent, key=lambda place: place.peer.silent_for)
        count = self._coming + Counter(place.household for place in places)
        if count[household]:
            return None
        waiting = (place for place in places if not place.peer.was_connected)
        return next((place for place in waiting if count[place.household] > 1), None)

    def _forget(self, peer: Peer) -> None:
        if self._places.pop(peer.id, None) is None:
            return
        self.engine.release()
        self._ended.update(peer.counts())
        logger.info(
            "session %s ended: %s; %d in all", peer.name, peer.why_ended, self.engine.sessions
        )

    def turned_away(self) -> None:
        """Count somebody for whom there was no place."""
        self._ended["refused"] += 1

    def totals(self) -> Totals:
        """Counts over all sessions since the start."""
        counts = Counter(self._ended)
        for peer in self.peers:
            counts.update(peer.counts())
        return Totals(**{name: counts[name] for name in Totals.__struct_fields__})

    async def wait(self, peer: Peer) -> None:
        """Until this peer has ended."""
        if (place := self._places.get(peer.id)) is not None:
            await asyncio.wait({place.task})

    async def dismiss(self, peer: Peer, why: str) -> None:
        """End a peer and free its place. why: for the log, if nothing else ended it.

        A peer that is already closing continues: what closes its connection is not cancelled.
        """
        if (place := self._places.get(peer.id)) is None:
            return
        peer.why_ended = peer.why_ended or why
        place.task.cancel()
        _, late = await asyncio.wait({place.task}, timeout=DISMISS_DEADLINE)
        if late:
            logger.error("session %s does not end; its place is given to others", peer.name)
            self._forget(peer)
        else:
            await peer.aclose()

    async def aclose(self) -> None:
        """Let in no new peers; end all and wait, no longer than dismissing one may take."""
        self._open = False
        dismissals = [self.dismiss(peer, "the server is shutting down") for peer in self.peers]
        await asyncio.gather(*dismissals)


def household_of(address: str) -> str:
    """Those who share an address; with IPv6 a network of /64, of which one machine may use all."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))
