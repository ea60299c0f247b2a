"""Two people who see each other's faces by latents alone, over real datagrams that get lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.motion.performance import Settings
from latentcam.stream.engine import Engine
from latentcam.stream.latents import MOST_LATE, LatentReceiver, LatentSender
from latentcam.stream.messages import AudioChunk, Frame, Motion
from latentcam.stream.session import Session
from latentcam.stream.voice_motion import VoiceMotion
from tests.aio import run, run_virtual
from tests.stream.test_session import FakeDecoder, make_engine
from tests.voice import speech

FPS = 25
AXES = (Axis("jawOpen", 0.0, 1.0), Axis("headYaw", -25.0, 25.0, "deg"))


class Line(asyncio.DatagramProtocol):
    """One end of a line that loses a tenth of what comes."""

    def __init__(self, receiver: LatentReceiver, seed: int) -> None:
        self._receiver, self._chance = receiver, random.Random(seed)
        self.bytes = 0

    def datagram_received(self, data: bytes, address: object) -> None:
        self.bytes += len(data)
        if self._chance.random() >= 0.1:
            self._receiver.put(data)


class Shown:
    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.closed = False

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)

    def close(self) -> None:
        self.closed = True


async def spoken(sound: NDArray[np.float32]) -> AsyncIterator[AudioChunk]:
    """By the clock."""
    loop = asyncio.get_running_loop()
    origin = loop.time()
    for tick, samples in enumerate(sound.reshape(-1, 640)):
        await asyncio.sleep(origin + (tick + 1) / FPS - loop.time())
        yield AudioChunk(tick, loop.time(), samples)


class Person:
    """Hears a voice, sends its motion, and draws the other's face."""

    def __init__(self, engine: Engine, seed: int) -> None:
        axes = engine.avatar.card.axes
        self.engine, self.sender, self.shown = engine, LatentSender(axes), Shown()
        self.receiver = LatentReceiver(axes, FPS)
        self.line = Line(self.receiver, seed)
        self.sent: dict[int, Motion] = {}

    async def open(self) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self.line, local_addr=("127.0.0.1", 0)
        )
        return self.transport

    async def talk(self, sound: NDArray[np.float32], to: Person) -> None:
        voice = VoiceMotion(self.engine, spoken(sound), seed=0)
        voice.settings = Settings()
        address = to.transport.get_extra_info("sockname")
        async for motion in voice.motions():
            self.sent[motion.tick] = motion
            self.transport.sendto(self.sender.packet(motion), address)

    async def watch(self, identity: str) -> None:
        anchor = self.engine.avatar.anchor(identity)
        await Session(self.engine, self.receiver.motions(), self.shown, anchor).run()


def test_two_people_call_each_other_by_their_faces_alone(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack, FakeDecoder())
        ada, bo = Person(engine, 1), Person(engine, 2)
        ends = [await ada.open(), await bo.open()]
        async with asyncio.TaskGroup() as tasks:
            watching = [tasks.create_task(p.watch("Ada")) for p in (ada, bo)]
            sound = speech(3.0)
            await asyncio.gather(ada.talk(sound, bo), bo.talk(0.3 * sound, ada))
            await asyncio.sleep(0.2)  # what is on its way arrives
            for person in (ada, bo):
                person.receiver.close()
            await asyncio.gather(*watching)
        for end in ends:
            end.close()
        await engine.aclose()
        for here, there in ((ada, bo), (bo, ada)):
            assert len(there.sent) == 75 and here.shown.closed
            assert here.shown.frames[-1].tick <= 74 + MOST_LATE
            ticks = [frame.tick for frame in here.shown.frames]
            assert len(ticks) > 20 and ticks[-1] > 60
            assert here.line.bytes * 8 / 3.0 < 10_000, "bits a second"

    run(scene(), timeout=60)


def motion(tick: int) -> Motion:
    return Motion(tick, 0.0, np.array([0.5, tick / 4], np.float32))


def received(packets: list[tuple[float, bytes]]) -> tuple[list[Motion], LatentReceiver]:
    """What comes of packets at given times, on a clock that takes no time."""

    async def scene() -> tuple[list[Motion], LatentReceiver]:
        receiver, loop = LatentReceiver(AXES, FPS), asyncio.get_running_loop()
        for at, packet in packets:
            loop.call_at(at, receiver.put, packet)
        loop.call_at(packets[-1][0] + 1.0, receiver.close)
        return [one async for one in receiver.motions()], receiver

    return run_virtual(scene())


def sent(count: int, first: int = 0) -> list[bytes]:
    sender = LatentSender(AXES)
    return [sender.packet(motion(first + n)) for n in range(count)]


def test_what_comes_in_time_is_what_was_sent() -> None:
    got, receiver = received([(0.04 * n, packet) for n, packet in enumerate(sent(20))])
    assert [m.tick for m in got[:20]] == list(range(20))
    assert np.array([m.x for m in got[:20]]) == pytest.approx(
        np.array([motion(n).x for n in range(20)])
    )
    assert receiver.missed == receiver.bad == 0


def test_the_face_goes_on_for_a_moment_and_then_waits() -> None:
    got, _ = received([(0.04 * n, packet) for n, packet in enumerate(sent(10))])
    after = got[10:]
    assert [m.tick for m in after] == list(range(10, 10 + MOST_LATE))
    yaw = [m.x[1] for m in got[9:]]
    assert np.diff(yaw) == pytest.approx([0.125, 0.0625, 0.03125, 0.015625])


def test_after_a_gap_the_face_is_led_back() -> None:
    packets = [(0.04 * n, p) for n, p in enumerate(sent(40)) if not 10 <= n < 30]
    got, receiver = received(packets)
    assert receiver.missed == 18  # the packet of tick 30 tells of two ticks before it
    back = next(n for n, m in enumerate(got) if m.tick == 30)
    assert got[back - 1].tick == 9 + MOST_LATE
    assert 2.5 < got[back].x[1] < 7.5  # halfway
    assert got[back + 9].x[1] == pytest.approx(39 / 4, abs=0.3)  # behind a face that moves on


def test_ticks_go_on_beyond_what_a_packet_counts_to() -> None:
    got, _ = received([(0.04 * n, p) for n, p in enumerate(sent(6, first=65_533))])
    assert [m.tick for m in got[:6]] == list(range(65_533, 65_539))


def test_whatever_comes_does_no_harm() -> None:
    good = sent(4)
    packets = [good[0], b"", b"\xff" * 40, good[0], b"\x12", good[2], good[1], good[3][:4], good[3]]
    got, receiver = received([(0.01 * n, packet) for n, packet in enumerate(packets)])
    assert receiver.bad == 4
    assert [m.tick for m in got[:3]] == [0, 2, 3]


def test_nothing_is_made_up_before_anything_came() -> None:
    async def scene() -> list[Motion]:
        receiver = LatentReceiver(AXES, FPS)
        asyncio.get_running_loop().call_later(1.0, receiver.close)
        return [one async for one in receiver.motions()]

    assert run_virtual(scene()) == []
