"""A peer: one caller's connection, its voice in, its face and voice out."""

from __future__ import annotations

import asyncio
import logging
import secrets
import zlib
from typing import Any

import av
from aiortc.rtp import RtpPacket

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.mark import session_mark
from latentcam.server.controls import Controls
from latentcam.server.errors import BadRequest
from latentcam.server.messages import Ages, PeerFigures
from latentcam.server.webrtc import drive_channel, latent_channel
from latentcam.server.webrtc.aiortc_inside import send_codec
from latentcam.server.webrtc.channels import hand_out
from latentcam.server.webrtc.drive_channel import DriveChannel
from latentcam.server.webrtc.latent_channel import LatentChannel
from latentcam.server.webrtc.look import Look
from latentcam.server.webrtc.negotiation import Negotiated, close
from latentcam.server.webrtc.reorder import Hearing
from latentcam.server.webrtc.tracks import FaceTrack, Retouch, VoiceTrack, voice_delay
from latentcam.server.webrtc.video_encoder import Rate, encode_face
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

CONNECT_DEADLINE = 10.0  # seconds from the answer to a connection
STOP_DEADLINE = 5.0  # seconds for a session's loops to stop
MOST_EARLY = 0.06  # seconds of a browser's own skew that are made up for
EARLY_SHARE = 0.1  # of each measurement, one a second: the mean of about ten
FRAMES_FOLLOWED = 40  # whose age the voice waits for: long enough to be calm, short to keep up
MOST_PACKETS = 25  # half a second of voice that may wait for the motion model


