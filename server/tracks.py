"""aiortc's tracks on one side, our audio chunks and frames on the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCRtpReceiver
from aiortc.mediastreams import AUDIO_PTIME, MediaStreamError

from stream.latest import Latest
from stream.messages import AudioChunk, Frame
from stream.ticks import TickCutter
from stream.timeline import SAMPLE_RATE, Timeline

HELD_PACKETS = 100  # 2 s: more delay than any sane session has
DELAY_STEP = 0.001  # seconds that the voice's delay may move per packet, too little to hear


def set_audio_prefetch(receiver: RTCRtpReceiver, packets: int) -> None:
    """Let received audio wait for `packets` later ones instead of aiortc's fixed four (80 ms).

    aiortc has no public setting for it; a test fails when these private names change.
    """
    vars(receiver)["_RTCRtpReceiver__jitter_buffer"]._prefetch = packets


async def voice_chunks(
    track: MediaStreamTrack,
    timeline: Timeline,
    on_packet: Callable[[av.AudioFrame, float], None],
) -> AsyncIterator[AudioChunk]:
    """The peer's voice, tick by tick; ends when the track does.

    on_packet gets every packet as it came, with its time of arrival.
    """
    loop = asyncio.get_running_loop()
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
    cutter = TickCutter(timeline)
    expected: int | None = None  # pts of the next packet
    position = 0  # at 16 kHz
    while True:
        try:
            packet = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(packet, av.AudioFrame) and packet.pts is not None
        born = loop.time()
        on_packet(packet, born)
        lost = 0 if expected is None else max(0, packet.pts - expected)
        position += lost * SAMPLE_RATE // packet.sample_rate
        sound = av.AudioFrame.from_ndarray(
            packet.to_ndarray(), format=packet.format.name, layout=packet.layout.name
        )
        sound.sample_rate = packet.sample_rate  # without pts: the resampler must not guess gaps
        for block in resampler.resample(sound):
            samples = np.ascontiguousarray(block.to_ndarray()[0], dtype=np.float32)
            if expected is None and position == 0:
                # The resampler holds a few samples back. Counting them as heard keeps ticks that
                # end with a packet from waiting for the next one, 20 ms later.
                position = packet.samples * SAMPLE_RATE // packet.sample_rate - len(samples)
            for chunk in cutter.push(samples, position, born):
                yield chunk
            position += len(samples)
        expected = packet.pts + packet.samples


class FaceTrack(MediaStreamTrack):
    """A frame sink that is a video track: the newest frame goes out as soon as it is asked for."""

    kind = "video"

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline
        self._frames: Latest[Frame] = Latest()

    def send(self, frame: Frame) -> None:
        self._frames.put(frame)

    def close(self) -> None:
        self._frames.close()

    async def recv(self) -> av.VideoFrame:
        try:
            frame = await anext(self._frames)
        except StopAsyncIteration:
            raise MediaStreamError from None
        picture = av.VideoFrame.from_ndarray(frame.rgb, format="rgb24")
        picture.pts = self._timeline.pts(frame.tick)
        picture.time_base = self._timeline.time_base
        return picture


class VoiceTrack(MediaStreamTrack):
    """The peer's own voice, sent back when the frames that it moved are sent.

    aiortc's sender reports tie RTP time to the moment of sending, so sound and picture that leave
    together are shown together. delay: seconds that a packet is to wait after its arrival; asked
    again for every packet, followed in small steps.
    """

    kind = "audio"

    def __init__(self, delay: Callable[[], float]) -> None:
        super().__init__()
        self._wanted = delay
        self._packets: deque[tuple[av.AudioFrame, float]] = deque(maxlen=HELD_PACKETS)
        self._arrived = asyncio.Event()
        self._closed = False
        self.delay = 0.0

    def put(self, packet: av.AudioFrame, born: float) -> None:
        self._packets.append((packet, born))
        self._arrived.set()

    def close(self) -> None:
        """No packet follows; those that wait are not sent any more."""
        self._closed = True
        self._arrived.set()

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        while not self._packets and not self._closed:
            self._arrived.clear()
            await self._arrived.wait()
        if self._closed:
            raise MediaStreamError
        packet, born = self._packets.popleft()
        change = self._wanted() - self.delay
        self.delay += change if self.delay == 0.0 else max(-DELAY_STEP, min(DELAY_STEP, change))
        await asyncio.sleep(born + self.delay - loop.time())
        return packet


def voice_delay(age: float, look_ahead: float, timeline: Timeline) -> float:
    """Seconds that a voice packet must wait after its arrival so that it leaves with its frame.

    age: from the arrival of a tick's last sample to its frame leaving. A frame shows the mouth
    `look_ahead` before that sample and is seen for one tick, so that moment belongs to the middle
    of the tick on screen; the packet's first sample is AUDIO_PTIME older than its arrival.
    """
    return max(0.0, age + look_ahead + 0.5 / timeline.fps - AUDIO_PTIME)
