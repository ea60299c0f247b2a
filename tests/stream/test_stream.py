"""Timeline, ticks, the slot of one, and what meters tell."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from latentcam.realtime_models.arrays import SAMPLE_RATE
from latentcam.stream.latest import Latest
from latentcam.stream.messages import AudioChunk
from latentcam.stream.meter import BOUNDS, Histogram, Meter, percentile
from latentcam.stream.ticks import TickCutter
from latentcam.stream.timeline import Timeline
from tests.aio import run


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
