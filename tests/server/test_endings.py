"""How a command ends: Ctrl-C at any moment, output that nobody reads, disks that are full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from latentcam.server.endings import SAID, leave, leave_at_once, orderly, raising
from tests.server.test_commands import ROOT, write_sound
from tests.voice import speech

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends SIGINT to itself")

PRESSED = """
import atexit, os, signal, sys

def press(*_):
    os.kill(os.getpid(), signal.SIGINT)

class AtImport:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            press()

moment = sys.argv.pop(1)
if moment == "the end of Python":
    atexit.register(press)
sys.meta_path.insert(0, AtImport())
"""
"""Ctrl-C is pressed once: at a module's import, or at the end."""

COMMAND = "from latentcam.__main__ import program; program()"
MODULE = "import runpy; runpy.run_module('latentcam', run_name='__main__', alter_sys=True)"
"""`latentcam`, and `python -m latentcam`."""


def pressed(moment: str, *argv: str, start: str = COMMAND) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", PRESSED + start, moment, *argv]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120)


@pytest.mark.parametrize("start", [COMMAND, MODULE])
@pytest.mark.parametrize("moment", ["latentcam.server", "latentcam.server.endings"])
def test_ctrl_c_before_there_is_a_handler(moment: str, start: str) -> None:
    """It was a traceback from the import of what handles it."""
    ended = pressed(moment, "--version", start=start)
    assert (ended.returncode, ended.stderr) == (130, SAID)


def test_little_is_imported_before_ctrl_c_is_handled(tmp_path: Path) -> None:
    """Without `site`, which loads much of the library where a package is installed to be edited."""
    (tmp_path / "latentcam").symlink_to(ROOT)
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); "
        "import latentcam.__main__; print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-S", "-c", code, str(tmp_path)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.stdout.split() == ["__future__", "latentcam", "latentcam.__main__"], ended.stderr


@pytest.mark.parametrize(
    "moment,argv",
    [
        ("latentcam.server.command_line", ["--version"]),
        ("importlib.metadata", ["--version"]),
        ("the end of Python", ["--version"]),
        ("latentcam.server.commands.serve", ["serve", "--port", "0"]),
        ("latentcam.server.run", ["serve", "--port", "0"]),
        ("latentcam.realtime_models.decoders.openvino_silent", ["avatar", "check", "studio"]),
        ("latentcam.server.checks", ["doctor"]),
        ("latentcam.server.camera_app", ["camera", "--device", "none"]),
        ("latentcam.benchmarks.bench", ["bench"]),
        ("shtab", ["completion", "bash"]),
    ],
)
def test_ctrl_c_while_a_command_gets_ready(moment: str, argv: list[str]) -> None:
    """It was a traceback from the middle of an import, for two seconds after each start."""
    ended = pressed(moment, *argv)
    assert (ended.returncode, ended.stderr) == (130, SAID)


@pytest.mark.parametrize("context", [orderly, raising])
def test_where_there_is_something_to_undo_it_is_an_exception(
    context: Callable[[], object],
) -> None:
    before = signal.getsignal(signal.SIGINT)
    undone = False
    with pytest.raises(KeyboardInterrupt), context():  # type: ignore[attr-defined]
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            undone = True
            if context is orderly:
                signal.raise_signal(signal.SIGINT)  # a hand that presses twice
    assert undone and signal.getsignal(signal.SIGINT) is before


def test_what_is_ignored_stays_ignored() -> None:
    """As nohup wants it, and a shell of what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        leave_at_once()
        with orderly(), raising():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        leave_at_once()
        assert signal.getsignal(signal.SIGINT) is leave
    finally:
        signal.signal(signal.SIGINT, before)


SERVES = ["serve", "--port", "0", "--avatar"]
"""Prints one line when all is warm, and would serve for ever."""
COMMANDS = [["--help"], ["render", "--help"], ["avatar", "show", "studio"], ["completion", "bash"]]


def latentcam(argv: list[str], stdout: int) -> tuple[int, bytes]:
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    ended = subprocess.run(
        [sys.executable, "-m", "latentcam", *argv],
        cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, env=kept, timeout=120,
    )  # fmt: skip
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("argv", COMMANDS)
def test_nobody_reads_the_output(argv: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        assert latentcam(argv, write) == (141, b"")
    finally:
        os.close(write)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("argv", COMMANDS)
def test_the_output_finds_no_space(argv: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        status, said = latentcam(argv, full.fileno())
    assert status == 2 and said.count(b"\n") == 1
    assert said.startswith(b"latentcam: the output cannot be ")
    assert said.endswith(b"No space left on device\n")


@pytest.mark.parametrize("camera", [False, True])
def test_a_server_whose_address_nobody_reads_ends_in_order(
    tiny_folder: Path, tmp_path: Path, camera: bool
) -> None:
    """It ended with two tracebacks: the print's, and the lifespan's that was left behind."""
    argv = [*SERVES, str(tiny_folder)]
    if camera:
        clip = write_sound(tmp_path / "clip.wav", speech(0.5), 16000)
        argv = ["camera", "--device", "none", "--mic", str(clip), *argv[1:]]
    read, write = os.pipe()
    os.close(read)
    try:
        assert latentcam(argv, write) == (141, b"")
    finally:
        os.close(write)
    if Path("/dev/full").exists():
        with open("/dev/full", "wb") as full:
            status, said = latentcam(argv, full.fileno())
        assert status == 2
        assert said == b"latentcam: the output cannot be used: No space left on device\n"
