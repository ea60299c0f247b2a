"""A peer: one browser's connection, its voice in, its face and voice out."""

from __future__ import annotations

import asyncio
import logging
import secrets
import zlib

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtcrtptransceiver import RTCRtpTransceiver
from aiortc.rtp import RtpPacket

from latentcam.realtime_models.arrays import Latent
from latentcam.server.config import ServerConfig
from latentcam.server.controls import Controls
from latentcam.server.errors import BadRequest
from latentcam.server.messages import Ages, PeerFigures
from latentcam.server.webrtc.reorder import hear_at_once
from latentcam.server.webrtc.tracks import FaceTrack, VoiceTrack, voice_delay
from latentcam.server.webrtc.video_encoder import Rate, encode_face, negotiated
from latentcam.server.webrtc.voice_in import Packets, VoiceIn, drain
from latentcam.stream.engine import Engine
from latentcam.stream.meter import Meter
from latentcam.stream.session import Session
from latentcam.stream.voice_motion import VoiceMotion

logger = logging.getLogger(__name__)

CONNECT_DEADLINE = 20.0  # seconds from the answer to a connection
MOST_EARLY = 0.06  # seconds of a browser's own skew that are made up for
EARLY_SHARE = 0.1  # of each measurement, one a second: the mean of about ten
FRAMES_FOLLOWED = 40  # whose age the voice waits for: long enough to be calm, short to keep up
MOST_PACKETS = 25  # half a second of voice that may wait for the motion model


