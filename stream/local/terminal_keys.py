"""Single keys that are pressed in the terminal, without Enter."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator

LOOK_EVERY = 0.1  # seconds, on Windows, which tells nobody that a key was pressed


@contextlib.contextmanager
def terminal_keys(pressed: Callable[[str], None]) -> Iterator[bool]:
    """Calls `pressed` on the event loop with every key, in here; afterwards the terminal is as it
    was. Yields whether there is a terminal whose keys are ours: not with input from elsewhere, and
    not in the background. Ctrl-C stays what it is."""
    if sys.stdin is None or not sys.stdin.isatty():
        yield False
    elif sys.platform == "win32":
        with _windows(pressed):
            yield True
    else:
        with _posix(pressed) as ours:
            yield ours


@contextlib.contextmanager
def _posix(pressed: Callable[[str], None]) -> Iterator[bool]:
    if sys.platform == "win32":
        raise OSError("Windows has no termios")
    import termios
    import tty

    terminal, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    if os.tcgetpgrp(terminal) != os.getpgrp():  # it would be stopped for asking
        yield False
        return
    before = termios.tcgetattr(terminal)

    def read() -> None:
        keys = os.read(terminal, 64)
        if not keys:  # the terminal is gone
            loop.remove_reader(terminal)
        for key in keys.decode(errors="replace"):
            pressed(key)

    tty.setcbreak(terminal, termios.TCSADRAIN)
    loop.add_reader(terminal, read)
    try:
        yield True
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _windows(pressed: Callable[[str], None]) -> Iterator[None]:
    if sys.platform != "win32":
        raise OSError("only Windows has msvcrt")
    import msvcrt

    loop, ended = asyncio.get_running_loop(), threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_EVERY):
            while msvcrt.kbhit():  # so that reading never waits, and Ctrl-C stays a signal
                key = msvcrt.getwch()
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(pressed, key)

    watcher = threading.Thread(target=watch, name="terminal keys", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
