"""Microphone to face and voice out through a real PulseAudio, which needs no sound card."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from latentcam.stream.errors import DeviceError
from latentcam.stream.local import pulse
from tests.server.test_commands import ROOT
from tests.sound_server import NEEDS_SOUND, SoundServer

pytestmark = NEEDS_SOUND


@pytest.fixture
def server(sound_server: SoundServer) -> dict[str, str]:
    """The environment that leads to a sound server."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_a_virtual_microphone_comes_and_goes(server: dict[str, str]) -> None:
    with pulse.virtual_microphone() as sink:
        assert sink in pulse.list_names("sinks")
        assert pulse.SOURCE in pulse.list_names("sources")
    assert pulse.list_names("sinks") == ["speakers"]
    assert pulse.list_names("sources") == ["speakers.monitor"]


def test_a_virtual_microphone_that_half_fails_leaves_nothing(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sink once stayed behind when its source could not be made."""
    monkeypatch.setattr(pulse, "SOURCE", "two words")
    with pytest.raises(DeviceError, match="the sound server refused load-module"):
        with pulse.virtual_microphone():
            pass
    assert pulse.list_names("sinks") == ["speakers"]


def test_what_an_ended_program_left_behind_is_used_and_taken_away(server: dict[str, str]) -> None:
    left = pulse.virtual_microphone()
    left.__enter__()
    with pulse.virtual_microphone() as sink:
        assert pulse.list_names("sinks").count(sink) == 1
    assert pulse.list_names("sinks") == ["speakers"]


def test_the_command_names_and_refuses_devices(server: dict[str, str], tiny_folder: Path) -> None:
    def latentcam(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "latentcam", "camera", *arguments],
            capture_output=True, text=True, env=server, cwd=ROOT, timeout=120,
        )  # fmt: skip

    listed = latentcam("--list-devices").stdout
    assert (
        "mic     speakers.monitor  (default)" in listed and "out     speakers  (default)" in listed
    )
    base = ("--avatar", str(tiny_folder), "--device", "none", "--port", "0")
    refused = latentcam(*base, "--mic", "Yeti")
    assert refused.returncode == 2
    assert "no microphone is called 'Yeti'; there are: 'speakers.monitor'" in refused.stderr
    refused = latentcam(*base, "--voice-out", "CABLE")
    assert refused.returncode == 2 and "no output is called 'CABLE'" in refused.stderr


def test_ended_by_another_program_it_takes_its_microphone_away(
    server: dict[str, str], tiny_folder: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "latentcam", "camera", "--avatar", str(tiny_folder),
         "--device", "none", "--port", "0", "--create-virtual-mic"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=server, cwd=ROOT,
    )  # fmt: skip
    with process:
        assert process.stdout is not None and process.stderr is not None
        assert "the voice in latentcam_mic" in process.stdout.readline()
        assert pulse.SINK in pulse.list_names("sinks")
        process.terminate()
        assert process.wait(20) == 130 and process.stderr.read() == "latentcam: interrupted\n"
    assert pulse.list_names("sinks") == ["speakers"]


def test_the_voice_meets_the_lips(server: dict[str, str], tiny_folder: Path) -> None:
    """Spoken into a sink, heard by the face, played as late, recorded as an app does."""
    ran = subprocess.run(
        [sys.executable, "-m", "latentcam.benchmarks.voice_offset", "--minutes", "0.25",
         "--settle", "8", "--avatar", str(tiny_folder)],
        capture_output=True, text=True, env=server, cwd=ROOT, timeout=180,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])
    print(figures["offset_ms"], figures["off_ms"], figures["n"])
    assert figures["n"] >= 5
    # The voice is as late as the pictures were: on a busy machine those that come are not.
    age = re.search(r"age p50 (\d+) ms, p95 (\d+) ms", ran.stdout)
    assert age is not None, ran.stdout
    assert abs(figures["offset_ms"]["p50"]) <= 40 + int(age[2]) - int(age[1]), ran.stdout
