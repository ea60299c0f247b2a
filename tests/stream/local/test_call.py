"""One call from a voice to a camera: opened whole, run, ended, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.motion.performance import Settings
from latentcam.stream.composition import I420, Composer
from latentcam.stream.errors import DeviceError, MediaError
from latentcam.stream.local import pulse
from latentcam.stream.local.call import DEFAULT_OUTPUT, Call, Sound, open_call
from latentcam.stream.messages import Frame
from tests.aio import run
from tests.server.test_commands import write_sound
from tests.server.test_server import make_engine
from tests.sound_server import NEEDS_SOUND, SoundServer
from tests.voice import speech


class Shown:
    """What came to the camera."""

    def __init__(self) -> None:
        self.pictures: list[tuple[I420, int | None]] = []
        self.broken = False

    def show(self, picture: I420, frame: Frame | None) -> None:
        if self.broken:
            raise DeviceError("the camera is gone")
        self.pictures.append((picture, None if frame is None else frame.tick))

    @property
    def ticks(self) -> list[int]:
        return [tick for _, tick in self.pictures if tick is not None]


@contextlib.asynccontextmanager
async def opened(pack: AvatarPack, sound: Sound, shown: Shown) -> AsyncIterator[Call]:
    engine = make_engine(pack)
    anchor = engine.avatar.anchor("Ada")
    try:
        composer = Composer(320, 180)
        async with open_call(engine, anchor, Settings(), sound, composer, shown.show) as call:
            yield call
    finally:
        await engine.aclose()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "clip.wav", speech(2.0, 48000), 48000)


def threads() -> set[str]:
    rooms = ("sound", "compose", "camera")
    return {t.name for t in threading.enumerate() if t.name.startswith(rooms)}


def test_a_face_speaks_on_the_camera(tiny_pack: AvatarPack, clip: Path) -> None:
    async def scene() -> None:
        shown = Shown()
        async with opened(tiny_pack, Sound(file=clip), shown) as call:
            assert [tick for _, tick in shown.pictures] == [None], "a picture before the voice"
            assert shown.pictures[0][0].shape == (270, 320)
            assert call.notice == "" and call.voice_delay is None
            running = asyncio.create_task(call.run())
            await until(lambda: len(shown.ticks) > 25 and call.motion.level > 0.001)
            assert shown.ticks == sorted(set(shown.ticks)), "each once, in order"
            call.mute(True)
            await until(lambda: call.motion.level == 0.0)
            call.mute(False)
            await until(lambda: call.motion.level > 0.001)
            call.freeze(True)
            await until(lambda: [tick for _, tick in shown.pictures[-5:]] == [None] * 5)
            last = shown.pictures[-5:]
            assert all(np.array_equal(picture, last[0][0]) for picture, _ in last)
            seen = len(shown.ticks)
            call.freeze(False)
            await until(lambda: len(shown.ticks) > seen + 5)
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled()
        assert threads() == set()

    run(scene(), timeout=180)


def test_a_face_listens_to_another_file(tiny_pack: AvatarPack, clip: Path, tmp_path: Path) -> None:
    async def scene() -> None:
        still = write_sound(tmp_path / "still.wav", np.zeros(48000, np.float32), 48000)
        async with opened(tiny_pack, Sound(file=still, other_file=clip), Shown()) as call:
            assert call.motion.other is None and call.notice == ""
            running = asyncio.create_task(call.run())
            await until(lambda: call.motion._state.listening.listens)
            assert not call.motion.speaking
            running.cancel()
            await asyncio.wait({running})
        assert threads() == set()

    run(scene(), timeout=180)


@pytest.mark.parametrize("what", ["the file", "the camera"])
def test_what_fails_is_raised_and_all_is_closed(
    tiny_pack: AvatarPack, clip: Path, what: str
) -> None:
    async def scene() -> None:
        shown, error = Shown(), MediaError if what == "the file" else DeviceError
        async with opened(tiny_pack, Sound(file=clip), shown) as call:
            running = asyncio.create_task(call.run())
            await until(lambda: len(shown.ticks) > 5)
            if what == "the file":
                clip.write_bytes(b"")  # it stays open, so it cannot just go
            else:
                shown.broken = True
            with pytest.RaisesGroup(error, flatten_subgroups=True):
                await asyncio.wait_for(running, 60)
        assert threads() == set()

    run(scene(), timeout=120)


@pytest.mark.usefixtures("sound_server")
class TestWithSound:
    pytestmark = NEEDS_SOUND

    def test_the_voice_follows_the_picture_s_age(self, tiny_pack: AvatarPack, clip: Path) -> None:
        async def scene() -> None:
            shown, sound = Shown(), Sound(file=clip, voice_out="speakers")
            async with opened(tiny_pack, sound, shown) as call:
                first = call.voice_delay
                assert first is not None
                running = asyncio.create_task(call.run())
                await until(lambda: call.voice_delay != first)
                assert call.notice == "" and 0 < (call.voice_delay or 0) < 5
                running.cancel()
                await asyncio.wait({running})

        run(scene(), timeout=120)

    def test_what_the_system_plays_is_listened_to(
        self, tiny_pack: AvatarPack, clip: Path, tmp_path: Path
    ) -> None:
        async def scene() -> None:
            still = write_sound(tmp_path / "still.wav", np.zeros(48000, np.float32), 48000)
            sound = Sound(file=still, other=DEFAULT_OUTPUT)
            async with opened(tiny_pack, sound, Shown()) as call:
                running = asyncio.create_task(call.run())
                player = await asyncio.create_subprocess_exec("paplay", str(clip))
                await until(lambda: call.motion._state.listening.listens)
                assert call.notice == "" and not call.motion.speaking
                assert await player.wait() == 0
                running.cancel()
                await asyncio.wait({running})
            assert threads() == set()

        run(scene(), timeout=180)

    def test_a_name_that_nobody_else_has_is_refused(
        self, tiny_pack: AvatarPack, clip: Path
    ) -> None:
        async def scene() -> None:
            with pytest.raises(DeviceError, match="no microphone is called 'Stereo Mix'"):
                async with opened(tiny_pack, Sound(file=clip, other="Stereo Mix"), Shown()):
                    pass
            assert threads() == set()

        run(scene(), timeout=60)

    def test_what_only_the_call_hears_is_not_the_call_s_sound(self) -> None:
        assert pulse.default_monitor() == "speakers.monitor"
        with pulse.virtual_microphone() as sink:
            pulse.run_pactl("set-default-sink", sink)
            with pytest.raises(DeviceError, match="nobody but the call hears it"):
                pulse.default_monitor()

    def test_what_cannot_be_opened_leaves_no_virtual_microphone(
        self, tiny_pack: AvatarPack
    ) -> None:
        async def scene() -> None:
            sound = Sound(microphone="Yeti", virtual_microphone=True)
            with pytest.raises(DeviceError, match="no microphone is called 'Yeti'"):
                async with opened(tiny_pack, sound, Shown()):
                    pass
            assert pulse.list_names("sinks") == ["speakers"] and threads() == set()

        run(scene(), timeout=60)

    def test_a_microphone_that_goes_away_is_noticed(
        self, tiny_pack: AvatarPack, sound_server: SoundServer
    ) -> None:
        async def scene() -> None:
            async with opened(tiny_pack, Sound(), Shown()) as call:
                running = asyncio.create_task(call.run())
                sound_server.kill()
                await until(lambda: "The microphone went away" in call.notice)
                running.cancel()
                await asyncio.wait({running})

        run(scene(), timeout=120)
