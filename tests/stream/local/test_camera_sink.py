"""The camera's pace: one picture per tick, whatever the voice's clock and the renderer do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pytest

from latentcam.realtime_models.arrays import Picture
from latentcam.stream.composition import I420
from latentcam.stream.local.camera_sink import LEAD, CameraSink
from latentcam.stream.messages import Frame
from tests.aio import Inline, run_virtual

T = TypeVar("T")
FPS = 25
PERIOD = 1.0 / FPS


@dataclass
class Shown:
    """What was shown when: the tick of a frame, None for the last one again."""

    at: list[tuple[float, int | None]] = field(default_factory=list)

    def show(self, picture: I420, frame: Frame | None) -> None:
        now = asyncio.get_running_loop().time()
        self.at.append((now, None if frame is None else frame.tick))

    @property
    def ticks(self) -> list[int | None]:
        return [tick for _, tick in self.at]


def composed(picture: Picture) -> I420:
    return picture[:, :, 0]


def sink_to(
    show: Callable[[I420, Frame | None], None], composing: Executor | None = None
) -> CameraSink:
    grey = np.full((2, 2), 128, np.uint8)
    return CameraSink(composed, show, FPS, composing or Inline(), Inline(), grey)


def frame(tick: int) -> Frame:
    return Frame(tick, asyncio.get_running_loop().time(), np.zeros((2, 2, 3), np.uint8))


async def feed(sink: CameraSink, times: list[float]) -> None:
    loop = asyncio.get_running_loop()
    for tick, time in enumerate(times):
        await asyncio.sleep(time - loop.time())
        sink.send(frame(tick))
    await asyncio.sleep(PERIOD)
    sink.close()


def perform(times: list[float]) -> tuple[Shown, CameraSink]:
    shown = Shown()
    sink = sink_to(shown.show)

    async def scene() -> None:
        await asyncio.gather(feed(sink, times), sink.run())

    run_virtual(scene())
    return shown, sink


def test_every_frame_is_shown_once_at_an_even_pace() -> None:
    shown, sink = perform([tick * PERIOD for tick in range(100)])
    assert shown.ticks[:100] == list(range(100))
    gaps = np.diff([time for time, _ in shown.at])
    np.testing.assert_allclose(gaps, PERIOD, atol=1e-9)
    assert sink.meter.age(50) == pytest.approx(LEAD * PERIOD, abs=1e-6)


def test_jitter_of_a_fifth_of_a_tick_neither_repeats_nor_skips() -> None:
    rng = np.random.default_rng(0)
    times = [tick * PERIOD + rng.uniform(-0.1, 0.1) * PERIOD + 1.0 for tick in range(1500)]
    shown, sink = perform(times)
    assert shown.ticks[:1500] == list(range(1500))
    assert np.ptp(np.diff([time for time, _ in shown.at])) < 0.0005


@pytest.mark.parametrize("ppm", [-1000, 1000])
def test_a_voice_by_another_clock_is_followed(ppm: int) -> None:
    """Counted from the first frame only, 1000 ppm would make nine frames be shown twice or not at
    all within six minutes, each after a time in which every second frame trembles."""
    ticks = 360 * FPS
    shown, sink = perform([tick * PERIOD * (1 + ppm * 1e-6) for tick in range(ticks)])
    assert shown.ticks[:ticks] == list(range(ticks))


def test_when_starved_the_last_picture_stays_and_time_goes_on() -> None:
    shown, sink = perform([0.0, PERIOD, 1.0, 1.0 + PERIOD])
    assert shown.ticks[:2] == [0, 1]
    assert shown.ticks.count(None) == sink.repeated >= 22
    assert [t for t in shown.ticks if t is not None] == [0, 1, 2, 3]
    assert np.diff([time for time, _ in shown.at]).max() < 1.1 * PERIOD


def test_frames_that_come_too_fast_are_skipped() -> None:
    shown, sink = perform([tick * PERIOD / 4 for tick in range(400)])
    ticks = [tick for tick in shown.ticks if tick is not None]
    assert ticks == sorted(ticks) and 90 <= len(ticks) <= 110
    assert np.diff([time for time, _ in shown.at]).min() > 0.98 * PERIOD


def test_frozen_the_last_picture_stays() -> None:
    shown = Shown()
    sink = sink_to(shown.show)

    async def scene() -> None:
        async def freeze() -> None:
            await asyncio.sleep(1.0)
            sink.frozen = True
            await asyncio.sleep(1.0)
            sink.frozen = False

        times = [tick * PERIOD for tick in range(75)]
        await asyncio.gather(feed(sink, times), sink.run(), freeze())

    run_virtual(scene())
    frozen = [tick for time, tick in shown.at if 1.05 < time < 1.95]
    after = [tick for time, tick in shown.at if time > 2.05]
    assert len(frozen) >= 21 and set(frozen) == {None}
    assert len([t for t in after if t is not None]) >= 20


def test_a_slow_camera_skips_and_does_not_burst() -> None:
    class Slow(Shown):
        def show(self, picture: I420, frame: Frame | None) -> None:
            super().show(picture, frame)
            loop = asyncio.get_running_loop()
            vars(loop)["_now"] += 2.5 * PERIOD  # as long as this takes

    shown = Slow()
    sink = sink_to(shown.show)

    async def scene() -> None:
        await asyncio.gather(feed(sink, [tick * PERIOD for tick in range(60)]), sink.run())

    run_virtual(scene())
    assert np.diff([time for time, _ in shown.at]).min() >= 2.5 * PERIOD - 1e-9


def test_late_by_less_than_a_tick_no_picture_is_lost() -> None:
    """To wait for the next moment once made 15 pictures a second of 25 where each took 45 ms."""

    class Uneven(Shown):
        def show(self, picture: I420, frame: Frame | None) -> None:
            super().show(picture, frame)
            loop = asyncio.get_running_loop()
            vars(loop)["_now"] += (1.3 if len(self.at) % 2 else 0.5) * PERIOD

    shown = Uneven()
    sink = sink_to(shown.show)

    async def scene() -> None:
        await asyncio.gather(feed(sink, [tick * PERIOD for tick in range(100)]), sink.run())

    run_virtual(scene())
    assert len(shown.at) >= 99


def test_while_a_picture_is_composed_the_last_one_is_shown_in_time() -> None:
    """One thread for both once made a slow machine's camera as slow as its composing."""

    class Slow(Inline):
        def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
            future: Future[T] = Future()
            result = fn(*args, **kwargs)
            asyncio.get_running_loop().call_later(2.6 * PERIOD, future.set_result, result)
            return future

    shown = Shown()
    sink = sink_to(shown.show, Slow())

    async def scene() -> None:
        await asyncio.gather(feed(sink, [tick * PERIOD for tick in range(100)]), sink.run())

    run_virtual(scene())
    gaps = np.diff([time for time, _ in shown.at])
    np.testing.assert_allclose(gaps, PERIOD, atol=0.001)
    ticks = [tick for tick in shown.ticks if tick is not None]
    assert ticks == sorted(ticks) and 36 <= len(ticks) <= 40


def test_what_the_camera_raises_ends_it() -> None:
    def broken(picture: I420, frame: Frame | None) -> None:
        raise RuntimeError("the device is gone")

    sink = sink_to(broken)

    async def scene() -> None:
        sink.send(frame(0))
        await sink.run()

    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="the device is gone")):
        run_virtual(scene())
