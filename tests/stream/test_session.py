"""A session under load, at its end, when cancelled, when a stage fails."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Latent, Picture
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.base import Decode
from latentcam.realtime_models.motion.performance import Performer
from latentcam.stream.engine import Engine
from latentcam.stream.errors import EngineFull
from latentcam.stream.messages import AudioChunk, Frame, Motion
from latentcam.stream.renderer import Renderer
from latentcam.stream.session import Passage, Session
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_motion import VoiceMotion
from tests.aio import run
from tests.voice import speech


class FakeDecoder:
    """Writes the number of the call into the pixels; as slow or broken as asked for."""

    description = "fake"
    resolution = "4"
    lanes: tuple[Decode, ...] = ()

    def __init__(self, seconds: float = 0.0, fail_at: int | None = None) -> None:
        self.calls, self._seconds, self._fail_at = 0, seconds, fail_at

    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        self.calls += 1
        if self.calls == self._fail_at:
            raise RuntimeError("the decoder broke")
        time.sleep(self._seconds)
        return np.full((len(ws), 4, 4, 3), self.calls % 256, np.uint8)


class Collect:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.closed = 0

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)

    def close(self) -> None:
        self.closed += 1


def make_engine(pack: AvatarPack, decoder: FakeDecoder, places: int = 2) -> Engine:
    return Engine(Avatar(pack, decoder), Performer(pack), Timeline(25), places)


def face(pack: AvatarPack, identity: str) -> Latent:
    return Avatar(pack, FakeDecoder()).anchor(identity)


async def voice(ticks: int, pause: float = 0.0, first: int = 0) -> AsyncIterator[AudioChunk]:
    sound = speech(ticks / 25).reshape(ticks, 640)
    for tick in range(ticks):
        await asyncio.sleep(pause)
        yield AudioChunk(first + tick, asyncio.get_running_loop().time(), sound[tick])


def said(engine: Engine, voice: AsyncIterator[AudioChunk], seed: int = 0) -> AsyncIterator[Motion]:
    return VoiceMotion(engine, voice, seed).motions()


def test_a_slow_decoder_hears_all_shows_the_newest_and_counts(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine, sink = make_engine(tiny_pack, FakeDecoder(0.03)), Collect()
        motion = VoiceMotion(engine, voice(40, pause=0.004), seed=0)
        session = Session(engine, motion.motions(), sink, face(tiny_pack, "Ada"))
        await session.run()
        ticks = [frame.tick for frame in sink.frames]
        assert motion.ticks_heard == 40
        assert ticks == sorted(set(ticks)) and ticks[-1] == 39, "the newest is always shown"
        assert len(ticks) < 40 and session.skipped == 40 - len(ticks)
        assert sink.closed == 1
        await engine.aclose()

    run(scene())


def test_without_load_every_tick_is_shown(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine, sink = make_engine(tiny_pack, FakeDecoder()), Collect()
        session = Session(engine, said(engine, voice(20, pause=0.02)), sink, face(tiny_pack, "Ada"))
        await session.run()
        assert [frame.tick for frame in sink.frames] == list(range(20))
        assert session.skipped == 0
        await engine.aclose()

    run(scene())


def test_cancelling_is_a_normal_end(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine, sink = make_engine(tiny_pack, FakeDecoder(0.01)), Collect()
        session = Session(
            engine, said(engine, voice(200, pause=0.01)), sink, face(tiny_pack, "Ada")
        )
        task = asyncio.create_task(session.run())
        while not sink.frames:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sink.frames and sink.closed == 1
        await engine.aclose()
        await engine.aclose()

    run(scene())


def test_a_broken_decoder_ends_its_session_only(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack, FakeDecoder(fail_at=3))
        bad, good = Collect(), Collect()
        with pytest.raises(ExceptionGroup) as caught:
            await Session(engine, said(engine, voice(9, 0.01)), bad, face(tiny_pack, "Ada")).run()
        assert caught.group_contains(RuntimeError, match="the decoder broke")
        assert len(bad.frames) == 2 and bad.closed == 1
        await Session(engine, said(engine, voice(5, 0.01)), good, face(tiny_pack, "Bo")).run()
        assert [frame.tick for frame in good.frames] == list(range(5))
        await engine.aclose()

    run(scene())


class LatentDecoder(FakeDecoder):
    """Writes a digest of the latent into the pixels, so that frames tell what moved them."""

    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        digest = np.frombuffer(hashlib.sha256(ws.tobytes()).digest()[:12], np.uint8)
        return np.broadcast_to(digest.reshape(1, 2, 2, 3), (len(ws), 2, 2, 3)).copy()


def test_two_sessions_share_an_engine_and_nothing_else(tiny_pack: AvatarPack) -> None:
    """Every frame of a session is the same whether or not another one talks beside it."""

    async def scene(count: int) -> list[list[bytes]]:
        engine = make_engine(tiny_pack, LatentDecoder())
        sinks = [Collect() for _ in range(count)]
        async with asyncio.TaskGroup() as group:
            for number, sink in enumerate(sinks):
                anchor = face(tiny_pack, ("Ada", "Bo")[number])
                session = Session(engine, said(engine, voice(15, 0.02), seed=number), sink, anchor)
                group.create_task(session.run())
        await engine.aclose()
        return [[frame.picture.tobytes() for frame in sink.frames] for sink in sinks]

    (alone,) = run(scene(1))
    beside, other = run(scene(2))
    assert len(set(alone)) == 15 and beside == alone
    assert not set(other) & set(alone)


def test_places_are_counted(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack, FakeDecoder(), places=1)
        engine.admit()
        with pytest.raises(EngineFull, match="all 1 places are taken"):
            engine.admit()
        engine.release()
        engine.admit()
        await engine.aclose()

    run(scene())


def test_warm_up_uses_the_threads_that_will_work(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        decoder = FakeDecoder()
        engine = make_engine(tiny_pack, decoder)
        assert not engine.ready
        await engine.warm_up()
        assert engine.ready and decoder.calls > 0
        await engine.aclose()
        assert not engine.ready

    run(scene())


class BatchDecoder(FakeDecoder):
    """Notes what each call was given, by the first number of each latent; may hold the first."""

    def __init__(self, each: float = 0.0, call: float = 0.0) -> None:
        super().__init__()
        self.batches: list[list[float]] = []
        self.hold = threading.Event()
        self.hold.set()
        self._each, self._call, self.poison = each, call, -1.0

    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        self.batches.append([float(w.flat[0]) for w in ws])
        assert self.hold.wait(10)
        time.sleep(self._call + self._each * len(ws))
        if self.poison in self.batches[-1]:
            raise RuntimeError("poisoned")
        return np.stack([np.full((4, 4, 3), w.flat[0], np.uint8) for w in ws])


def anchors(pack: AvatarPack, count: int) -> list[Latent]:
    shape = face(pack, "Ada").shape
    return [np.full(shape, number, np.float32) for number in range(count)]


async def six_orders(
    pack: AvatarPack, engine: Engine, decoder: BatchDecoder
) -> list[asyncio.Task[tuple[Picture, float]]]:
    """Asked for one after the other, while the decoder is held in the first."""
    decoder.hold.clear()
    still = np.zeros(len(pack.card.axes), np.float32)
    orders = []
    for anchor in anchors(pack, 6):
        orders.append(asyncio.create_task(engine.renderer.render(anchor, still)))
        await asyncio.sleep(0)
    while not decoder.batches:
        await asyncio.sleep(0.001)
    return orders


@pytest.mark.parametrize("most", [1, 3])
def test_who_waits_longest_is_served_first_and_together(tiny_pack: AvatarPack, most: int) -> None:
    async def scene() -> None:
        decoder = BatchDecoder()
        engine = make_engine(tiny_pack, decoder)
        engine.renderer.most = most
        orders = await six_orders(tiny_pack, engine, decoder)
        decoder.hold.set()
        pictures = [picture for picture, _ in await asyncio.gather(*orders)]
        assert [int(picture.flat[0]) for picture in pictures] == list(range(6)), "each its own"
        served = [number for batch in decoder.batches for number in batch]
        assert served == list(range(6)), "in the order of asking"
        assert max(map(len, decoder.batches)) == most
        await engine.aclose()

    run(scene())


def test_a_session_that_fails_or_leaves_does_not_harm_those_beside_it(
    tiny_pack: AvatarPack,
) -> None:
    async def scene() -> None:
        decoder = BatchDecoder()
        decoder.poison = 3.0
        engine = make_engine(tiny_pack, decoder)
        engine.renderer.most = 8
        orders = await six_orders(tiny_pack, engine, decoder)
        orders[2].cancel()
        await asyncio.sleep(0)
        decoder.hold.set()
        results = await asyncio.gather(*orders, return_exceptions=True)
        assert isinstance(results[2], asyncio.CancelledError)
        assert isinstance(results[3], RuntimeError)
        for number in (0, 1, 4, 5):
            picture, took = results[number]  # type: ignore[misc]
            assert picture.flat[0] == number and took >= 0
        await engine.aclose()

    run(scene())


def test_a_decoder_with_two_lanes_decodes_two_at_a_time(tiny_pack: AvatarPack) -> None:
    together = threading.Barrier(2, timeout=10)

    class Lanes(FakeDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.lanes = (self.paint, self.paint)

        def paint(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
            together.wait()
            return np.stack([np.full((4, 4, 3), w.flat[0], np.uint8) for w in ws])

        decode = paint

    async def scene() -> None:
        engine = make_engine(tiny_pack, Lanes())
        still = np.zeros(len(tiny_pack.card.axes), np.float32)
        rendered = [engine.renderer.render(anchor, still) for anchor in anchors(tiny_pack, 6)]
        pictures = [picture for picture, _ in await asyncio.gather(*rendered)]
        assert [int(picture.flat[0]) for picture in pictures] == list(range(6)), "each its own"
        await engine.aclose()

    run(scene())


def test_one_session_has_the_whole_decoder_and_two_a_lane_each(tiny_pack: AvatarPack) -> None:
    used: list[str] = []

    class Lanes(FakeDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.lanes = (partial(self.paint, "lane"), partial(self.paint, "lane"))

        def paint(self, name: str, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
            used.append(name)
            return np.zeros((len(ws), 4, 4, 3), np.uint8)

        def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
            return self.paint("whole", ws)

    async def scene() -> None:
        engine = make_engine(tiny_pack, Lanes(), places=2)
        (anchor,), still = anchors(tiny_pack, 1), np.zeros(len(tiny_pack.card.axes), np.float32)
        with engine.renderer.attended():
            await engine.renderer.render(anchor, still)
            with engine.renderer.attended():
                await engine.renderer.render(anchor, still)
            await engine.renderer.render(anchor, still)
        await engine.aclose()

    run(scene())
    assert used == ["whole", "lane", "whole"]


def test_a_call_that_begins_while_a_face_at_rest_is_drawn_is_drawn_beside_it(
    tiny_pack: AvatarPack,
) -> None:
    """A decoder cannot do two pictures at once, nor can a lane: OpenVINO says "busy"."""
    together = threading.Barrier(2, timeout=10)

    class Busy(FakeDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.taken = [threading.Lock() for _ in range(3)]
            self.lanes = (partial(self.paint, 1), partial(self.paint, 2))

        def paint(self, which: int, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
            assert self.taken[which].acquire(blocking=False), "busy"
            together.wait()
            self.taken[which].release()
            return np.zeros((len(ws), 4, 4, 3), np.uint8)

        def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
            return self.paint(0, ws)

    async def scene() -> None:
        engine = make_engine(tiny_pack, Busy(), places=2)
        renderer = engine.renderer
        (anchor,), still = anchors(tiny_pack, 1), np.zeros(len(tiny_pack.card.axes), np.float32)
        await asyncio.gather(*(renderer.render_finest(anchor, still) for _ in range(2)))
        with renderer.attended():
            await asyncio.gather(
                renderer.render_finest(anchor, still), renderer.render(anchor, still)
            )
        await engine.aclose()

    run(scene())


def test_a_batch_is_used_only_where_it_is_faster(tiny_pack: AvatarPack) -> None:
    class Timed(BatchDecoder):
        """Takes its time by a clock of its own, which no load of the machine shows on."""

        now = 0.0

        def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
            self.now += self._call + self._each * len(ws)
            return np.zeros((len(ws), 4, 4, 3), np.uint8)

    async def found(each: float, call: float, sessions: int) -> int:
        decoder = Timed(each, call)
        renderer = Renderer(Avatar(tiny_pack, decoder), 0.04, clock=lambda: decoder.now)
        (anchor,), still = anchors(tiny_pack, 1), np.zeros(len(tiny_pack.card.axes), np.float32)
        await renderer.warm_up(anchor, still, sessions)
        await renderer.aclose()
        return renderer.most

    assert run(found(0.01, 0.0, 8)) == 1, "a CPU: twice the pictures take twice the time"
    assert run(found(0.0, 0.01, 8)) == 8, "a GPU: one call takes its time, whatever is in it"
    assert run(found(0.0, 0.01, 5)) == 4 and run(found(0.0, 0.01, 1)) == 1


def test_pictures_get_coarser_under_load_and_finer_again(tiny_pack: AvatarPack) -> None:
    class Paced(FakeDecoder):
        """Of pictures of some size, that take some time by a clock of the test's."""

        now, slow = 0.0, 1.0  # of all

        def __init__(self, side: int, seconds: float) -> None:
            super().__init__()
            self.resolution, self._side, self._takes = str(side), side, seconds

        def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
            Paced.now += self._takes * Paced.slow
            return np.zeros((len(ws), self._side, self._side, 3), np.uint8)

    async def scene() -> None:
        avatar = Avatar(tiny_pack, Paced(8, 0.02), Paced(4, 0.012))
        renderer = Renderer(avatar, 0.04, clock=lambda: Paced.now)
        (anchor,), still = anchors(tiny_pack, 1), np.zeros(len(tiny_pack.card.axes), np.float32)

        async def drawn(count: int) -> str:
            """The size of the last of so many, one every 40 ms or as fast as they come."""
            for _ in range(count):
                due = Paced.now + 0.04
                picture, _ = await renderer.render(anchor, still)
                Paced.now = max(due, Paced.now)
            assert renderer.decoder.resolution == str(len(picture))
            return renderer.decoder.resolution

        await renderer.warm_up(anchor, still, 1)
        assert renderer.reason == "8: 8 takes 20.0 ms, and one is due every 40 ms"
        assert await drawn(100) == "8"
        Paced.slow = 2.5
        assert await drawn(40) == "4"
        Paced.slow = 1.0
        assert await drawn(240) == "4"
        assert await drawn(60) == "8", "after ten seconds of calm"
        await renderer.aclose()
        Paced.slow = 2.0
        slower = Renderer(avatar, 0.04, clock=lambda: Paced.now)
        await slower.warm_up(anchor, still, 1)
        assert slower.decoder.resolution == "4" and slower.reason.startswith("4: 8 takes 40.0 ms")
        await slower.aclose()

    run(scene())


