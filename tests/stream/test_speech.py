"""Speech that is fed by hand: spoken by the clock, whole, and dropped when it is interrupted."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_pack
from latentcam.realtime_models.motion.performance import Settings
from latentcam.stream.messages import AudioChunk
from latentcam.stream.speech import Speech
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_motion import VoiceMotion
from tests.aio import run, run_virtual
from tests.stream.test_session import FakeDecoder, make_engine
from tests.voice import speech as voice


@pytest.mark.parametrize("cut", [1, 100, 640, 1000, 16000])
def test_what_is_said_is_spoken_whole_by_the_clock_however_it_was_cut(cut: int) -> None:
    sound = voice(1.0)[:15900]

    async def scene() -> list[AudioChunk]:
        speech = Speech(Timeline(25))
        for i in range(0, len(sound), cut):
            speech.say(sound[i : i + cut])
        speech.close()
        return [chunk async for chunk in speech.chunks()]

    chunks = run_virtual(scene())
    assert [chunk.tick for chunk in chunks] == list(range(25))
    assert [chunk.born for chunk in chunks] == pytest.approx([(k + 1) / 25 for k in range(25)])
    heard = np.concatenate([chunk.samples for chunk in chunks])
    np.testing.assert_array_equal(heard[: len(sound)], sound)
    assert len(heard) == 16000 and not heard[len(sound) :].any()


def test_silence_in_between_and_nobody_s_array_is_kept() -> None:
    async def scene() -> None:
        speech, mine = Speech(Timeline(25)), np.ones(640, np.float32)
        chunks = speech.chunks()
        assert not (await anext(chunks)).samples.any()
        speech.say(mine)
        mine[:] = 0.5
        assert (await anext(chunks)).samples.min() == 1.0
        assert not (await anext(chunks)).samples.any()
        with pytest.raises(ValueError, match=r"shape \(2, 640\), expected \[n\], mono"):
            speech.say(np.zeros((2, 640), np.float32))
        speech.close()
        speech.close()
        with pytest.raises(ValueError, match="after close"):
            speech.say(mine)
        assert [chunk async for chunk in chunks] == []

    run_virtual(scene())


def test_interrupted_it_drops_what_waits_and_begins_afresh_at_once() -> None:
    async def scene() -> None:
        speech, loop = Speech(Timeline(25)), asyncio.get_running_loop()
        speech.say(np.ones(16000, np.float32))
        chunks = speech.chunks()
        for _ in range(5):
            assert (await anext(chunks)).samples.all()
        waiting = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0.01)
        speech.clear()
        speech.clear()
        after = await waiting
        assert after.tick == 6 and loop.time() == pytest.approx(0.21) and not after.samples.any()
        speech.clear()
        speech.say(np.ones(640, np.float32))
        following = await anext(chunks)
        assert following.tick == 7 and following.born == pytest.approx(0.32)
        assert following.samples.all(), "what is said after it is spoken"

    run_virtual(scene())


def test_interrupted_the_mouth_closes_with_the_next_motion() -> None:
    """Nothing of what was said moves it any more, not even what was heard and not yet shown."""
    pack = load_pack(DEFAULT_PACK)
    jaw = [axis.name for axis in pack.card.axes].index("jawOpen")

    async def scene() -> None:
        engine = make_engine(pack, FakeDecoder())
        speech = Speech(engine.timeline)
        motion = VoiceMotion(engine, speech.chunks(), seed=0)
        motion.settings = Settings(life=0.0)
        speech.say(voice(30.0))
        opened: list[float] = []
        cleared_at = None
        async for moved in motion.motions():
            opened.append(float(moved.x[jaw]))
            if cleared_at is None and len(opened) > 10 and opened[-1] > 0.2:
                speech.clear()
                cleared_at = len(opened)
            if cleared_at is not None and len(opened) == cleared_at + 10:
                speech.close()
        assert cleared_at is not None and not any(opened[cleared_at:])
        assert not motion.speaking
        await engine.aclose()

    run(scene())
