"""A face that talks for a program: lips and sound in step, paced, whole, and stopped at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.benchmarks.tools.mouths import Lips, MouthDecoder, Recording, mouth
from latentcam.benchmarks.tools.voice import talk
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.engine import Engine
from latentcam.stream.errors import EngineFull, MediaError
from latentcam.stream.talking import Moment, TalkingFace
from latentcam.stream.timeline import Timeline
from tests.aio import Inline, run_virtual
from tests.voice import speech

OPEN = 0.1  # of the jaw


@pytest.fixture(scope="module")
def pack() -> AvatarPack:
    return load_pack(DEFAULT_PACK)


def engine_of(pack: AvatarPack, fps: int = 25, places: int = 1) -> Engine:
    """Whose threads take no time, for a virtual clock."""
    engine = Engine(
        Avatar(pack, MouthDecoder(pack, "Nora")), Performer(pack), Timeline(fps), places
    )
    engine._motion_thread = Inline()  # type: ignore[assignment]
    engine.renderer._threads = Inline()  # type: ignore[assignment]
    return engine


def face_of(engine: Engine, rate: int = 24000, lag: float = 0.0) -> TalkingFace:
    face = TalkingFace(engine, engine.avatar.anchor("Nora"), rate, lag=lag)
    face.settings = Settings(life=0.0)
    return face


def play(
    pack: AvatarPack,
    feed: Callable[[TalkingFace, Moment], None],
    rate: int = 24000,
    fps: int = 25,
    lag: float = 0.0,
) -> list[tuple[float, Moment]]:
    """All moments and when they came; `feed` is called after each, and closes the face."""

    async def scene() -> list[tuple[float, Moment]]:
        loop, seen = asyncio.get_running_loop(), []
        face = face_of(engine_of(pack, fps), rate, lag)
        begun = loop.time()
        async for moment in face.moments():
            seen.append((loop.time() - begun, moment))
            feed(face, moment)
        return seen

    return run_virtual(scene())


def saying(sound: NDArray[np.float32], rate: int, at: int = 2) -> Callable[..., None]:
    """Says it all in one burst after tick `at`, and no more."""

    def feed(face: TalkingFace, moment: Moment) -> None:
        if moment.tick == at:
            face.say(sound, rate)
            face.close()

    return feed


@pytest.mark.parametrize(("rate", "fps"), [(24000, 25), (22050, 25), (48000, 30), (16000, 24)])
def test_what_is_said_is_heard_whole_by_the_clock(pack: AvatarPack, rate: int, fps: int) -> None:
    sound = speech(1.5, rate)
    seen = play(pack, saying(sound, rate), rate, fps)
    assert [at for at, _ in seen] == pytest.approx([k / fps for k in range(len(seen))])
    assert [moment.tick for _, moment in seen] == list(range(len(seen)))
    spoken = [m for _, m in seen if m.speaks]
    heard = np.concatenate([m.sound for m in spoken])
    begin = int(np.flatnonzero(heard)[0]) - int(np.flatnonzero(sound)[0])
    assert 0 <= begin < 0.06 * rate, "it begins within two ticks"
    np.testing.assert_array_equal(heard[begin : begin + len(sound)], sound)
    assert sum(m.marks for _, m in seen) == seen[-1][1].marks == 1, "the end, with the last of it"
    assert sum(len(m.sound) for _, m in seen) == len(seen) * rate // fps


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_comes_out_at_the_framework_s(pack: AvatarPack, rate: int, channels: int) -> None:
    def feed(face: TalkingFace, moment: Moment) -> None:
        if moment.tick == 0:
            pcm = (speech(1.0, rate) * 32767).astype(np.int16)
            for part in np.array_split(pcm, 7):
                face.say(part if channels == 1 else np.stack([part] * channels, axis=1), rate)
            face.close()

    heard = np.concatenate([m.pcm for _, m in play(pack, feed) if m.speaks]) / 32767
    match = np.correlate(heard, speech(1.0, 24000)[6000:12000], "valid")
    best = int(np.argmax(match))
    part = heard[best : best + 6000]
    assert np.corrcoef(part, speech(1.0, 24000)[6000:12000])[0, 1] > 0.98


def test_lips_and_sound_are_in_step_whatever_the_framework_adds(pack: AvatarPack) -> None:
    """A framework that plays sound 60 ms after it got it, or shows pictures 40 ms later."""
    voice = talk(15.0, 16000)
    lips = Lips(pack, voice, 16000)
    for lag, fps in ((0.0, 25), (0.06, 25), (-0.04, 25), (0.0, 30), (0.1, 30)):
        recording = Recording()
        for at, moment in play(pack, saying(voice, 16000, at=0), 16000, fps, lag):
            assert moment.picture is not None
            recording.pictures.append((at, mouth(moment.picture)))
            recording.sound.append((at + lag, moment.sound))
        found = recording.offsets(lips, 1 / fps, begun=0.0)[:, 1]
        assert len(found) >= 2 and np.abs(found).max() < 0.010, (lag, fps, found)


def test_silence_moves_no_lips_and_speech_does(pack: AvatarPack) -> None:
    def feed(face: TalkingFace, moment: Moment) -> None:
        if moment.tick == 50:
            face.say(speech(2.0, 24000), 24000)
            face.end()
        if moment.tick == 150:
            face.close()

    opened = [mouth(m.picture) for _, m in play(pack, feed) if m.picture is not None]
    assert max(opened[:50]) < 0.01 and max(opened[115:]) < 0.01
    assert max(opened[50:100]) > 0.2 and opened[53:57] != [opened[0]] * 4, "within 200 ms"


@pytest.mark.parametrize("lag", [0.0, 0.08])
def test_interrupted_the_next_picture_is_shut_and_nothing_else_is_heard(
    pack: AvatarPack, lag: float
) -> None:
    cleared: list[int] = []

    def feed(face: TalkingFace, moment: Moment) -> None:
        if moment.tick == 0:
            face.say(speech(30.0, 24000), 24000)
            face.end()
        assert moment.picture is not None
        if not cleared and moment.tick > 10 and mouth(moment.picture) > 0.2:
            face.clear()
            cleared.append(moment.tick)
        if cleared and moment.tick == cleared[0] + 25:
            face.close()

    seen = play(pack, feed, lag=lag)
    after = [m for _, m in seen[cleared[0] + 1 :]]
    assert seen[cleared[0] + 1][0] == pytest.approx(seen[cleared[0]][0]), "at once"
    assert len(after) >= 25
    assert max(mouth(m.picture) for m in after if m.picture is not None) < 0.01
    assert not any(m.sound.any() or m.speaks or m.marks for m in after[:-1])


def test_interrupted_while_a_picture_is_drawn_that_one_is_not_shown(pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = engine_of(pack)
        face = face_of(engine)
        face.say(speech(5.0, 24000), 24000)
        moments = face.moments()
        for _ in range(20):
            await anext(moments)

        class Clearing(Inline):
            def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
                future = super().submit(fn, *args, **kwargs)
                face.clear()
                return future

        drawing, engine.renderer._threads = engine.renderer._threads, Clearing()  # type: ignore
        dropped = await anext(moments)
        assert dropped.picture is None and not dropped.sound.any() and not dropped.speaks
        engine.renderer._threads = drawing
        following = await anext(moments)
        assert following.picture is not None and mouth(following.picture) < 0.01
        await moments.aclose()

    run_virtual(scene())


def test_what_is_said_after_an_interruption_is_said_whole(pack: AvatarPack) -> None:
    sound = speech(0.5, 24000)

    def feed(face: TalkingFace, moment: Moment) -> None:
        if moment.tick == 0:
            face.say(speech(3.0, 22050), 22050)
        if moment.tick == 10:
            face.clear()
            face.say(sound, 24000)
            face.close()

    moments = [m for _, m in play(pack, feed)]
    heard = np.concatenate([m.sound for m in moments[11:]])
    begin = int(np.flatnonzero(heard)[0]) - int(np.flatnonzero(sound)[0])
    np.testing.assert_array_equal(heard[begin : begin + len(sound)], sound)
    assert moments[-1].marks == 1 and sum(m.marks for m in moments) == 1


def test_a_machine_that_is_late_for_every_picture_still_shows_some(pack: AvatarPack) -> None:
    """It had shown none at all, and whoever called saw no face."""

    async def scene() -> None:
        engine = engine_of(pack)
        on_motion_thread = engine.on_motion_thread

        async def slowly(function, *args, **named):  # type: ignore[no-untyped-def]
            if function == engine.performer.perform:
                await asyncio.sleep(0.03)
            return await on_motion_thread(function, *args, **named)

        engine.on_motion_thread = slowly  # type: ignore
        face = face_of(engine)
        face.say(speech(1.0, 24000), 24000)
        face.close()
        drawn = [m.tick for m in [m async for m in face.moments()] if m.picture is not None]
        assert drawn == list(range(0, 26, 5))

    run_virtual(scene())


@pytest.mark.parametrize("holds", [0.05, 1.0])
def test_held_up_media_time_stands_still(pack: AvatarPack, holds: float) -> None:
    """No burst afterwards, no sample lost, and a picture for every tick. A full queue of the
    framework's had kept it late, with sound but without pictures, until the sentence was over."""
    sound = speech(2.0, 24000)

    async def scene() -> None:
        loop, face = asyncio.get_running_loop(), face_of(engine_of(pack))
        face.say(sound, 24000)
        face.close()
        heard, times = [], []
        async for moment in face.moments():
            assert moment.picture is not None
            heard.append(moment.sound)
            times.append(loop.time())
            if 20 <= moment.tick < 25:
                await asyncio.sleep(holds)
        whole = np.concatenate(heard)
        begin = int(np.flatnonzero(whole)[0]) - int(np.flatnonzero(sound)[0])
        np.testing.assert_array_equal(whole[begin : begin + len(sound)], sound)
        expected = np.full(len(times) - 1, 0.04)
        expected[20:25] = holds
        assert np.diff(times) == pytest.approx(expected)

    run_virtual(scene())