class Peer:
    """Made from an offer by `connect`; then `run` until it ends. `id` is its secret name."""

    def __init__(self, engine: Engine, config: ServerConfig, anchor: Latent, identity: str) -> None:
        self.id = secrets.token_urlsafe(16)
        self.name = self.id[:6]  # for logs
        self._engine = engine
        self._prefetch = config.audio_prefetch
        servers = [RTCIceServer(s.urls, s.username, s.credential) for s in config.ice_servers]
        self._pc = RTCPeerConnection(RTCConfiguration(servers))
        self._anchor, self._identity = anchor, identity
        self._loop = asyncio.get_running_loop()
        self._face = FaceTrack(engine.timeline)
        self._voice = VoiceTrack(self._wanted_delay)
        self._connected, self._gone = asyncio.Event(), asyncio.Event()
        self._packets: Packets[av.AudioFrame] = Packets(MOST_PACKETS)
        self._voice_in = VoiceIn(self._packets, engine.timeline)
        self._session: Session | None = None
        self._microphone: MediaStreamTrack | None = None
        self._left = Meter()  # frames when they leave, encoded
        self._early = 0.0  # seconds by which the page plays the voice before its picture
        self.failed = False
        self._pc.on("connectionstatechange", self._on_state)

    @property
    def session(self) -> Session:
        """Its session, from a successful `connect` on."""
        assert self._session is not None
        return self._session

    def _on_state(self) -> None:
        state = self._pc.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self._gone.set()

    def _wanted_delay(self) -> float:
        age = self._left.age(50, FRAMES_FOLLOWED)
        engine = self._engine
        look_ahead = engine.performer.look_ahead_s
        delay = voice_delay(age, look_ahead, engine.timeline, self._voice.ptime)
        return max(0.0, delay + self._early)

    async def connect(self, sdp: str) -> str:
        """Take an offer; returns the answer. Raises BadRequest."""
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            transceivers = self._pc.getTransceivers()
        except Exception as error:  # aiortc raises many kinds for a bad SDP
            raise BadRequest(f"the offer is not a usable SDP: {error}") from None
        audio = self._first(transceivers, "audio")
        video = self._first(transceivers, "video")
        for transceiver in transceivers:
            if transceiver not in (audio, video):
                transceiver.direction = "inactive"  # a track that nobody reads would pile up
        audio.sender.replaceTrack(self._voice)
        audio.direction = "sendrecv"
        video.sender.replaceTrack(self._face)
        video.direction = "sendonly"
        self._reorder = hear_at_once(audio.receiver, self._prefetch, self._send_back)
        await self._pc.setLocalDescription(await self._pc.createAnswer())
        self._codec = negotiated(audio)
        engine = self._engine
        size = engine.avatar.card.generator.resolution
        encode_face(video, Rate(size * size, engine.timeline.fps), self._on_encoded)
        self._microphone = audio.receiver.track
        self._motion = VoiceMotion(
            engine, self._voice_in.chunks(), seed=zlib.crc32(self.id.encode())
        )
        self._session = Session(engine, self._motion.motions(), self._face, self._anchor)
        self.controls = Controls(
            engine, self._session, self._motion, self._identity, self._mute, self._freeze
        )
        return self._pc.localDescription.sdp

    def _mute(self, muted: bool) -> None:
        self._voice_in.muted = muted

    def _freeze(self, frozen: bool) -> None:
        self._face.frozen = frozen

    def _on_encoded(self, seconds: float) -> None:
        """On the thread that encodes."""
        self._loop.call_soon_threadsafe(self._frame_left, self._face.born, seconds)

    def _frame_left(self, born: float, seconds: float) -> None:
        now, stages = self._loop.time(), self._engine.stages
        stages.observe("encode", seconds)
        stages.observe("age", now - born)
        self._left.frame(born, now)

    def _hear(self, packet: av.AudioFrame, born: float) -> None:
        self._packets.put(packet, born)

    def _send_back(self, packet: RtpPacket) -> None:
        if self._voice_in.muted:
            return
        if packet.payload and packet.payload_type == self._codec.payloadType:
            self._voice.put(packet, self._codec.clockRate, self._loop.time())

    async def _listen(self) -> None:
        """Until the microphone's track ends: then no packet follows."""
        assert self._microphone is not None
        try:
            await drain(self._microphone, self._hear)
        finally:
            self._packets.close()

    @staticmethod
    def _first(transceivers: list[RTCRtpTransceiver], kind: str) -> RTCRtpTransceiver:
        for transceiver in transceivers:
            if transceiver.kind == kind and (kind == "video" or transceiver.receiver.track):
                return transceiver
        raise BadRequest(
            f"the offer has no {kind}, expected a microphone to hear and a video to send"
        )

    async def run(self) -> None:
        """Until the voice ends, the connection is lost, a stage fails, or cancelled."""
        session = asyncio.create_task(self.session.run(), name=f"session {self.name}")
        gone = asyncio.create_task(self._wait_gone(), name=f"connection {self.name}")
        listen = asyncio.create_task(self._listen(), name=f"listen {self.name}")
        try:
            await asyncio.wait({session, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = (session, gone, listen)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self.aclose()
        for error in results:
            if isinstance(error, Exception):
                self.failed = True
                logger.error(
                    "session %s failed at tick %d",
                    self.name,
                    self._motion.ticks_heard,
                    exc_info=error,
                )

    async def _wait_gone(self) -> None:
        try:
            await asyncio.wait_for(self._connected.wait(), CONNECT_DEADLINE)
        except TimeoutError:
            logger.info("session %s: no connection within %.0f s", self.name, CONNECT_DEADLINE)
            return
        await self._gone.wait()

    async def aclose(self) -> None:
        """Close the connection. May be called twice."""
        self._face.close()
        self._voice.close()
        await self._pc.close()

    def played_early(self, seconds: float) -> None:
        """What the page measured. Browsers let voice and picture drift by some 30 ms before they
        act; the voice leaves later by their mean. Raises BadRequest."""
        if not -10.0 <= seconds <= 10.0:
            raise BadRequest(f"the skew is {seconds * 1000} ms, expected -10000 to 10000")
        near = max(-MOST_EARLY, min(MOST_EARLY, seconds))
        self._early += EARLY_SHARE * (near - self._early)

    def counts(self) -> dict[str, int]:
        """What has happened so far."""
        return {
            "sessions": 1,
            "failed": int(self.failed),
            "frames": self._left.frames,
            "skipped": self.session.skipped + self._face.skipped,
            "lost_packets": self._reorder.lost,
            "dropped_packets": self._packets.dropped,
        }

    def stats(self) -> PeerFigures:
        """Figures for people; no voice, no face, no address."""
        session = self.session
        return PeerFigures(
            fps=round(self._left.fps(self._loop.time()), 2),
            frames=self._left.frames,
            age_ms=Ages.of(self._left),
            skipped=session.skipped + self._face.skipped,
            lost_packets=self._reorder.lost,
            dropped_packets=self._packets.dropped,
            voice_offset_s=round(self._voice_in.offset, 5),
            level=round(self._motion.level, 4),
            speaking=self._motion.speaking,
            voice_delay_ms=round(self._voice.delay * 1000, 1),
            voice_shift_ms=round(self._early * 1000, 1),
        )
