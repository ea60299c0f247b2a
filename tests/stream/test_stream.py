"""Timeline, ticks, the slot of one, the voice gate, life and the performance."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from latentcam.realtime_models.arrays import SAMPLE_RATE
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.generator.basis import Basis
from latentcam.realtime_models.motion.gate import VoiceGate
from latentcam.realtime_models.motion.life import life
from latentcam.realtime_models.motion.model import MotionModel
from latentcam.realtime_models.motion.performance import Performance, Settings
from latentcam.stream.latest import Latest
from latentcam.stream.messages import AudioChunk
from latentcam.stream.meter import BOUNDS, Histogram, Meter, percentile
from latentcam.stream.ticks import TickCutter
from latentcam.stream.timeline import Timeline
from tests.aio import run
from tests.voice import speech


def test_ticks_cover_every_sample_at_any_rate() -> None:
    for fps in (24, 25, 30, 60):
        timeline = Timeline(fps)
        assert timeline.first_sample(fps) == SAMPLE_RATE
        assert timeline.pts(fps) == 90_000
    with pytest.raises(ValueError, match="fps is 0, expected 1 to 60"):
        Timeline(0)


@pytest.mark.parametrize("fps", [25, 30])
def test_any_cutting_gives_the_same_chunks(fps: int) -> None:
    timeline, rng = Timeline(fps), np.random.default_rng(0)
    sound = rng.standard_normal(SAMPLE_RATE).astype(np.float32)
    cutter, chunks, position = TickCutter(timeline), [], 0
    while position < len(sound):
        part = sound[position : position + int(rng.integers(1, 700))]
        chunks += cutter.push(part, position, float(position))
        position += len(part)
    assert [chunk.tick for chunk in chunks] == list(range(fps))
    np.testing.assert_array_equal(np.concatenate([c.samples for c in chunks]), sound)
    for chunk in chunks:  # born when its last sample arrived
        assert chunk.born < timeline.first_sample(chunk.tick + 1)


def cut(parts: list[tuple[int, int]]) -> list[AudioChunk]:
    """Chunks of ones at 25 fps (640 samples a tick) from (position, length) parts."""
    cutter = TickCutter(Timeline(25))
    return [c for p, n in parts for c in cutter.push(np.ones(n, np.float32), p, 0.0)]


def test_a_short_gap_becomes_silence() -> None:
    chunks = cut([(0, 640), (960, 960)])
    assert [chunk.tick for chunk in chunks] == [0, 1, 2]
    assert chunks[1].samples.sum() == 320 and not chunks[1].samples[:320].any()


def test_after_a_long_gap_the_tick_jumps() -> None:
    chunks = cut([(0, 700), (64_100, 2000)])
    assert [chunk.tick for chunk in chunks] == [0, 101, 102]
    assert all(chunk.samples.all() and len(chunk.samples) == 640 for chunk in chunks)


def test_repeated_samples_are_heard_once() -> None:
    assert [chunk.tick for chunk in cut([(0, 640), (0, 640), (320, 640)])] == [0]


def test_many_ticks_at_once_are_cut_from_one_copy() -> None:
    """Every tick once copied all that followed it: a minute at once took seconds."""
    chunks = cut([(0, 100), (100, 60 * SAMPLE_RATE)])
    assert len(chunks) == 60 * 25
    assert len({id(chunk.samples.base) for chunk in chunks}) == 1


def test_the_newest_value_wins_and_the_rest_are_counted() -> None:
    async def scene() -> None:
        slot: Latest[int] = Latest()
        for value in range(5):
            slot.put(value)
        assert await anext(slot) == 4 and slot.skipped == 4
        waiting = asyncio.ensure_future(slot.__anext__())
        await asyncio.sleep(0)
        slot.put(5)
        assert await waiting == 5
        slot.put(6)
        slot.close()
        assert [value async for value in slot] == [6]
        assert [value async for value in slot] == []

    run(scene())


def test_a_cancelled_wait_loses_nothing() -> None:
    async def scene() -> None:
        slot: Latest[int] = Latest()
        waiting = asyncio.ensure_future(slot.__anext__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        slot.put(1)
        assert await anext(slot) == 1

    run(scene())


def gate_over(sound: np.ndarray) -> np.ndarray:
    gate = VoiceGate()
    return np.array([gate.step(tick) for tick in sound.reshape(-1, 640)])


def test_the_gate_opens_with_the_voice_and_closes_after_it() -> None:
    silence, voice = np.zeros(SAMPLE_RATE, np.float32), speech(2.0)
    opened = gate_over(np.concatenate([silence, voice, silence]))
    assert not opened[:25].any()
    assert opened[26:75].min() == 1.0, "the mouth may move from the second tick of the voice on"
    assert not opened[-8:].any() and opened[76] == 1.0, "plosives do not close it"


def test_steady_noise_keeps_the_gate_shut() -> None:
    noise = np.random.default_rng(0).standard_normal(10 * SAMPLE_RATE).astype(np.float32) * 0.01
    assert gate_over(noise)[100:].mean() < 0.05


def test_life_is_a_function_of_time_and_seed() -> None:
    assert life(12.34, 5) == life(12.34, 5) != life(12.34, 6)
    blink = np.array([life(t / 50, 1)["eyeBlink"] for t in range(50 * 120)])
    closings = ((blink[1:] > 0.5) & (blink[:-1] <= 0.5)).sum()
    assert 25 <= closings <= 45, "15 blinks a minute and some doubles"
    assert blink.max() > 0.9 and np.mean(blink == 0) > 0.8
    yaw = np.array([life(t / 25, 1)["headYaw"] for t in range(25 * 120)])
    assert 1.0 < np.abs(yaw).max() < 4.0 and np.abs(np.diff(yaw)).max() < 0.2


def course(axis: str, seconds: int, seed: int = 1, strength: float = 1.0) -> np.ndarray:
    return np.array([life(t / 50, seed, strength)[axis] for t in range(50 * seconds)])


def beginnings(lids: np.ndarray) -> np.ndarray:
    """Seconds at which blinks begin."""
    return np.flatnonzero((lids[1:] > 0.5) & (lids[:-1] <= 0.5)) / 50


def test_a_calmer_face_blinks_less_often_but_never_half() -> None:
    calm, lively = course("eyeBlink", 240, strength=0.4), course("eyeBlink", 240)
    assert 0.2 < len(beginnings(calm)) / len(beginnings(lively)) < 0.6
    assert calm.max() == lively.max() > 0.9
    np.testing.assert_allclose(
        course("headRoll", 20, strength=0.4), 0.4 * course("headRoll", 20), atol=1e-9
    )


def test_some_blinks_are_double() -> None:
    apart = np.diff(np.concatenate([beginnings(course("eyeBlink", 300, seed)) for seed in (1, 2)]))
    assert 0.04 < np.mean(abs(apart - 0.35) < 0.05) < 0.25


def test_eyes_settle_and_jump_and_the_head_breathes() -> None:
    gaze = course("gazeYaw", 120) + 0.6 * course("headYaw", 120)
    still = abs(np.diff(gaze)) < 1e-9
    assert np.mean(still) > 0.9 and 20 < np.count_nonzero(np.diff(still.astype(int)) == -1) < 60
    assert 2.0 < abs(gaze).max() <= 3.0
    power = abs(np.fft.rfft(course("headPitch", 200) * np.hanning(200 * 50)))
    breath = power[round(200 * 0.2) : round(200 * 0.29)]  # 12 to 17 a minute
    assert breath.max() > 10 * np.median(power[round(200 * 0.6) : round(200 * 1.2)])


def test_nothing_loops() -> None:
    """No later stretch is like the first one."""
    for axis in ("headYaw", "headPitch", "gazeYaw"):
        whole = course(axis, 600)
        first = whole[: 50 * 30]
        later = [
            float(np.abs(whole[start:][: len(first)] - first).mean())
            for start in range(50 * 30, len(whole) - len(first), 25)
        ]
        assert min(later) > 0.15 * np.abs(first - first.mean()).mean(), axis


@pytest.fixture
def performance(tiny_pack: AvatarPack) -> Performance:
    card = tiny_pack.card
    model = MotionModel(card.motion, tiny_pack.motion)
    return Performance(model, Basis(card.axes, tiny_pack.generator["basis"]), 1.0, seed=1)


def test_still_moves_nothing_but_lips(performance: Performance, tiny_pack: AvatarPack) -> None:
    settings = Settings(life=0.0)
    lips = {i for i, a in enumerate(tiny_pack.card.axes) if a.name in tiny_pack.card.motion.axes}
    for tick, samples in enumerate(speech(2.0).reshape(-1, 640)):
        x = performance.step(samples, tick / 25, settings)
        assert set(np.flatnonzero(x)) <= lips
    assert x.any()


def test_in_digital_silence_the_lips_rest_exactly(performance: Performance) -> None:
    settings = Settings(life=0.0)
    for _ in range(50):
        assert not performance.step(np.zeros(640, np.float32), 0.0, settings).any()


def test_expressions_come_on_smoothly_add_and_stay_in_range(
    performance: Performance, tiny_pack: AvatarPack
) -> None:
    names = [axis.name for axis in tiny_pack.card.axes]
    smile, jaw = names.index("mouthSmile"), names.index("jawOpen")
    settings = Settings(expression={"mouthSmile": 0.4, "jawOpen": 7.0}, life=0.0)
    silence = np.zeros(640, np.float32)
    shown = np.stack([performance.step(silence, 0.0, settings) for _ in range(50)])
    assert 0.0 < shown[0, smile] < 0.1 and shown[-1, smile] == pytest.approx(0.4, abs=1e-3)
    assert (np.diff(shown[:, smile]) > 0).all() and shown[-1, jaw] == 1.0
    settings.expression = {}
    gone = np.stack([performance.step(silence, 0.0, settings) for _ in range(50)])
    assert gone[0, smile] > 0.3 and gone[-1, smile] == pytest.approx(0.0, abs=1e-3)


def test_a_moved_slider_makes_no_face_jump(performance: Performance, tiny_pack: AvatarPack) -> None:
    heads = [i for i, axis in enumerate(tiny_pack.card.axes) if axis.name.startswith("head")]
    silence = np.zeros(640, np.float32)
    assert heads
    shown = []
    for tick in range(200):
        settings = Settings(life=0.0 if 60 <= tick < 120 else 2.0)
        shown.append(performance.step(silence, 10 + tick / 25, settings)[heads])
    course = np.array(shown)
    assert not course[118].any() and np.abs(course[50]).max() > 0.5
    assert np.abs(np.diff(course[20:], axis=0)).max() < 0.3 * np.abs(course).max()


def test_broken_samples_do_no_harm(performance: Performance) -> None:
    broken = np.full(640, np.nan, np.float32)
    broken[::2] = np.inf
    for samples in (broken, speech(1.0)[:640] * 1e6):
        assert np.isfinite(performance.step(samples, 0.0, Settings())).all()


def test_the_meter_tells_of_the_newest_frames_and_of_all() -> None:
    meter = Meter()
    assert meter.age(50) == 0.0 and meter.fps(0.0) == 0.0
    for frame in range(60):
        meter.frame(born=frame / 25, now=frame / 25 + (0.02 if frame < 40 else 0.08))
    assert meter.age(50) == pytest.approx(0.02) and meter.age(50, 20) == pytest.approx(0.08)
    assert meter.frames == 60 and meter.fps(60 / 25) == pytest.approx(25, rel=0.05)
    assert meter.fps(3 * 60 / 25) == pytest.approx(25 / 3, rel=0.05), "nothing came for a while"


@pytest.mark.parametrize("count", [1, 2, 40, 41])
def test_percentiles_are_numpy_s(count: int) -> None:
    values = np.random.default_rng(count).random(count).tolist()
    for p in (0, 5, 50, 95, 100):
        assert percentile(values, p) == pytest.approx(np.percentile(values, p))


def test_a_histogram_counts_into_its_buckets() -> None:
    histogram = Histogram()
    for seconds in (0.0001, 0.002, 0.0021, 5.0):
        histogram.observe(seconds)
    assert sum(histogram.counts) == 4 and histogram.counts[-1] == 1
    assert histogram.counts[BOUNDS.index(0.002)] == 1 == histogram.counts[BOUNDS.index(0.003)]
    assert histogram.total == pytest.approx(5.0042) and histogram.percentile(100) == 5.0
