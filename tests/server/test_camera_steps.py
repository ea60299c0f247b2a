"""What the camera needs on each system; the systems are played, none of them is asked."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentcam.server import camera_steps as steps
from latentcam.server.__main__ import main
from latentcam.server.camera_steps import camera_steps
from latentcam.stream.errors import DeviceError
from latentcam.stream.local.sound_devices import SoundDevice

OUT = SoundDevice("Speakers", False, True, True)


def test_linux_is_told_two_commands_and_no_page() -> None:
    found = camera_steps("linux")
    assert [step.name for step in found] == ["its Python packages", "a virtual camera"]
    assert all(step.page is None and step.how == () for step in found), "the commands are its own"
    found = camera_steps("linux", virtual_microphone=True)
    assert found[-1].name == "a sound server"


@pytest.mark.parametrize(
    "platform,pages",
    [
        ("darwin", [None, steps.OBS_PAGE, steps.MAC_PRIVACY, steps.BLACKHOLE_PAGE,
                    steps.MAC_MICROPHONE]),
        ("win32", [None, steps.OBS_PAGE, steps.CABLE_PAGE, steps.WINDOWS_MICROPHONE]),
    ],
)  # fmt: skip
def test_elsewhere_each_step_has_its_page(platform: str, pages: list[str | None]) -> None:
    found = camera_steps(platform)
    assert [step.page for step in found] == pages
    assert [step.optional for step in found][-2:] == [True, True], "a face can do without"
    assert not any(step.optional for step in found[:-2])
    named = camera_steps(platform, voice_out="CABLE Input", microphone=False)
    assert len(named) == len(found) - 1 and not named[-1].optional, "asked for by name"


def wrong(look: Callable[[], None]) -> str:
    with pytest.raises(DeviceError) as error:
        look()
    return error.value.found


def test_packages_that_are_installed_meanwhile_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    there: set[str] = set()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in there or None)
    monkeypatch.setattr(steps, "list_sound_devices", list)
    assert wrong(steps.packages) == "pyvirtualcam and sounddevice are not installed"
    there.add("sounddevice")
    assert wrong(steps.packages) == "pyvirtualcam is not installed"
    there.add("pyvirtualcam")
    steps.packages()


def test_a_way_for_the_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [OUT]
    monkeypatch.setattr(steps, "refresh", lambda: None)
    monkeypatch.setattr(steps, "list_sound_devices", lambda: devices)
    assert wrong(lambda: steps.voice(None)) == "no output leads into a meeting's microphone"
    devices.append(SoundDevice("CABLE Input (VB-Audio Virtual Cable)", False, True, False))
    steps.voice(None)


def test_a_microphone_without_permission_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Stream:
        def close(self) -> None:
            closed.append(self)

    def gives(*levels: float) -> None:
        def opens(name: str | None, on_sound: Any) -> Stream:
            for level in levels:
                on_sound(np.full(480, level, np.float32))
            return Stream()

        monkeypatch.setattr(steps, "open_microphone", opens)

    monkeypatch.setattr(steps, "LISTEN", 0.01)
    gives(0.0, 0.0)
    assert wrong(steps.hearing) == "the default microphone gives no sound"
    gives(0.0, 1e-4)
    steps.hearing()
    assert len(closed) == 2


def test_obs_is_looked_for_where_macs_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    app = Path("/nowhere/Applications/OBS.app")
    assert wrong(lambda: steps.obs_app(app)) == "OBS is not installed"
    (tmp_path / "nowhere/Applications/OBS.app").mkdir(parents=True)
    steps.obs_app(app)


def test_without_a_terminal_nobody_is_led(capsys: pytest.CaptureFixture[str]) -> None:
    assert not sys.stdin.isatty()
    assert main(["camera", "--setup"]) == 2
    told = capsys.readouterr().err
    assert told == (
        "latentcam: --setup asks and waits, which takes a terminal: latentcam doctor camera\n"
    )
