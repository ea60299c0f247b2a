"""The panic key in the terminal of a running `latentcam camera`, and what the terminal says."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from latentcam.server import panic
from latentcam.server.panic import panic_keys, tell
from tests.aio import run
from tests.server.test_commands import ROOT, write_sound
from tests.voice import speech


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_p_in_the_terminal_is_the_panic_key(tiny_folder: Path, tmp_path: Path) -> None:
    import pty

    clip = write_sound(tmp_path / "clip.wav", speech(1.0, 48000), 48000)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "latentcam", "camera", "--avatar", str(tiny_folder), "--mic",
         str(clip), "--device", "none", "--port", "0", "--real-camera", "none"],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(theirs), os.O_RDWR)),  # its terminal now
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        try:
            assert "P here: your real camera and microphone" in process.stderr.readline()
            os.write(ours, b"xp")
            assert "the call sees and hears YOU" in process.stderr.readline()
            os.write(ours, b"P")
            line = process.stderr.readline()
            if "still picture" in line:  # a warning of the log, which may come in between
                line = process.stderr.readline()
            assert "the call sees the avatar" in line
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)


def test_a_key_of_the_desktop_is_pressed_on_the_loop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It comes from a thread of pynput's."""
    keys: list[Callable[[], None]] = []

    class Fake:
        def __init__(self, wanted: str, pressed: Callable[[], None]) -> None:
            assert wanted == "<f9>"
            keys.append(pressed)

        def __enter__(self) -> None: ...

        def __exit__(self, *error: object) -> None: ...

    monkeypatch.setattr(panic, "hot_key", Fake)

    async def scene() -> None:
        loop, pressed = asyncio.get_running_loop(), asyncio.Event()
        with panic_keys(pressed.set, "<f9>"):
            await asyncio.to_thread(keys[0])
            await asyncio.wait_for(pressed.wait(), 10)
        await loop.shutdown_default_executor()

    run(scene())
    assert capsys.readouterr().err.startswith("latentcam: <f9> anywhere: your real camera")


def test_without_a_terminal_nothing_is_promised(capsys: pytest.CaptureFixture[str]) -> None:
    async def scene() -> None:
        with panic_keys(lambda: None, None):
            pass

    run(scene())
    assert capsys.readouterr().err == ""
    tell(True)
    assert "YOU" in capsys.readouterr().err
