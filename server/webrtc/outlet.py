"""A face and its voice on their way out: to one connection, or to everybody who watches."""

from __future__ import annotations

import asyncio

from aiortc.rtp import RtpPacket

from latentcam.server.errors import BadRequest
from latentcam.server.webrtc.look import Look
from latentcam.server.webrtc.negotiation import Negotiated
from latentcam.server.webrtc.tracks import FaceTrack, Retouch, VoiceTrack, voice_delay
from latentcam.server.webrtc.video_encoder import Rate, encode_face
from latentcam.stream.engine import Engine
from latentcam.stream.messages import Frame
from latentcam.stream.meter import Meter

MOST_EARLY = 0.06  # seconds of a browser's own skew that are made up for
EARLY_SHARE = 0.1  # of each measurement, one a second: the mean of about ten
FRAMES_FOLLOWED = 40  # whose age the voice waits for: long enough to be calm, short to keep up


class Outlet:
    """Sends a face, encoded for this one connection, and the voice when its frames have left."""

    def __init__(self, engine: Engine, negotiated: Negotiated, look: Look) -> None:
        self._engine, self._loop = engine, asyncio.get_running_loop()
        self.look = look
        self.left = Meter()
        """Frames when they leave, encoded."""
        self.early = 0.0
        """Seconds by which the page plays the voice before its picture."""
        self.face = FaceTrack(engine.timeline)
        self.voice = VoiceTrack(self._wanted_delay)
        self._has_voice = negotiated.audio is not None
        if negotiated.audio is not None:
            negotiated.audio.sender.replaceTrack(self.voice)
        assert negotiated.video is not None
        negotiated.video.sender.replaceTrack(self.face)
        size = engine.avatar.card.generator.resolution
        rate = Rate(size * size * (2 if look.stacked else 1), engine.timeline.fps)
        encode_face(negotiated.video, rate, look, self._on_encoded)

    def put_voice(self, packet: RtpPacket, clock_rate: int, born: float) -> None:
        """clock_rate: Hz, of the packet's timestamp. born: when it came."""
        if self._has_voice:
            self.voice.put(packet, clock_rate, born)

    def close(self) -> None:
        """Nothing follows. May be called twice."""
        self.face.close()
        self.voice.close()

    def _wanted_delay(self) -> float:
        engine = self._engine
        age = self.left.age(50, FRAMES_FOLLOWED)
        look_ahead = engine.performer.look_ahead_s
        return max(
            0.0, voice_delay(age, look_ahead, engine.timeline, self.voice.ptime) + self.early
        )

    def _on_encoded(self, seconds: float) -> None:
        """On the thread that encodes."""
        self._loop.call_soon_threadsafe(self._frame_left, self.face.born, seconds)

    def _frame_left(self, born: float, seconds: float) -> None:
        self._engine.stages.observe("encode", seconds)
        self.has_left(born)

    def has_left(self, born: float) -> None:
        """A frame, or the motion in its place, whose last sample came at `born`."""
        now = self._loop.time()
        self._engine.stages.observe("age", now - born)
        self.left.frame(born, now)

    def played_early(self, seconds: float) -> None:
        """Take what the page measured. Browsers let voice and picture drift by some 30 ms before
        they act; the voice leaves later by the mean of it. Raises BadRequest."""
        if not -10.0 <= seconds <= 10.0:
            raise BadRequest(f"the skew is {seconds * 1000} ms, expected -10000 to 10000")
        near = max(-MOST_EARLY, min(MOST_EARLY, seconds))
        self.early += EARLY_SHARE * (near - self.early)


class Audience:
    """All who watch one face: a frame sink that gives each the same frames and the same voice.

    retouch: applied to every frame first, once for all.
    """

    def __init__(self, retouch: Retouch | None = None) -> None:
        self._retouch = retouch
        self._outlets: list[Outlet] = []
        self._frames = self._skipped = 0  # of those who have gone
        self.frozen = False
        """The last picture stays."""
        self.joined = 0
        """How many ever came."""

    def __len__(self) -> int:
        return len(self._outlets)

    @property
    def first(self) -> Outlet | None:
        """Of those that are here, the one that has been here longest."""
        return self._outlets[0] if self._outlets else None

    @property
    def frames(self) -> int:
        """That left, to each and all."""
        return self._frames + sum(outlet.left.frames for outlet in self._outlets)

    @property
    def skipped(self) -> int:
        """Frames that never left because a newer one came first."""
        return self._skipped + sum(outlet.face.skipped for outlet in self._outlets)

    def join(self, outlet: Outlet) -> None:
        self.joined += 1
        self._outlets.append(outlet)

    def leave(self, outlet: Outlet) -> None:
        """Does nothing for one that is not here."""
        if outlet in self._outlets:
            self._outlets.remove(outlet)
            self._frames += outlet.left.frames
            self._skipped += outlet.face.skipped

    def send(self, frame: Frame) -> None:
        if self.frozen or not self._outlets:
            return
        frame = self._retouch(frame) if self._retouch else frame
        for outlet in self._outlets:
            outlet.face.send(frame)

    def put_voice(self, packet: RtpPacket, clock_rate: int, born: float) -> None:
        """As `Outlet.put_voice`."""
        for outlet in self._outlets:
            outlet.put_voice(packet, clock_rate, born)

    def close(self) -> None:
        for outlet in self._outlets:
            outlet.close()
