"""A peer's voice on its way in: packets as they arrive, then ticks; silence when none come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.stream.latest import Latest
from latentcam.stream.messages import AudioChunk
from latentcam.stream.resample import Resampler, mono
from latentcam.stream.ticks import TickCutter
from latentcam.stream.timeline import Timeline

LATE = 0.3  # seconds without a packet after which silence takes over: most jams are shorter
LATE_SPEAKING = 0.12  # the same amid speech, once the sender has shown that it stops in pauses
LATE_QUIET = 2  # lengths of a packet, the same in a pause
SHOWN = SAMPLE_RATE // 10  # samples that passed between two packets: not lost, but never sent
QUIET_SHARE, QUIET = 0.1, 1e-3  # of the loudest lately, or rms: no speech that silence would break
FORGET = 0.999  # share of that loudest which is left a packet later: half in 14 s
MOST_AHEAD = SAMPLE_RATE // 5  # silence that a later pause takes back; more is a new beginning
LEAD = 1.0  # seconds of sound that may come before their time
HASTE = 1.01  # of real time: the fastest that sound is heard for long; no clock is off by more

VoicePackets = Latest[tuple[av.AudioFrame, float]]
"""Decoded packets with the loop's time of their arrival."""


async def drain(track: MediaStreamTrack, on_packet: Callable[[av.AudioFrame, float], None]) -> None:
    """Read a track until it ends; on_packet gets every packet with its time of arrival.

    It must always be read: aiortc's own queue has no bound.
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
    """An audio source made of packets: every sample of them, in order, as they come.

    Before the first packet, and whenever one is late, it gives ticks of silence by the clock, so
    that the face stays alive: senders stop in pauses (DTX). A pause is not a restart, and a packet
    that was merely late is heard after the silence, which the next pause makes up for. Sound that
    comes faster than it can have been spoken is dropped.
    """

    def __init__(self, packets: VoicePackets, timeline: Timeline) -> None:
        self._packets, self._timeline = packets, timeline
        self._cutter = TickCutter(timeline)
        self._resampler = Resampler(SAMPLE_RATE)
        self._rate = 0  # Hz of the newest packet; 0 before any
        self._expected = 0  # pts of the next packet
        self._position = 0  # at 16 kHz, of the next packet
        self._ahead = 0  # samples of silence that were given before sound that was only late
        self._stops = False  # the sender sends nothing in pauses (DTX)
        self._pause = True  # the newest packet followed silence, or is as quiet
        self._loudest = 0.0  # rms, lately
        self._credit = LEAD  # seconds of sound that may be heard at once
        self.muted = False
        """Silence takes its place."""
        self.rushed = 0
        """Packets that came faster than they can have been spoken."""
        self.offset = 0.0
        """Seconds of the timeline at which pts 0 of the voice lies."""

    async def chunks(self) -> AsyncIterator[AudioChunk]:
        """The voice tick by tick; ends when the packets do."""
        loop = asyncio.get_running_loop()
        tick = 1.0 / self._timeline.fps
        due = loop.time()  # when the face must move again, if nothing comes
        heard = due - tick  # when the newest packet came
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
            self._credit = min(LEAD, self._credit + HASTE * (born - heard))
            heard = born
            for chunk in self._voice(packet, born):
                yield chunk
            due = born + self._patience(packet.samples / packet.sample_rate)

    def close(self) -> None:
        """Nothing more is heard. FFmpeg keeps threads, as many as there are cores, for what makes
        another rate: they end now, and not only when this is found to be garbage."""
        self._resampler.flush()

    def _silence(self, since: float, now: float) -> list[AudioChunk]:
        """The ticks that the clock has completed `since` seconds after the newest packet."""
        first, fps = self._timeline.first_sample, self._timeline.fps
        reached = self._position - self._ahead + round(since * SAMPLE_RATE)
        tick = reached * fps // SAMPLE_RATE - 1
        begin, end = self._cutter.end, first(tick + 1)
        if end - begin > LEAD * SAMPLE_RATE:  # the loop stood still: time leaps
            begin = first(tick)
        self._pause = True
        return self._cutter.push(np.zeros(max(0, end - begin), np.float32), begin, now)

    def _patience(self, length: float) -> float:
        """Seconds to wait after a packet of `length` seconds. Silence that proves wrong shifts the
        picture against the voice for a while, so it comes soon only where it is probably right."""
        if not self._stops:
            return LATE
        return LATE_QUIET * length if self._pause else LATE_SPEAKING

    def _voice(self, packet: av.AudioFrame, born: float) -> list[AudioChunk]:
        assert packet.pts is not None
        pts, rate = packet.pts, packet.sample_rate
        begins = rate != self._rate
        gap = 0 if begins else (pts - self._expected) * SAMPLE_RATE // rate
        self._rate, self._expected = rate, pts + packet.samples
        self._credit -= packet.samples / rate
        if self._credit < 0.0:
            self._credit += packet.samples / rate
            self.rushed += 1
            return []
        if not 0 <= gap <= self._credit * SAMPLE_RATE:
            gap = 0  # more than can have passed: a sender that counts anew
        self._credit -= gap / SAMPLE_RATE
        self._stops |= gap >= SHOWN
        held = self._resampler.held
        samples = self._resampler.push(self._sound(packet, gap), rate)
        taken_back = min(gap, self._ahead)
        self._ahead -= taken_back
        self._position += gap - taken_back
        if (given := self._cutter.end - self._position) > 0:
            self._ahead += given
            if begins or self._ahead > MOST_AHEAD:
                self._ahead = 0
            self._position = self._cutter.end
        if begins:
            # The resampler holds a few samples back. Counting them as heard keeps ticks that end
            # with a packet from waiting for the next one, 20 ms later.
            self._position += max(0, self._resampler.held - held)
        self.offset = self._position / SAMPLE_RATE - pts / rate
        chunks = self._cutter.push(samples, self._position, born)
        self._position += len(samples)
        return chunks

    def _sound(self, packet: av.AudioFrame, gap: int) -> Samples:
        sound = mono(packet)
        loudness = float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0
        self._loudest = max(loudness, FORGET * self._loudest)
        # A lone packet in a pause, which senders repeat, is still the pause.
        self._pause = gap > 0 or loudness < max(QUIET, QUIET_SHARE * self._loudest)
        return np.zeros_like(sound) if self.muted else sound
