"""A person is led through what is missing, on a system that the test plays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from latentcam.server.guide import LOOK_EVERY, Step, lead, typed_within
from latentcam.stream.errors import DeviceError
from tests.server.test_commands import ROOT


class World:
    """A machine and a person: what is missing goes away after so many looks, and the person types
    what the test says."""

    def __init__(self, *typed: str | None) -> None:
        self.said: list[str] = []
        self.opened: list[str] = []
        self.waited: list[float] = []
        self._typed = list(typed)

    def absent(self, *errors: DeviceError) -> Callable[[], None]:
        """A look that finds these, one after the other, and then nothing."""
        left = list(errors)

        def look() -> None:
            if left:
                raise left.pop(0)

        return look

    def answer(self, seconds: float) -> str | None:
        self.waited.append(seconds)
        return self._typed.pop(0) if self._typed else None

    def lead(self, *steps: Step) -> str:
        lead(steps, self.said.append, self.answer, self.opened.append)
        return "\n".join(self.said)


def test_what_is_there_is_not_asked_for() -> None:
    world = World()
    assert world.lead(Step("a", lambda: None), Step("b", lambda: None)) == (
        "Step 1 of 2, a: done.\nStep 2 of 2, b: done."
    )
    assert world.waited == []


def test_it_says_the_exact_commands_and_looks_again_by_itself() -> None:
    world = World()
    wrong = DeviceError("there is none", "sudo apt install x && sudo modprobe x")
    told = world.lead(Step("a camera", world.absent(*[wrong] * 4)))
    assert told.splitlines() == [
        "Step 1 of 1, a camera: there is none.",
        "    In another terminal:",
        "    sudo apt install x",
        "    sudo modprobe x",
        "This looks again every two seconds; Ctrl-C ends.",
        "Done.",
    ]
    assert world.waited == [LOOK_EVERY] * 3 and world.opened == []


def test_it_opens_the_right_page_only_when_it_is_asked_to() -> None:
    world = World(None, "", None, "what?", "s", "")
    wrong = DeviceError("OBS is not installed")
    step = Step("OBS", world.absent(*[wrong] * 8), ("Install OBS.",), "https://obs.example")
    told = world.lead(step)
    assert world.opened == ["https://obs.example"] * 2
    assert "    Install OBS." in told and "Enter opens https://obs.example" in told
    assert "skip" not in told and told.endswith("Done.")


def test_what_is_optional_may_be_skipped() -> None:
    world = World(None, "s")
    step = Step("a voice", world.absent(*[DeviceError("none")] * 9), optional=True)
    told = world.lead(step, Step("next", lambda: None))
    assert "s and Enter skip this step" in told and "Skipped." in told
    assert told.endswith("Step 2 of 2, next: done.") and len(world.waited) == 2


def test_when_another_thing_is_missing_it_says_so_once() -> None:
    world = World()
    first, second = DeviceError("no module", "one"), DeviceError("not allowed", "two")
    told = world.lead(Step("a camera", world.absent(first, first, second, second)))
    assert told.count("Now: not allowed.") == 1 and told.count("    two") == 1
    assert told.index("    one") < told.index("    two")


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe in the terminal's place")
def test_a_line_that_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with os.fdopen(read) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert typed_within(0.01) is None
        os.write(write, b"s \n")
        assert typed_within(60) == "s"
        os.close(write)
        slept: list[float] = []
        monkeypatch.setattr(time, "sleep", slept.append)
        assert typed_within(60) is None
    assert slept == [60], "a closed terminal is not asked again and again"


@pytest.mark.skipif(sys.platform != "linux", reason="a pseudo-terminal, and Linux's words")
@pytest.mark.skipif(bool(list(Path("/dev").glob("video*"))), reason="this machine has a camera")
def test_in_a_terminal_the_camera_leads_and_ctrl_c_ends_it() -> None:
    import pty

    terminal, other = pty.openpty()
    command = [sys.executable, "-m", "latentcam", "camera", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdin=other, stdout=other, stderr=other) as process:
        os.close(other)
        told = b""
        while b"Ctrl-C ends." not in told:
            told += os.read(terminal, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    told += os.read(terminal, 4096)
    os.close(terminal)
    assert b"its Python packages" in told and b"Traceback" not in told
    assert b"latentcam: interrupted" in told
