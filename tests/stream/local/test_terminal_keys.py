"""Keys of a real terminal, which is as it was afterwards; none where there is no terminal."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from latentcam.stream.local.terminal_keys import terminal_keys
from tests.aio import run

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import asyncio, sys
from latentcam.stream.local.terminal_keys import terminal_keys

async def main():
    done, keys = asyncio.Event(), []
    def pressed(key):
        keys.append(key)
        if key == "q":
            done.set()
    with terminal_keys(pressed) as ours:
        print("ready", ours, flush=True)
        await done.wait()
    print("keys", "".join(keys), flush=True)

asyncio.run(main())
"""


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals")
    import pty

    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def started(theirs: int, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, sys.executable, "-c", PROGRAM], stdin=theirs, stdout=subprocess.PIPE,
        text=True, cwd=ROOT, start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(theirs), os.O_RDWR)),  # its terminal now
    )  # fmt: skip


def test_keys_come_at_once_and_the_terminal_is_as_before(terminal: tuple[int, int]) -> None:
    import termios

    ours, theirs = terminal
    before = termios.tcgetattr(theirs)
    with started(theirs) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready True\n"
        during = termios.tcgetattr(theirs)
        assert during != before and during[3] & termios.ISIG, "Ctrl-C stays a signal"
        os.write(ours, b"pPq")  # no Enter
        assert process.stdout.readline() == "keys pPq\n"
    assert termios.tcgetattr(theirs) == before


def test_input_from_elsewhere_is_left_alone() -> None:
    """pytest's own input is none."""

    async def scene() -> None:
        with terminal_keys(lambda key: None) as ours:
            assert not ours
            await asyncio.sleep(0)

    run(scene())
