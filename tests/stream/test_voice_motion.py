"""A voice as a source of motion: gaps, settings that change, figures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack
from latentcam.realtime_models.motion.driven import Driven
from latentcam.realtime_models.motion.moods import MoodModel
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.engine import Engine
from latentcam.stream.messages import AudioChunk, Motion
from latentcam.stream.other_voice import OtherVoice
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_motion import VoiceMotion
from tests.aio import run
from tests.stream.test_session import FakeDecoder, make_engine
from tests.tiny import mood_weights
from tests.voice import speech

STILL = Settings(life=0.0)


async def chunks(sound: Samples, ticks: Iterable[int]) -> AsyncIterator[AudioChunk]:
    for tick, samples in zip(ticks, sound.reshape(-1, 640), strict=True):
        yield AudioChunk(tick, asyncio.get_running_loop().time(), samples)


def moved(pack: AvatarPack, sound: Samples, ticks: Iterable[int]) -> list[Motion]:
    async def scene() -> list[Motion]:
        engine = make_engine(pack, FakeDecoder())
        voice = VoiceMotion(engine, chunks(sound, ticks), seed=0)
        voice.settings = STILL
        motions = [motion async for motion in voice.motions()]
        assert voice.ticks_heard == len(motions)
        assert sum(engine.stages.histograms["motion"].counts) == len(motions)
        await engine.aclose()
        return motions

    return run(scene())


def jaw(pack: AvatarPack, motions: list[Motion]) -> NDArray[np.float32]:
    at = [axis.name for axis in pack.card.axes].index("jawOpen")
    return np.array([motion.x[at] for motion in motions])


def test_every_tick_moves_once_in_order(tiny_pack: AvatarPack) -> None:
    motions = moved(tiny_pack, speech(1.0), range(25))
    assert [motion.tick for motion in motions] == list(range(25))


def test_a_jump_of_the_tick_begins_afresh(tiny_pack: AvatarPack) -> None:
    """What is said after a gap moves the lips as if nothing had been said before it."""
    alone = moved(tiny_pack, speech(0.2), range(5))
    both = moved(tiny_pack, np.tile(speech(0.2), 2), [*range(5), *range(100, 105)])
    assert [motion.tick for motion in both[5:]] == list(range(100, 105))
    assert np.array_equal([m.x for m in both[:5]], [m.x for m in alone])
    assert np.allclose([m.x for m in both[5:]], [m.x for m in alone], atol=0.2)
    assert not np.array_equal([m.x for m in both[5:]], [m.x for m in alone]), "but for the level"


@pytest.mark.parametrize("level", [-50.0, -40.0, -26.0])
def test_a_soft_voice_is_as_visible_after_a_gap_as_before(level: float) -> None:
    """A gap forgot how loud the microphone is: at -50 dBFS lips moved half as far for half a
    second."""
    pack = load_pack(DEFAULT_PACK)
    sound = np.tile(speech(2.0), 4) * np.float32(10 ** ((level + 20) / 20))
    gap = moved(pack, sound, [*range(150), *range(200, 250)])
    whole = jaw(pack, moved(pack, sound, range(200)))
    after, wanted = jaw(pack, gap)[150:163], whole[150:163]
    assert after.mean() > 0.8 * wanted.mean()


def test_a_pause_in_the_voice_does_not_change_the_mood(tiny_pack: AvatarPack) -> None:
    """The expression used to fall to neutral for a moment whenever the tick jumped."""

    async def scene() -> None:
        engine = make_engine(tiny_pack, FakeDecoder())
        ticks = [*range(100), *range(150, 153)]
        silence = np.zeros(640 * len(ticks), np.float32)
        voice = VoiceMotion(engine, chunks(silence, ticks), seed=0)
        voice.settings = Settings({"mouthSmile": 0.6, "headYaw": 10.0}, life=0.0)
        xs = [motion.x async for motion in voice.motions()]
        np.testing.assert_allclose(xs[100:], [xs[99]] * 3, atol=1e-6)
        assert not np.allclose(xs[0], xs[99])
        await engine.aclose()

    run(scene())


def test_new_settings_count_from_the_next_tick_on(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine: Engine = make_engine(tiny_pack, FakeDecoder())
        voice = VoiceMotion(engine, chunks(np.zeros(640 * 20, np.float32), range(20)), seed=0)
        voice.settings = STILL
        xs = []
        async for motion in voice.motions():
            xs.append(motion.x)
            if motion.tick == 9:
                voice.settings = Settings({"mouthSmile": 1.0}, life=0.0)
        assert not np.any(xs[:10]) and all(x.any() for x in xs[10:])
        await engine.aclose()

    run(scene())


def test_a_session_begins_with_the_moods_of_its_engine(tiny_pack: AvatarPack) -> None:
    """Two sessions do not feel the same; what one of them chooses is not the other's."""
    moods = Settings(moods=MoodModel(("mouthSmile", "neutral"), mood_weights(2, seed=1)))

    async def scene() -> None:
        engine = Engine(
            Avatar(tiny_pack, FakeDecoder()), Performer(tiny_pack), Timeline(25), 2, moods
        )
        at = [axis.name for axis in tiny_pack.card.axes].index("mouthSmile")

        async def smile(seed: int, *expression: str) -> NDArray[np.float32]:
            silence = chunks(np.zeros(640 * 250, np.float32), range(250))
            voice = VoiceMotion(engine, silence, seed)
            voice.settings = replace(
                voice.settings, expression=dict.fromkeys(expression, 0.0), life=0.0
            )
            return np.array([motion.x[at] async for motion in voice.motions()])

        first, second, chosen = await smile(1), await smile(2), await smile(1, "mouthSmile")
        assert first.max() > 0.5 and second.max() > 0.5 and not chosen.any()
        assert not np.array_equal(first, second)
        await engine.aclose()

    run(scene())


