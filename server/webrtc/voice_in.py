"""A peer's voice on its way in: packets as they arrive, then ticks; silence when none come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.audio.resampler import AudioResampler

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.stream.latest import Latest
from latentcam.stream.messages import AudioChunk
from latentcam.stream.ticks import LONGEST_FILLED_GAP, TickCutter
from latentcam.stream.timeline import Timeline

SILENT_AFTER = 0.3  # seconds without a packet after which the face lives on by the clock
assert SILENT_AFTER > LONGEST_FILLED_GAP / SAMPLE_RATE, "so that a late packet is no restart"


VoicePackets = Latest[tuple[av.AudioFrame, float]]
"""Decoded packets with the loop's time of their arrival."""


async def drain(track: MediaStreamTrack, on_packet: Callable[[av.AudioFrame, float], None]) -> None:
    """Read a track until it ends; on_packet gets every packet with its time of arrival.

    Somebody must always read: aiortc's own queue has no bound.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            packet = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(packet, av.AudioFrame)
        on_packet(packet, loop.time())


class VoiceIn:
    """An audio source made of packets.

    Before the first packet, and whenever none came for a while, it gives ticks of silence by the
    clock, so that the face lives.
    """

    def __init__(self, packets: VoicePackets, timeline: Timeline) -> None:
        self._packets, self._timeline = packets, timeline
        self._cutter = TickCutter(timeline)
        self._resampler = AudioResampler("flt", "mono", SAMPLE_RATE)
        self._expected: int | None = None  # pts of the next packet
        self._position = 0  # at 16 kHz, of the next packet
        self._silent = True  # since the newest packet, silence was given
        self.muted = False
        """Silence takes its place."""
        self.offset = 0.0
        """Seconds of the timeline at which pts 0 of the voice lies."""

    async def chunks(self) -> AsyncIterator[AudioChunk]:
        """The voice tick by tick; ends when the packets do."""
        loop = asyncio.get_running_loop()
        tick = 1.0 / self._timeline.fps
        heard = loop.time()  # when the newest packet came
        due = heard  # when the face must move again, if nothing comes
        while True:
            try:
                async with asyncio.timeout_at(due):
                    packet, born = await anext(self._packets)
            except StopAsyncIteration:
                return
            except TimeoutError:
                for chunk in self._silence(due - heard, due):
                    yield chunk
                due = max(due + tick, loop.time())
                continue
            heard, due = born, born + SILENT_AFTER
            for chunk in self._voice(packet, born):
                yield chunk

    def _silence(self, since: float, now: float) -> list[AudioChunk]:
        """One tick of silence, `since` seconds after the newest packet."""
        first = self._timeline.first_sample
        fps = self._timeline.fps
        tick = self._position * fps // SAMPLE_RATE + int(since * fps + 1e-6)
        begin = max(first(tick), self._cutter.end)
        self._silent = True
        silence = np.zeros(max(0, first(tick + 1) - begin), np.float32)
        return self._cutter.push(silence, begin, now)

    def _voice(self, packet: av.AudioFrame, born: float) -> list[AudioChunk]:
        assert packet.pts is not None
        pts, rate = packet.pts, packet.sample_rate
        samples = self._resample(packet)
        if self.muted:
            samples = np.zeros_like(samples)
        if self._expected is not None:
            self._position += max(0, pts - self._expected) * SAMPLE_RATE // rate
        if self._silent:  # the voice goes on after the silence, whatever its pts say
            self._position = max(self._position, self._cutter.end)
            self._silent = False
        if self._expected is None:
            # The resampler holds a few samples back. Counting them as heard keeps ticks that end
            # with a packet from waiting for the next one, 20 ms later.
            self._position += packet.samples * SAMPLE_RATE // rate - len(samples)
        self.offset = self._position / SAMPLE_RATE - pts / rate
        chunks = self._cutter.push(samples, self._position, born)
        self._position += len(samples)
        self._expected = pts + packet.samples
        return chunks

    def _resample(self, packet: av.AudioFrame) -> Samples:
        packet.pts = None  # the resampler must not guess gaps
        blocks = [block.to_ndarray()[0] for block in self._resampler.resample(packet)]
        return np.concatenate(blocks, dtype=np.float32) if blocks else np.zeros(0, np.float32)