def test_a_machine_too_slow_shows_fewer_pictures_and_says_every_word(pack: AvatarPack) -> None:
    async def scene() -> None:
        loop, engine = asyncio.get_running_loop(), engine_of(pack)
        render = engine.renderer.render

        async def slowly(anchor, x):  # type: ignore[no-untyped-def]
            await asyncio.sleep(0.07)
            return await render(anchor, x)

        engine.renderer.render = slowly  # type: ignore[method-assign]
        face = face_of(engine)
        face.say(speech(4.0, 24000), 24000)
        face.close()
        moments, begun = [], loop.time()
        async for moment in face.moments():
            moments.append(moment)
        took, drawn = loop.time() - begun, sum(m.picture is not None for m in moments)
        assert took < 1.1 * len(moments) / 25, "in real time"
        assert len(moments) / 3 < drawn < len(moments) * 0.7

    run_virtual(scene())


def test_places_are_counted_and_given_back(pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = engine_of(pack)
        first, second = face_of(engine).moments(), face_of(engine).moments()
        await anext(first)
        with pytest.raises(EngineFull, match="all 1 places are taken"):
            await anext(second)
        await first.aclose()
        assert engine.sessions == 0
        third = face_of(engine).moments()
        await anext(third)
        await third.aclose()

    run_virtual(scene())


@pytest.mark.parametrize(
    ("samples", "rate", "said"),
    [
        (np.zeros(10), 16000, r"samples float64 \(10,\), expected float32 or int16"),
        (np.zeros((2, 2, 2), np.float32), 16000, r"\(2, 2, 2\)"),
        (np.zeros(10, np.float32), 100, "100 samples a second"),
    ],
)
def test_what_is_no_voice_is_refused_in_a_sentence(
    pack: AvatarPack, samples: NDArray[np.float32], rate: int, said: str
) -> None:
    face = face_of(engine_of(pack))
    with pytest.raises(ValueError, match=said):
        face.say(samples, rate)


def test_a_closed_face_is_told_nothing_more(pack: AvatarPack) -> None:
    engine = engine_of(pack)
    face = face_of(engine)
    face.close()
    face.close()
    with pytest.raises(ValueError, match="after close"):
        face.say(np.zeros(10, np.float32), 16000)
    with pytest.raises(MediaError, match="10 samples a second"):
        TalkingFace(engine, engine.avatar.anchor("Nora"), 10)