class Peer:
    """One session over a negotiated connection: `run` it until it ends. `id` is its secret name.

    retouch: applied to every frame before it leaves. latents: no frame leaves, but motion, over the
    data channel that the caller opens.
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
        self._settled, self._gone = asyncio.Event(), asyncio.Event()
        self.was_connected = False
        """Whether the connection has ever been established."""
        self._closing: asyncio.Task[None] | None = None
        self._left = Meter()  # frames when they leave, encoded
        self._early = 0.0  # seconds by which the page plays the voice before its picture

        audio, video = negotiated.audio, negotiated.video
        self._face = FaceTrack(engine.timeline, retouch)
        self._voice = VoiceTrack(self._wanted_delay)
        self._codec = send_codec(audio)  # in which the voice goes back
        audio.sender.replaceTrack(self._voice)
        video.sender.replaceTrack(self._face)
        size = engine.avatar.card.generator.resolution
        self.look = look
        look.marker = Marker(session_mark(self.id))
        rate = Rate(size * size * (2 if look.stacked else 1), engine.timeline.fps)
        encode_face(video, rate, look, self._on_encoded)

        self._hearing = Hearing(audio.receiver, audio_prefetch, self._send_back)
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
            self.session = Session(engine, self._motion.motions(), self._face, anchor)
        hand_out(negotiated.connection, takers)
        self.controls = Controls(
            engine, self.session, self._motion, identity, self._mute, self._freeze,
            look.background.name, backgrounds, self._put_behind,
        )  # fmt: skip
        negotiated.connection.on("connectionstatechange", self._on_state)

    @property
    def answer(self) -> str:
        return self._negotiated.answer

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

    def _wanted_delay(self) -> float:
        age = self._left.age(50, FRAMES_FOLLOWED)
        engine = self._engine
        look_ahead = engine.performer.look_ahead_s
        delay = voice_delay(age, look_ahead, engine.timeline, self._voice.ptime)
        return max(0.0, delay + self._early)

    def _mute(self, muted: bool) -> None:
        self._voice_in.muted = muted

    def _freeze(self, frozen: bool) -> None:
        self._face.frozen = frozen

    def _put_behind(self, background: Background) -> None:
        self.look.background = background

    def _on_encoded(self, seconds: float) -> None:
        """On the thread that encodes."""
        self._loop.call_soon_threadsafe(self._frame_left, self._face.born, seconds)

    def _send_motion(self, motion: Motion) -> None:
        if self._latents.send(motion):
            now = self._loop.time()
            self._engine.stages.observe("age", now - motion.born)
            self._left.frame(motion.born, now)

    def _frame_left(self, born: float, seconds: float) -> None:
        now, stages = self._loop.time(), self._engine.stages
        stages.observe("encode", seconds)
        stages.observe("age", now - born)
        self._left.frame(born, now)

    def _hear(self, packet: av.AudioFrame, born: float) -> None:
        self._packets.put((packet, born))

    def _send_back(self, packet: RtpPacket) -> None:
        if self._voice_in.muted:
            return
        if packet.payload and packet.payload_type == self._codec.payloadType:
            self._voice.put(packet, self._codec.clockRate, self._loop.time())

    async def _listen(self) -> None:
        """Until the microphone's track ends: then no packet follows."""
        try:
            await drain(self._negotiated.audio.receiver.track, self._hear)
        finally:
            self._packets.close()

    async def _perform(self) -> None:
        """Once connected: a caller that never gets there costs the others no picture."""
        await self._settled.wait()
        if self.was_connected:
            await self.session.run()
        else:
            await self._gone.wait()

    async def run(self) -> None:
        """Until the voice ends, the connection is lost, a stage fails or it is cancelled;
        `why_ended` says which."""
        session = asyncio.create_task(self._perform(), name=f"session {self.name}")
        gone = asyncio.create_task(self._wait_gone(), name=f"connection {self.name}")
        listen = asyncio.create_task(self._listen(), name=f"listen {self.name}")
        names = asyncio.create_task(self._negotiated.learn_names(), name=f"names {self.name}")
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
            await self.aclose()

    def _fail(self, error: BaseException) -> None:
        self.failed = True
        self.why_ended = f"failed at tick {self._motion.ticks_heard}"
        logger.error("session %s %s", self.name, self.why_ended, exc_info=error)

    async def _wait_gone(self) -> str:
        """Until it is; why."""
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                await self._settled.wait()
        except TimeoutError:
            return f"no connection within {CONNECT_DEADLINE:.0f} s"
        await self._gone.wait()
        if self._negotiated.audio.receiver.transport.state == "failed":
            return "the two sides could not agree on keys (DTLS)"
        if self._negotiated.connection.connectionState == "failed":
            return "the connection was lost" if self.was_connected else "no path (ICE)"
        return "the caller hung up"

    async def aclose(self) -> None:
        """Close the connection. May be called twice, and a caller that waits may be cancelled."""
        if self._closing is None:
            self._face.close()
            self._voice.close()
            self._closing = asyncio.create_task(
                close(self._negotiated.connection), name=f"close {self.name}"
            )
        await asyncio.shield(self._closing)

    def played_early(self, seconds: float) -> None:
        """Take what the page measured. Browsers let voice and picture drift by some 30 ms before
        they act; the voice leaves later by the mean of it. Raises BadRequest."""
        if not -10.0 <= seconds <= 10.0:
            raise BadRequest(f"the skew is {seconds * 1000} ms, expected -10000 to 10000")
        near = max(-MOST_EARLY, min(MOST_EARLY, seconds))
        self._early += EARLY_SHARE * (near - self._early)

    @property
    def _dropped(self) -> int:
        return self._hearing.dropped + self._packets.skipped + self._voice_in.rushed

    def counts(self) -> dict[str, int]:
        """What has happened so far."""
        return {
            "sessions": 1,
            "failed": int(self.failed),
            "frames": self._left.frames,
            "skipped": self.session.skipped + self._face.skipped,
            "lost_packets": self._hearing.lost,
            "dropped_packets": self._dropped,
        }

    def stats(self) -> PeerFigures:
        """Figures for people; no voice, no face, no address."""
        session = self.session
        return PeerFigures(
            fps=round(self._left.fps(self._loop.time()), 2),
            frames=self._left.frames,
            age_ms=Ages.of(self._left),
            resolution=self._engine.renderer.decoder.resolution,
            skipped=session.skipped + self._face.skipped,
            lost_packets=self._hearing.lost,
            dropped_packets=self._dropped,
            voice_offset_s=round(self._voice_in.offset, 5),
            level=round(self._motion.level, 4),
            speaking=self._motion.speaking,
            voice_delay_ms=round(self._voice.delay * 1000, 1),
            voice_shift_ms=round(self._early * 1000, 1),
        )