def test_nobody_is_served_twice_before_another_once(tiny_pack: AvatarPack) -> None:
    """Three sessions that want more than the decoder gives: they share it evenly."""

    async def scene() -> None:
        decoder = BatchDecoder(each=0.004)
        engine = make_engine(tiny_pack, decoder, places=3)
        sinks = [Collect() for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            for sink, anchor in zip(sinks, anchors(tiny_pack, 3), strict=True):
                session = Session(engine, said(engine, voice(60, 0.002)), sink, anchor)
                group.create_task(session.run())
        counts = [len(sink.frames) for sink in sinks]
        assert max(counts) - min(counts) <= 3, counts
        await engine.aclose()

    run(scene())


def test_a_passage_has_no_jump() -> None:
    """Not even when it is turned around half way."""
    a, b = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    there = Passage(a, b, 10.0, 2.0)
    ways = [float(there.at(10.0 + t).mean()) for t in np.linspace(0, 2, 41)]
    assert ways[0] == 0.0 and ways[-1] == 1.0 and np.all(np.diff(ways) >= 0)
    assert max(np.diff(ways)) < 0.04
    back = Passage(there.at(11.0), a, 11.0, 2.0)
    assert np.array_equal(back.at(11.0), there.at(11.0)) and np.array_equal(back.at(99.0), a)
    assert np.array_equal(Passage(a, b, 10.0, 0.0).at(10.0), b)