def test_level_and_speaking_are_those_of_the_newest_tick(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack, FakeDecoder())
        sound = np.concatenate([speech(1.0), np.zeros(16000, np.float32)])
        voice = VoiceMotion(engine, chunks(sound, range(50)), seed=0)
        assert not voice.speaking and voice.level == 0.0
        said = [(voice.speaking, voice.level) async for _ in voice.motions()]
        assert said[20][0] and said[20][1] > 0.03 and said[-1] == (False, 0.0)
        await engine.aclose()

    run(scene())


def test_who_else_speaks_is_listened_to(tiny_pack: AvatarPack) -> None:
    """As it comes, and silence when nothing comes any more."""

    async def scene() -> list[Motion]:
        engine = make_engine(tiny_pack, FakeDecoder())

        async def voice() -> AsyncIterator[AudioChunk]:
            said = speech(2.0)
            for tick in range(150):
                if tick < 50:
                    other.hear(said[tick * 640 : (tick + 1) * 640], 16000)
                born = asyncio.get_running_loop().time()
                yield AudioChunk(tick, born, np.zeros(640, np.float32))

        listener = VoiceMotion(engine, voice(), seed=3)
        other = listener.other = OtherVoice()
        attention = []
        motions = []
        async for motion in listener.motions():
            motions.append(motion)
            attention.append(listener._state.listening.attention.value)
        assert attention[0] < 0.05 and attention[49] > 0.9 and attention[149] < 0.2
        await engine.aclose()
        return motions

    jaws = jaw(tiny_pack, run(scene()))
    assert len(jaws) == 150 and not jaws.any()


def test_a_camera_s_head_is_followed_until_the_camera_stops(tiny_pack: AvatarPack) -> None:
    """On a clock that the test moves: half a second later the face goes its own way."""

    async def scene() -> list[Motion]:
        engine = make_engine(tiny_pack, FakeDecoder())
        now, loop = 100.0, asyncio.get_running_loop()
        loop.time = lambda: now  # type: ignore[method-assign]

        async def voice() -> AsyncIterator[AudioChunk]:
            nonlocal now
            for tick in range(75):
                now += 0.04
                if tick < 25:
                    driven.drive(Driven({"headYaw": 10.0}))
                yield AudioChunk(tick, now, np.zeros(640, np.float32))

        driven = VoiceMotion(engine, voice(), seed=0)
        driven.settings = STILL
        motions = [motion async for motion in driven.motions()]
        del loop.time
        await engine.aclose()
        return motions

    yaw = [axis.name for axis in tiny_pack.card.axes].index("headYaw")
    turned = np.array([motion.x[yaw] for motion in run(scene())])
    assert turned[24] == pytest.approx(10.0, abs=0.1)
    assert (turned[24:36] > 9.9).all(), "a camera may miss pictures"
    assert (np.diff(turned[38:50]) < 0).all() and turned[-1] < 0.1
