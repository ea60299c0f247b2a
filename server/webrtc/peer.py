"""A peer: one caller's connection, its voice in, its face and voice out to those who watch."""

from __future__ import annotations

import asyncio
import logging
import secrets
import zlib
from collections.abc import AsyncIterator
from typing import Any

import av
from aiortc.rtp import RtpPacket

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.mark import session_mark
from latentcam.server.controls import Controls
from latentcam.server.messages import Ages, PeerFigures
from latentcam.server.webrtc import drive_channel, latent_channel
from latentcam.server.webrtc.aiortc_inside import send_codec
from latentcam.server.webrtc.channels import hand_out
from latentcam.server.webrtc.drive_channel import DriveChannel
from latentcam.server.webrtc.latent_channel import LatentChannel
from latentcam.server.webrtc.line import Line
from latentcam.server.webrtc.look import Look
from latentcam.server.webrtc.negotiation import Negotiated
from latentcam.server.webrtc.outlet import Audience, Outlet
from latentcam.server.webrtc.reorder import Hearing
from latentcam.server.webrtc.tracks import Retouch
from latentcam.server.webrtc.voice_in import VoiceIn, VoicePackets, drain
from latentcam.stream.backgrounds import Background, Backgrounds
from latentcam.stream.engine import Engine
from latentcam.stream.latent_session import LatentSession
from latentcam.stream.marker import Marker
from latentcam.stream.messages import Motion
from latentcam.stream.meter import Meter
from latentcam.stream.session import Session
from latentcam.stream.voice_motion import VoiceMotion

logger = logging.getLogger(__name__)

STOP_DEADLINE = 5.0  # seconds for a session's loops to stop
MOST_PACKETS = 25  # half a second of voice that may wait for the motion model


