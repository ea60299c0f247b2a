"""A voice from packets: all of it, in order, and a face that lives when none come."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable

import av
import numpy as np
import psutil
import pytest

from latentcam.server.webrtc.voice_in import LATE, LATE_SPEAKING, VoiceIn, VoicePackets
from latentcam.stream.timeline import Timeline
from tests.aio import run, run_virtual

LOUD = 8000  # of 32767
TICK = 0.04


def packet(
    number: int, level: int = 0, samples: int = 960, rate: int = 48000, layout: str = "stereo"
) -> av.AudioFrame:
    channels = 2 if layout == "stereo" else 1
    made = av.AudioFrame.from_ndarray(
        np.full((1, samples * channels), level, np.int16), format="s16", layout=layout
    )
    made.sample_rate, made.pts = rate, samples * number
    return made


class Listener:
    """Collects the ticks of a voice: (tick, number of the newest packet, time)."""

    def __init__(self) -> None:
        self.packets, self.newest = VoicePackets(25), -1
        self.voice = VoiceIn(self.packets, Timeline(25))
        self.heard: list[tuple[int, int, float]] = []
        self.sound: list[np.ndarray] = []

    @property
    def ticks(self) -> list[int]:
        return [tick for tick, _, _ in self.heard]

    @property
    def loud(self) -> float:
        """Seconds of sound that were heard."""
        return float(np.sum(np.concatenate(self.sound) > 0.1)) / 16000

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        async for chunk in self.voice.chunks():
            self.heard.append((chunk.tick, self.newest, loop.time()))
            self.sound.append(chunk.samples)

    async def hear(self, packets: Iterable[tuple[float, av.AudioFrame]]) -> None:
        """Packets at their times; until what they hold is heard."""
        loop = asyncio.get_running_loop()
        reader = asyncio.create_task(self.listen())
        for number, (at, sound) in enumerate(packets):
            await asyncio.sleep(at - loop.time())
            self.newest = number
            self.packets.put((sound, loop.time()))
        await asyncio.sleep(0)
        self.packets.close()
        await reader


def listened(packets: Iterable[tuple[float, av.AudioFrame]]) -> Listener:
    async def scene() -> Listener:
        listener = Listener()
        await listener.hear(packets)
        return listener

    return run_virtual(scene())


def steady(
    numbers: range, level: int = LOUD, late: float = 0.0
) -> list[tuple[float, av.AudioFrame]]:
    """Packets of 20 ms, each at its end; `late` seconds after it."""
    return [(0.02 * (n + 1) + late, packet(n, level)) for n in numbers]


def test_a_tick_is_complete_with_its_last_packet() -> None:
    """The resampler holds samples back; ticks used to wait one packet for them."""

    async def scene() -> None:
        packets = VoicePackets(25)
        at, put = [], 0

        async def ticks() -> None:
            async for chunk in VoiceIn(packets, Timeline(25)).chunks():
                assert len(chunk.samples) == 640
                at.append((chunk.tick, put))

        loop = asyncio.get_running_loop()
        packets.put((packet(0, LOUD), loop.time()))
        reader = asyncio.create_task(ticks())
        for number in (*range(1, 6), *range(7, 10)):  # the seventh packet is lost
            await asyncio.sleep(0.001)
            put = number
            packets.put((packet(number, LOUD), loop.time()))
        await asyncio.sleep(0.01)
        packets.close()
        await reader
        # Two packets a tick; what was lost becomes silence.
        assert at == [(0, 1), (1, 3), (2, 5), (3, 7), (4, 9)]

    run(scene())


def test_the_face_lives_before_the_first_word_and_ticks_still_end_with_a_packet() -> None:
    """Silence by the clock until the voice comes; then every second packet completes a tick."""
    listener = listened([(0.09 + at, sound) for at, sound in steady(range(8))])
    assert listener.heard[:3] == [(0, -1, 0.0), (1, -1, 0.04), (2, -1, 0.08)]
    assert [(tick, newest) for tick, newest, _ in listener.heard[3:]] == [
        (3, 1), (4, 3), (5, 5), (6, 7),
    ]  # fmt: skip
    assert listener.voice.offset == pytest.approx(3 / 25, abs=0.002)


@pytest.mark.parametrize("went_on", [False, True])
@pytest.mark.parametrize("level", [0, LOUD])
def test_a_microphone_that_falls_silent_and_comes_back(went_on: bool, level: int) -> None:
    """The ticks go on by the clock; back with any pts, every packet is heard."""
    before = steady(range(6), level)
    after = steady(range(55, 61), level)
    if not went_on:
        after = [(at, packet(n, level)) for n, (at, _) in enumerate(after, start=6)]
    listener = listened(before + after)
    assert listener.ticks == list(range(len(listener.ticks))), "no leap: a pause is no restart"
    silent = [(tick, at) for tick, newest, at in listener.heard if newest == 5][1:]
    assert silent[0][1] == pytest.approx(0.12 + LATE)
    steps = np.diff(sorted({round(at, 6) for _, at in silent}))
    assert steps == pytest.approx(TICK), "by the clock"
    assert all(abs(tick / 25 - at) <= LATE for tick, at in silent)
    assert listener.loud == pytest.approx(0.24 if level else 0.0, abs=0.021), "but half a tick"


def test_a_pause_without_packets_is_as_smooth_as_speech() -> None:
    """Senders with DTX send nothing in a pause but a packet every 0.4 s. The face stood still for
    0.3 s at a time: 7 to 9 frames a second."""
    speech = steady(range(50)) + steady(range(50, 60), level=20)
    lone = [(0.02 * (n + 1), packet(n, 20)) for n in range(80, 280, 20)]
    back = steady(range(280, 330))
    listener = listened(speech + lone + back)
    times = np.array([at for _, _, at in listener.heard])
    pause = times[(times > 1.62) & (times < 5.6)]  # from the second packet on
    assert len(pause) / 3.98 > 24 and np.diff(pause).max() < 0.07
    assert listener.ticks == list(range(len(listener.ticks)))
    assert listener.loud == pytest.approx(2.0, abs=0.02), "all that was said is heard"
    assert listener.ticks[-1] == pytest.approx(330 / 2, abs=2), "and no time was made up"


def test_pauses_in_a_noisy_room_are_smooth_too() -> None:
    """The room is nearly as loud as the voice: that a packet is quiet does not tell."""
    speech = steady(range(50)) + steady(range(50, 60), level=LOUD // 2)
    lone = [(0.02 * (n + 1), packet(n, LOUD // 2)) for n in range(80, 280, 20)]
    listener = listened(speech + lone)
    times = np.array([at for _, _, at in listener.heard])
    pause = times[(times > 1.62) & (times < 5.2)]
    assert len(pause) / 3.58 > 24
    assert np.diff(pause).max() < LATE_SPEAKING + 0.01 and np.median(np.diff(pause)) < 0.05


@pytest.mark.parametrize("late", [0.03, 0.08, 0.25])
def test_jitter_costs_no_sample_and_is_no_restart(late: float) -> None:
    """Ten packets amid speech come late, and then at once."""
    held = [(0.02 * 60 + late, sound) for _, sound in steady(range(50, 60))]
    listener = listened(steady(range(50)) + held + steady(range(60, 100), late=late))
    assert listener.ticks == list(range(len(listener.ticks)))
    assert listener.loud == pytest.approx(2.0, abs=0.01)
    if late + 0.2 < LATE:
        assert len(listener.ticks) == 51, "but the first, nothing was put in"


def test_silence_for_packets_that_were_only_late_is_taken_back_in_the_next_pause() -> None:
    """Or the picture's time would run away from the clock, a little with every jam."""
    packets = steady(range(10))
    for start in range(10, 210, 40):
        packets += [(0.02 * (start + 10), s) for _, s in steady(range(start, start + 10))]  # a jam
        packets += steady(range(start + 10, start + 20))
        packets += steady(range(start + 39, start + 40), level=20)  # after a pause
    listener = listened(packets)
    assert listener.loud == pytest.approx(0.2 + 5 * 0.4, abs=0.02)
    assert abs(listener.ticks[-1] - 210 / 2) <= 3


