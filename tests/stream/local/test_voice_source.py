"""A voice from a file as if spoken now; a microphone that goes away and comes back."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import numpy as np
import pytest

from latentcam.realtime_models.arrays import Samples
from latentcam.stream.errors import DeviceError
from latentcam.stream.local import voice_out, voice_source
from latentcam.stream.local.sound_devices import BLOCK, VOICE_RATE, OnSound, Stream, WantSound
from latentcam.stream.local.voice_out import VoiceLine, VoiceOut
from latentcam.stream.local.voice_source import LATE, Microphone, Voice, file_sounds
from latentcam.stream.messages import AudioChunk
from latentcam.stream.timeline import Timeline
from tests.aio import Inline, run_virtual
from tests.server.test_commands import write_sound
from tests.voice import speech


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "clip.wav", speech(1.0, VOICE_RATE), VOICE_RATE)


def test_a_file_is_spoken_at_its_speed_and_again(clip: Path) -> None:
    async def scene() -> list[tuple[float, AudioChunk]]:
        loop, chunks = asyncio.get_running_loop(), []
        voice = Voice(file_sounds(clip, Inline()), Timeline(25))
        async with contextlib.aclosing(voice.chunks()) as ticks:
            async for chunk in ticks:
                chunks.append((loop.time(), chunk))
                if len(chunks) == 60:
                    break
        return chunks

    chunks = run_virtual(scene())
    assert [chunk.tick for _, chunk in chunks] == list(range(60))
    times = np.array([time for time, _ in chunks])
    np.testing.assert_allclose(np.diff(times), 0.04, atol=0.0101)  # blocks are 10 ms
    assert times[-1] == pytest.approx(60 * 0.04, abs=0.02)
    heard = np.concatenate([chunk.samples for _, chunk in chunks])
    said = speech(1.0, 16000)
    for start in (0, 16000):
        part = heard[start + 100 : start + 15100]
        matches = [np.corrcoef(part, said[lag : lag + 15000])[0, 1] for lag in range(60, 140)]
        assert max(matches) > 0.95, "the same voice, from its beginning again"


def test_muted_is_silence_for_the_face_and_for_others(clip: Path) -> None:
    others: list[Samples] = []

    async def scene() -> list[AudioChunk]:
        voice = Voice(file_sounds(clip, Inline()), Timeline(25), lambda s, born: others.append(s))
        voice.muted = True
        async with contextlib.aclosing(voice.chunks()) as ticks:
            return [await anext(ticks) for _ in range(10)]

    chunks = run_virtual(scene())
    assert not any(chunk.samples.any() for chunk in chunks)
    assert len(others) >= 40 and not any(samples.any() for samples in others)


class FakePort:
    """PortAudio's side of the door: a microphone that may be there, deliver, or stop."""

    def __init__(self) -> None:
        self.there, self.working, self.opened, self.refreshed = True, True, 0, 0
        self.names: list[str | None] = []  # that were opened
        self.playing = 0
        self.refreshed_while_playing = 0

    def open(self, name: str | None, on_sound: OnSound) -> Stream:
        if not self.there or name == "none such":
            raise DeviceError("no microphone")
        self.opened += 1
        self.names.append(name)
        task = asyncio.get_running_loop().create_task(self._deliver(on_sound), name="port")

        class Opened:
            def close(self, ignore_errors: bool) -> None:
                task.cancel()

        return Stream(Opened())

    async def _deliver(self, on_sound: OnSound) -> None:
        while True:
            await asyncio.sleep(BLOCK / VOICE_RATE)
            if self.working:
                on_sound(np.full(BLOCK, 0.5, np.float32))

    def play(self, name: str, want_sound: WantSound) -> Stream:
        self.playing += 1
        port = self

        class Opened:
            def close(self, ignore_errors: bool) -> None:
                port.playing -= 1

        return Stream(Opened())

    def refresh(self) -> None:
        self.refreshed += 1
        self.refreshed_while_playing += self.playing


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> FakePort:
    fake = FakePort()
    monkeypatch.setattr(voice_source, "open_microphone", fake.open)
    monkeypatch.setattr(voice_source, "refresh", fake.refresh)
    monkeypatch.setattr(voice_out, "open_voice_out", fake.play)
    return fake