class Peer:
    """One session over a negotiated connection: `run` it until it ends. `id` is its secret name.

    Whoever has agreed on a video sees the face over the same connection; others may join the
    audience. While it is empty, the voice is heard and no picture drawn. retouch: applied to every
    frame before it leaves. latents: no frame leaves, but motion, over the data channel that the
    caller opens.
    """

    def __init__(
        self,
        engine: Engine,
        negotiated: Negotiated,
        anchor: Latent,
        identity: str,
        look: Look,
        backgrounds: Backgrounds | None,
        audio_prefetch: int,
        retouch: Retouch | None = None,
        latents: bool = False,
    ) -> None:
        self.id = secrets.token_urlsafe(16)
        self.name = self.id[:6]  # for logs
        self.failed = False
        self.why_ended = ""
        """Why it ended, once it has, in a few words for the log."""
        self._engine, self._negotiated = engine, negotiated
        self._loop = asyncio.get_running_loop()
        self.line = Line(negotiated)
        assert negotiated.audio is not None
        self._audio = negotiated.audio
        self._codec = send_codec(self._audio)  # in which the voice goes on
        self.look = look
        look.marker = Marker(session_mark(self.id))
        self.audience = Audience(retouch)
        self._watches = negotiated.video is not None
        if self._watches:
            self.audience.join(Outlet(engine, negotiated, look))

        self._hearing = Hearing(self._audio.receiver, audio_prefetch, self._send_on)
        self._packets: VoicePackets = VoicePackets(MOST_PACKETS)
        self._voice_in = VoiceIn(self._packets, engine.timeline)
        seed = zlib.crc32(self.id.encode())
        self._motion = VoiceMotion(engine, self._voice_in.chunks(), seed=seed)
        self.session: Session | LatentSession
        takers = {drive_channel.NAME: DriveChannel(self._motion.drive).take}
        if latents:
            self._latents = LatentChannel(engine.avatar.card)
            takers[latent_channel.NAME] = self._latents.take
            self.session = LatentSession(self._motion.motions(), self._send_motion, anchor)
        else:
            self.session = Session(engine, self._watched(), self.audience, anchor)
        hand_out(negotiated.connection, takers)
        self.controls = Controls(
            engine, self.session, self._motion, identity, self._mute, self._freeze,
            look.background.name, backgrounds, self._put_behind,
        )  # fmt: skip

    @property
    def answer(self) -> str:
        return self._negotiated.answer

    @property
    def was_connected(self) -> bool:
        """Whether the connection has ever been established."""
        return self.line.was_connected

    @property
    def silent_for(self) -> float:
        """As `Line.silent_for`."""
        return self.line.silent_for

    @property
    def viewers(self) -> int:
        """How many watch, besides the caller."""
        return len(self.audience) - self._watches

    def _mute(self, muted: bool) -> None:
        self._voice_in.muted = muted

    def _freeze(self, frozen: bool) -> None:
        self.audience.frozen = frozen

    def _put_behind(self, background: Background) -> None:
        self.look.background = background

    async def _watched(self) -> AsyncIterator[Motion]:
        async for motion in self._motion.motions():
            if self.audience:
                yield motion

    def _send_motion(self, motion: Motion) -> None:
        if self._latents.send(motion) and self.audience.first is not None:
            self.audience.first.has_left(motion.born)

    def _hear(self, packet: av.AudioFrame, born: float) -> None:
        self._packets.put((packet, born))

    def _send_on(self, packet: RtpPacket) -> None:
        if self._voice_in.muted:
            return
        if packet.payload and packet.payload_type == self._codec.payloadType:
            self.audience.put_voice(packet, self._codec.clockRate, self._loop.time())

    async def _listen(self) -> None:
        """Until the microphone's track ends: then no packet follows."""
        try:
            await drain(self._audio.receiver.track, self._hear)
        finally:
            self._packets.close()

    async def _perform(self) -> None:
        """Once connected: a caller that never gets there costs the others no picture."""
        if await self.line.settle():
            await self.session.run()
        else:
            await self.line.wait_gone()

    async def run(self) -> None:
        """Until the voice ends, the connection is lost, a stage fails or it is cancelled;
        `why_ended` says which."""
        negotiated = self._negotiated
        session = asyncio.create_task(self._perform(), name=f"session {self.name}")
        gone = asyncio.create_task(self.line.wait_gone(), name=f"connection {self.name}")
        listen = asyncio.create_task(self._listen(), name=f"listen {self.name}")
        names = asyncio.create_task(
            negotiated.learn(negotiated.offer.names), name=f"names {self.name}"
        )
        tasks: tuple[asyncio.Task[Any], ...] = (session, gone, listen, names)
        try:
            await asyncio.wait({session, gone}, return_when=asyncio.FIRST_COMPLETED)
            self.why_ended = gone.result() if gone.done() else "the caller hung up"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=STOP_DEADLINE)
            for task in tasks:
                if not task.done():
                    logger.warning("session %s: %s does not stop", self.name, task.get_name())
                elif not task.cancelled() and (error := task.exception()) is not None:
                    self._fail(error)
            self._voice_in.close()
            await self.aclose()

    def _fail(self, error: BaseException) -> None:
        self.failed = True
        self.why_ended = f"failed at tick {self._motion.ticks_heard}"
        logger.error("session %s %s", self.name, self.why_ended, exc_info=error)

    async def aclose(self) -> None:
        """Close the connection. May be called twice, and a caller that waits may be cancelled."""
        self.audience.close()
        await self.line.aclose(f"close {self.name}")

    def played_early(self, seconds: float) -> None:
        """As `Outlet.played_early`, of the caller's own. Raises BadRequest."""
        if self.audience.first is not None:
            self.audience.first.played_early(seconds)

    @property
    def _dropped(self) -> int:
        return self._hearing.dropped + self._packets.skipped + self._voice_in.rushed

    def counts(self) -> dict[str, int]:
        """What has happened so far."""
        return {
            "sessions": 1,
            "viewers": self.audience.joined - self._watches,
            "failed": int(self.failed),
            "frames": self.audience.frames,
            "skipped": self.session.skipped + self.audience.skipped,
            "lost_packets": self._hearing.lost,
            "dropped_packets": self._dropped,
        }

    def stats(self) -> PeerFigures:
        """Figures for people; no voice, no face, no address. Of several who watch, of the one that
        has watched longest."""
        first = self.audience.first
        left = Meter() if first is None else first.left
        return PeerFigures(
            fps=round(left.fps(self._loop.time()), 2),
            frames=left.frames,
            age_ms=Ages.of(left),
            resolution=self._engine.renderer.decoder.resolution,
            skipped=self.session.skipped + self.audience.skipped,
            lost_packets=self._hearing.lost,
            dropped_packets=self._dropped,
            voice_offset_s=round(self._voice_in.offset, 5),
            level=round(self._motion.level, 4),
            speaking=self._motion.speaking,
            voice_delay_ms=None if first is None else round(first.voice.delay * 1000, 1),
            voice_shift_ms=0.0 if first is None else round(first.early * 1000, 1),
        )
