"""aiortc's tracks: the face and the returned voice on their way out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import AUDIO_PTIME, MediaStreamError
from aiortc.rtp import RtpPacket

from latentcam.stream.latest import Latest
from latentcam.stream.messages import Frame
from latentcam.stream.timeline import Timeline

HELD_PACKETS = 100  # 2 s: more delay than any sane session has
LONGEST_PACKET = 0.06  # seconds of sound in a packet of Opus, RFC 6716, section 2.1.4
LONGEST_RUSH = 1.0  # seconds by which the time in packets may be ahead of the clock
TIMESTAMPS = 1 << 32  # RTP's, after which they begin anew
DELAY_STEP = 0.001  # seconds that the voice's delay may move per packet, too little to hear

Retouch = Callable[[Frame], Frame]
"""Must return at once, with a frame of the same size."""


class FaceTrack(MediaStreamTrack):
    """A frame sink that is a video track: the newest frame goes out as soon as it is asked for."""

    kind = "video"

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline
        self._frames: Latest[Frame] = Latest()
        self.born = 0.0
        """When the last sample behind the newest requested frame arrived."""

    @property
    def skipped(self) -> int:
        """Frames that never left because a newer one came first."""
        return self._frames.skipped

    def send(self, frame: Frame) -> None:
        self._frames.put(frame)

    def close(self) -> None:
        self._frames.close()

    async def recv(self) -> av.VideoFrame:
        try:
            frame = await anext(self._frames)
        except StopAsyncIteration:
            raise MediaStreamError from None
        self.born = frame.born
        form = "rgba" if frame.picture.shape[2] == 4 else "rgb24"
        picture = av.VideoFrame.from_numpy_buffer(frame.picture, form)
        picture.pts = self._timeline.pts(frame.tick)
        picture.time_base = self._timeline.time_base
        return picture


class VoiceTrack(MediaStreamTrack):
    """The peer's own voice, sent back as it came, still encoded, when the frames that it moved are
    sent: encoding it again would cost quality and time.

    aiortc's sender reports tie RTP time to the moment of sending, so sound and picture that leave
    together are shown together. delay: seconds that a packet is to wait after its arrival; asked
    again for every packet, followed in small steps.
    """

    kind = "audio"

    def __init__(self, delay: Callable[[], float]) -> None:
        super().__init__()
        self._wanted = delay
        self._packets: Latest[tuple[av.Packet[Any], float]] = Latest(HELD_PACKETS)
        self._closed = False
        self._timestamp: int | None = None  # of the newest packet
        self._sent = 0  # its timestamp when it goes back
        self._arrived = 0.0  # when it came
        self.delay = 0.0
        self.ptime = AUDIO_PTIME
        """Seconds of sound in a packet."""

    def put(self, packet: RtpPacket, clock_rate: int, born: float) -> None:
        """clock_rate: Hz, of the packet's timestamp."""
        if self._timestamp is not None:
            apart = (packet.timestamp - self._timestamp) % TIMESTAMPS
            if 0 < apart <= LONGEST_PACKET * clock_rate:  # else a pause
                self.ptime = apart / clock_rate
            if apart > (born - self._arrived + LONGEST_RUSH) * clock_rate:
                apart = round(self.ptime * clock_rate)  # another source, that counts anew
            self._sent = (self._sent + apart) % TIMESTAMPS
        self._timestamp, self._arrived = packet.timestamp, born
        encoded = av.Packet(packet.payload)
        encoded.pts, encoded.time_base = self._sent, Fraction(1, clock_rate)
        self._packets.put((encoded, born))

    def close(self) -> None:
        """No more packets follow; those waiting are not sent."""
        self._closed = True
        self._packets.close()

    async def recv(self) -> av.Packet[Any]:
        try:
            packet, born = await anext(self._packets)
        except StopAsyncIteration:
            raise MediaStreamError from None
        if self._closed:
            raise MediaStreamError
        change = self._wanted() - self.delay
        self.delay += change if self.delay == 0.0 else max(-DELAY_STEP, min(DELAY_STEP, change))
        await asyncio.sleep(born + self.delay - asyncio.get_running_loop().time())
        return packet


def voice_delay(age: float, look_ahead: float, timeline: Timeline, ptime: float) -> float:
    """Seconds that a voice packet of `ptime` seconds must wait after its arrival to leave with its
    frame; its first sample is ptime older than its arrival."""
    return max(0.0, timeline.lips_after(age, look_ahead) - ptime)
