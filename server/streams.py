"""Voices that others send by themselves, and who watches their faces: streams, by their names."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial

from latentcam.realtime_models.mark import session_mark
from latentcam.server.errors import Refused
from latentcam.server.lobby import DISMISS_DEADLINE, SILENT, Lobby
from latentcam.server.messages import Change
from latentcam.server.webrtc.line import Line
from latentcam.server.webrtc.look import Look
from latentcam.server.webrtc.negotiation import close, negotiate
from latentcam.server.webrtc.offer import WATCH
from latentcam.server.webrtc.peer import Peer
from latentcam.server.webrtc.viewer import Viewer
from latentcam.stream.errors import EngineFull
from latentcam.stream.marker import Marker

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Stream:
    """A voice that is being sent, and those who watch its face with the tasks that run them, by
    their ids."""

    name: str
    peer: Peer
    viewers: dict[str, tuple[Viewer, asyncio.Task[None]]] = field(default_factory=dict)


class Streams:
    """All streams of a server. Their voices take places in the lobby, as calls do; who watches is
    counted apart, because that costs an encoder and no picture of its own.

    A name that is taken, or the place of one who watches when all are taken, is given to a newcomer
    when nothing has come from its owner for SILENT seconds.
    """

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._streams: dict[str, Stream] = {}  # by name
        self._beginning: set[str] = set()  # names whose offers are being answered
        self._arriving = 0  # who watches, while their offers are being answered
        self._ends: set[asyncio.Task[None]] = set()

    @property
    def _viewers(self) -> list[Viewer]:
        return [
            viewer for stream in self._streams.values() for viewer, _ in stream.viewers.values()
        ]

    @property
    def names(self) -> list[str]:
        """Of those that somebody publishes."""
        return list(self._streams)

    async def publish(
        self,
        name: str,
        sdp: str,
        identity: str | None,
        address: str,
        background: str | None,
        change: Change,
    ) -> Peer:
        """Take the offer of one who sends a voice. change: what the face is to be like besides.

        Raises as `Lobby.admit`, and Refused if the name is taken.
        """
        old = self._streams.get(name)
        if name in self._beginning or (old is not None and old.peer.silent_for <= SILENT):
            raise Refused(409, f"somebody sends a voice as {name!r} already, expected another name")
        self._beginning.add(name)
        try:
            if old is not None:
                await self._lobby.dismiss(old.peer, "its name was given to a newcomer")
                await self._end(old)
            peer, _ = await self._lobby.admit(sdp, identity, address, background, publishes=True)
            try:
                await peer.controls.apply(change)
            except BaseException:
                await self._lobby.dismiss(peer, "its wishes cannot be met")
                raise
            stream = self._streams[name] = Stream(name, peer)
        finally:
            self._beginning.discard(name)
        over = asyncio.create_task(self._until_over(stream), name=f"stream of {peer.name}")
        self._ends.add(over)
        over.add_done_callback(self._ends.discard)
        return peer

    async def watch(self, name: str, sdp: str) -> Viewer:
        """Take the offer of one who watches. Raises EngineFull, BadRequest, and Refused if there is
        no such stream; then nothing is left behind."""
        stream = self._find(name)
        most = self._lobby.config.max_viewers
        while len(self._viewers) + self._arriving >= most and (gone := self._gives_way()):
            await self._dismiss(*gone, "its place was given to a newcomer")
        if len(self._viewers) + self._arriving >= most:
            self._lobby.turned_away()
            raise EngineFull(f"all {most} places to watch from are taken; try again later")
        self._arriving += 1
        try:
            negotiated = await negotiate(sdp, self._lobby.config.ice_servers, WATCH)
        finally:
            self._arriving -= 1
        if self._streams.get(name) is not stream:
            await close(negotiated.connection)
            raise Refused(409, f"the stream {name!r} ended meanwhile, expected another try")
        look = Look(stream.peer.look.background, stacked=False)
        look.marker = Marker(session_mark(stream.peer.id))
        viewer = Viewer(self._lobby.engine, negotiated, stream.peer.audience, look)
        task = asyncio.create_task(viewer.run(), name=f"viewer {viewer.name}")
        stream.viewers[viewer.id] = (viewer, task)
        task.add_done_callback(partial(self._ended, stream, viewer))
        logger.info("viewer %s watches session %s", viewer.name, stream.peer.name)
        return viewer

    def published(self, name: str, session: str) -> Line:
        """The connection of one who sends, by its secret id. Raises Refused."""
        stream = self._streams.get(name)
        if stream is None or stream.peer.id != session:
            raise Refused(404, f"there is no such session of {name!r}, or it has ended")
        return stream.peer.line

    def watched(self, name: str, session: str) -> Line:
        """The connection of one who watches, by its secret id. Raises Refused."""
        return self._viewer(name, session)[1].line

    async def unpublish(self, name: str, session: str) -> None:
        """End what `published` finds. Raises as it does."""
        self.published(name, session)
        stream = self._streams[name]
        await self._lobby.dismiss(stream.peer, "its sender ended it")
        await self._end(stream)

    async def unwatch(self, name: str, session: str) -> None:
        """End what `watched` finds. Raises as it does."""
        await self._dismiss(*self._viewer(name, session), "it has seen enough")

    async def aclose(self) -> None:
        """Wait until everybody who watched has been told, after the lobby has closed."""
        if self._ends:
            await asyncio.wait(self._ends)

    def _find(self, name: str) -> Stream:
        try:
            return self._streams[name]
        except KeyError:
            raise Refused(409, f"nobody sends a voice as {name!r} at present") from None

    def _viewer(self, name: str, session: str) -> tuple[Stream, Viewer]:
        stream = self._streams.get(name)
        if stream is None or session not in stream.viewers:
            raise Refused(404, f"there is no such viewer of {name!r}, or it has gone")
        return stream, stream.viewers[session][0]

    def _gives_way(self) -> tuple[Stream, Viewer] | None:
        silent = [
            (stream, viewer)
            for stream in self._streams.values()
            for viewer, _ in stream.viewers.values()
            if viewer.line.silent_for > SILENT
        ]
        return max(silent, key=lambda one: one[1].line.silent_for, default=None)

    async def _until_over(self, stream: Stream) -> None:
        await self._lobby.wait(stream.peer)
        await self._end(stream)

    async def _end(self, stream: Stream) -> None:
        """Its voice has gone: nobody sees it any more. May be called twice."""
        if self._streams.get(stream.name) is stream:
            del self._streams[stream.name]
        viewers = [viewer for viewer, _ in stream.viewers.values()]
        await asyncio.gather(
            *(self._dismiss(stream, viewer, "its stream ended") for viewer in viewers)
        )

    async def _dismiss(self, stream: Stream, viewer: Viewer, why: str) -> None:
        if (place := stream.viewers.get(viewer.id)) is None:
            return
        viewer.why_ended = viewer.why_ended or why
        place[1].cancel()
        _, late = await asyncio.wait({place[1]}, timeout=DISMISS_DEADLINE)
        if late:
            logger.error("viewer %s does not end; its place is given to others", viewer.name)
        else:
            await viewer.aclose()  # a task that is cancelled before it began never gets there
        self._forget(stream, viewer)

    def _ended(self, stream: Stream, viewer: Viewer, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            viewer.why_ended = "failed"
            logger.error("viewer %s failed", viewer.name, exc_info=error)
        self._forget(stream, viewer)

    def _forget(self, stream: Stream, viewer: Viewer) -> None:
        if stream.viewers.pop(viewer.id, None) is not None:
            logger.info("viewer %s ended: %s", viewer.name, viewer.why_ended)
