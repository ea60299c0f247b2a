"""The virtual microphone is there while a call lasts, whatever becomes of the sound server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from latentcam.stream.local import pulse, virtual_microphone
from latentcam.stream.local.virtual_microphone import VirtualMicrophone
from tests.aio import run
from tests.server.test_commands import ROOT, write_sound
from tests.sound_server import NEEDS_PULSE, NEEDS_SOUND, SoundServer
from tests.voice import speech

DEADLINE = 90.0  # seconds, on a busy machine


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not true():
            await asyncio.sleep(0.05)


@NEEDS_PULSE
@pytest.mark.parametrize("how", ["restarted", "both taken away", "source taken away"])
def test_it_is_made_again(
    sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A restart of the sound server once took it away until the end of the call."""
    monkeypatch.setattr(virtual_microphone, "WATCH", 0.1)

    def modules(holding: str) -> list[str]:
        listed = pulse.run_pactl("list", "short", "modules").splitlines()
        return [line.split("\t")[0] for line in listed if holding in line]

    async def scene() -> None:
        played_anew = asyncio.Event()

        async def reopen() -> None:
            played_anew.set()

        with ThreadPoolExecutor(1) as thread:
            virtual = VirtualMicrophone(thread)
            with virtual.made() as sink:
                assert sink == pulse.SINK and virtual.notice() == ""
                watching = asyncio.create_task(virtual.run(reopen))
                if how == "restarted":
                    sound_server.kill()
                    await until(lambda: "nobody hears the voice" in virtual.notice())
                    assert not played_anew.is_set()
                    sound_server.start()
                else:
                    found = modules(pulse.SINK if how == "both taken away" else pulse.SOURCE)
                    assert len(found) == (2 if how == "both taken away" else 1)
                    for index in reversed(found):
                        pulse.run_pactl("unload-module", index)
                await asyncio.wait_for(played_anew.wait(), DEADLINE)
                assert pulse.list_names("sinks").count(pulse.SINK) == 1
                assert pulse.list_names("sources").count(pulse.SOURCE) == 1
                assert "choose it there once more" in virtual.notice()
                monkeypatch.setattr(virtual_microphone, "NEWS", 0.0)
                assert virtual.notice() == "", "old news is none"
                watching.cancel()
                await asyncio.wait({watching})
        assert pulse.list_names("sinks") == ["speakers"]

    run(scene(), timeout=3 * DEADLINE)


@NEEDS_PULSE
def test_it_is_not_made_again_after_the_end(sound_server: SoundServer) -> None:
    """The thread may be about to, when the call ends."""

    async def scene() -> None:
        with ThreadPoolExecutor(1) as thread:
            virtual = VirtualMicrophone(thread)
            with virtual.made():
                pass
            assert await asyncio.get_running_loop().run_in_executor(thread, virtual._make) is False
        assert pulse.list_names("sinks") == ["speakers"]

    run(scene())


class TestTheCommand:
    pytestmark = NEEDS_SOUND

    def test_the_voice_is_heard_again_and_the_page_says_what_happened(
        self, sound_server: SoundServer, tiny_folder: Path, tmp_path: Path
    ) -> None:
        clip = write_sound(tmp_path / "clip.wav", speech(2.0, 48000), 48000)
        process = subprocess.Popen(
            [sys.executable, "-m", "latentcam", "camera", "--avatar", str(tiny_folder), "--mic",
             str(clip), "--device", "none", "--port", "0", "--create-virtual-mic"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env=dict(os.environ),
        )  # fmt: skip
        with process:
            assert process.stdout is not None and process.stderr is not None
            try:
                address = process.stdout.readline().split()[-1]

                def noticed(part: str) -> dict[str, Any]:
                    end = time.monotonic() + DEADLINE
                    while time.monotonic() < end:
                        with urllib.request.urlopen(address + "/state", timeout=20) as answer:
                            state: dict[str, Any] = json.load(answer)
                        if part in state["notice"]:
                            return state
                        time.sleep(0.1)
                    raise AssertionError(f"never noticed: {part!r}")

                def played() -> bool:
                    """Something plays into it."""
                    sinks = pulse.run_pactl("list", "short", "sinks").splitlines()
                    (index,) = (s.split("\t")[0] for s in sinks if pulse.SINK in s)
                    inputs = pulse.run_pactl("list", "short", "sink-inputs").splitlines()
                    return any(one.split("\t")[1] == index for one in inputs)

                assert played()
                sound_server.kill()
                noticed("nobody hears the voice")
                sound_server.start()
                noticed("choose it there once more")
                end = time.monotonic() + DEADLINE
                while not played():
                    assert time.monotonic() < end, "nothing plays into it"
                    time.sleep(0.2)
                process.send_signal(signal.SIGTERM)
                _, told = process.communicate(timeout=DEADLINE)
                assert process.returncode == 130
                assert "latentcam_mic was gone and is made again" in told
                assert pulse.list_names("sinks") == ["speakers"]
            finally:
                process.kill()