def test_while_the_microphone_is_gone_the_face_goes_on_in_silence(port: FakePort) -> None:
    """Unplugged at 2 s: PortAudio just stops calling. Plugged in again at 20 s."""
    loudness: list[tuple[float, float]] = []
    lost_at: list[float] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        microphone = Microphone(None, Inline())
        await microphone.open()

        async def events() -> None:
            await asyncio.sleep(2.0)
            port.working = port.there = False
            await asyncio.sleep(18.0)
            port.working = port.there = True

        plug = asyncio.create_task(events())
        voice = Voice(microphone.sounds(), Timeline(25))
        async with contextlib.aclosing(voice.chunks()) as ticks:
            async for chunk in ticks:
                loudness.append((loop.time(), float(np.abs(chunk.samples).mean())))
                if microphone.lost:
                    lost_at.append(loop.time())
                if loop.time() > 30.0:
                    break
        await plug
        await microphone.close()

    run_virtual(scene())
    times = np.array([time for time, _ in loudness])
    level = np.array([value for _, value in loudness])
    assert len(times) == pytest.approx(30 * 25, abs=8), "a tick for every moment, also the silent"
    assert np.diff(times[times > 6.0]).max() < 0.1, "and evenly, once it is known to be gone"
    assert (level[times < 1.9] > 0.4)[5:].all()
    assert not level[(times > 2.5) & (times < 19.9)].any()
    assert (level[times > 24.5] > 0.4).all(), "heard again within seconds"
    assert port.refreshed >= 2 and 4.9 < lost_at[0] < 5.6 and lost_at[-1] < 24.0


def test_another_microphone_is_heard_from_now_on_or_the_one_before(port: FakePort) -> None:
    async def scene() -> None:
        microphone = Microphone(None, Inline())
        await microphone.open()
        async with contextlib.aclosing(microphone.sounds()) as sounds:
            await microphone.choose("Yeti")
            assert microphone.name == "Yeti" and (await anext(sounds))[0].max() == 0.5
            with pytest.raises(DeviceError):
                await microphone.choose("none such")
            assert microphone.name == "Yeti" and (await anext(sounds))[0].max() == 0.5
            await microphone.choose("")
        await microphone.close()
        assert microphone.name == "" and port.names == [None, "Yeti", "Yeti", None]

    run_virtual(scene())


def test_what_is_played_is_heard_instead_and_then_the_microphone_again(port: FakePort) -> None:
    others: list[Samples] = []

    async def scene() -> None:
        microphone = Microphone(None, Inline())
        await microphone.open()
        voice = Voice(microphone.sounds(), Timeline(25), lambda s, born: others.append(s))
        async with contextlib.aclosing(voice.chunks()) as ticks:
            await anext(ticks)
            before = sum(map(len, others))
            voice.play(np.full(5 * BLOCK + 100, 0.25, np.float32))
            assert voice.playing
            for _ in range(3):
                await anext(ticks)
        await microphone.close()
        heard = np.concatenate(others)[before:]
        assert not voice.playing
        np.testing.assert_array_equal(heard[: 5 * BLOCK + 100], np.float32(0.25))
        np.testing.assert_array_equal(heard[5 * BLOCK + 100 : 6 * BLOCK], np.float32(0))
        np.testing.assert_array_equal(heard[6 * BLOCK :], np.float32(0.5))

    run_virtual(scene())


def test_the_voice_out_is_closed_while_the_list_of_devices_is_read(port: FakePort) -> None:
    """PortAudio freed its stream, and closing that one later was a crash."""

    async def scene() -> None:
        out = VoiceOut("cable", VoiceLine(0.1), Inline())
        await out.open()
        microphone = Microphone(None, Inline(), out.aside)
        await microphone.open()
        port.working = port.there = False
        async with contextlib.aclosing(microphone.sounds()) as sounds:
            async for _ in sounds:
                if port.refreshed == 2:
                    break
        assert port.playing == 1, "open again"
        await out.close()
        async with out.aside():
            pass
        assert port.playing == 0, "closed for good"
        await microphone.close()

    run_virtual(scene())
    assert port.refreshed == 2 and port.refreshed_while_playing == 0


def test_a_second_input_leaves_the_list_of_devices_to_the_microphone(port: FakePort) -> None:
    """Each would wait for the other to be closed; and it is closed while the list is read."""

    async def scene() -> None:
        second = Microphone("monitor", Inline(), None, "the call's sound")
        await second.open()
        async with second.aside():
            assert port.names == ["monitor"]
        assert port.names == ["monitor", "monitor"], "open again"
        port.working = port.there = False
        async with contextlib.aclosing(second.sounds()) as sounds:
            async for _ in sounds:
                if asyncio.get_running_loop().time() > 12.0:
                    break
            assert second.lost
            port.working = port.there = True
            async for samples, _ in sounds:
                if samples.any():
                    break
        assert not second.lost and port.refreshed == 0
        await second.close()
        async with second.aside():
            pass
        assert port.names == ["monitor"] * 3, "closed for good"

    run_virtual(scene())


def test_after_a_sleep_of_the_machine_silence_is_not_made_up_for(port: FakePort) -> None:
    """An hour asleep was once an hour of silence to hear."""

    async def scene() -> list[float]:
        port.working = False
        microphone, lengths = Microphone(None, Inline()), []
        await microphone.open()
        async with contextlib.aclosing(microphone.sounds()) as sounds:
            for pause in (0.0, 3600.0, 0.0):
                await asyncio.sleep(pause)
                samples, _ = await anext(sounds)
                lengths.append(len(samples) / VOICE_RATE)
        await microphone.close()
        return lengths

    first, after, then = run_virtual(scene())
    assert after <= LATE and 0 < first < 0.3 and 0 < then < 0.3