def test_the_format_may_change_amid_the_voice() -> None:
    """A sender that changes its codec from Opus to G.711 ended the session."""
    opus = steady(range(20))
    pcmu = [
        (0.02 * (n + 21), packet(9000 + n, LOUD, samples=160, rate=8000, layout="mono"))
        for n in range(20)
    ]
    back = [(0.02 * (n + 41), packet(n, LOUD)) for n in range(7, 27)]
    listener = listened(opus + pcmu + back)
    assert listener.ticks == list(range(len(listener.ticks)))
    assert listener.loud == pytest.approx(1.2, abs=0.03)


def test_a_source_that_counts_from_elsewhere_is_no_leap_in_time() -> None:
    """Its first packet was heard a day later, and the picture's time leapt with it."""
    new = [(0.02 * (n + 21), packet(4_000_000 + n, LOUD)) for n in range(20)]
    old = [(0.02 * (n + 41), packet(n, LOUD)) for n in range(20)]
    listener = listened(steady(range(20)) + new + old)
    assert listener.ticks == list(range(31))
    assert listener.loud == pytest.approx(1.2, abs=0.01)


@pytest.mark.parametrize("apart", [5760, 14_880])
def test_sound_that_is_sent_faster_than_real_time_is_not_heard_so(apart: int) -> None:
    """200 packets of 120 ms a second were rendered as fast as they came, 192 frames a second. Nor
    is time that only passes between them."""
    packets = []
    for number in range(1000):
        sound = packet(0, LOUD, samples=5760)
        sound.pts = number * apart
        packets.append((0.005 * (number + 1), sound))
    listener = listened(packets)
    assert len(listener.ticks) <= 25 * (5.0 * 1.01 + 1.0) + 2
    assert listener.voice.rushed > 900


def test_only_the_newest_packets_wait() -> None:
    async def scene() -> None:
        packets = VoicePackets(3)
        for number in range(5):
            packets.put((packet(number), 0.0))
        assert packets.skipped == 2
        assert (await anext(packets))[0].pts == 1920
        packets.close()
        packets.close()
        assert [waiting.pts async for waiting, _ in packets] == [2880, 3840]

    run(scene())


def test_threads_end_with_the_call() -> None:
    """FFmpeg keeps as many as there are cores for another rate, and they waited until somebody
    looked for garbage: a server had 34 more after sixteen calls on two cores."""

    async def scene() -> tuple[int, int, int]:
        gc.collect()
        before = psutil.Process().num_threads()
        listener = Listener()
        listening = asyncio.create_task(listener.listen())
        loop = asyncio.get_running_loop()
        for number in range(4):
            listener.packets.put((packet(number), loop.time()))
        while len(listener.heard) < 3:
            await asyncio.sleep(0.01)
        during = psutil.Process().num_threads()
        listener.packets.close()
        await listening
        listener.voice.close()
        return before, during, psutil.Process().num_threads()

    before, during, after = run(scene())
    assert after == before <= during
