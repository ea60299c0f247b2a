"""How a command ends: exit statuses, and Ctrl-C, which ends it at once while it gets ready and in
order while there is something to clean up.

KeyboardInterrupt is raised between any two instructions of the main thread. In the middle of an
import, of a callback or of Python's own end it is shown as a traceback or swallowed, so it is
raised only where a command has begun something that must be undone.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141  # what a shell says of a program that SIGPIPE ended
SAID = b"latentcam: interrupted\n"


def leave(number: int, frame: FrameType | None) -> None:
    """A handler that ends the process on the spot. Nothing that it has opened outlives it."""
    try:
        os.write(2, SAID)
    except OSError:  # nobody is there to read it
        pass
    os._exit(EXIT_INTERRUPTED)


def written(status: int) -> int:
    """Write what is still held for stdout; returns the exit status.

    Python would do so after everything else, and show a traceback where it cannot: because the
    program that read it has ended, as in `latentcam --help | head -1`, or the disk is full.
    """
    if sys.stdout is None:  # closed from the start
        return status
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if status:  # the command itself has found out, or failed for another reason
            return status
        if isinstance(error, BrokenPipeError):
            return EXIT_PIPE
        os.write(2, f"latentcam: the output cannot be written: {error.strerror}\n".encode())
        return EXIT_REFUSED
    return status


def leave_at_once() -> None:
    """From now on Ctrl-C ends the process on the spot."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # by nohup, or a shell's `&`
        signal.signal(signal.SIGINT, leave)


@contextmanager
def raising() -> Iterator[None]:
    """Inside, Ctrl-C raises KeyboardInterrupt, which asyncio.run turns into a cancelled task."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def handled(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Inside, Ctrl-C, SIGTERM and SIGHUP call the handler, in the main thread."""
    names = ["SIGINT"] + ([] if sys.platform == "win32" else ["SIGTERM", "SIGHUP"])
    kinds = [signal.Signals[name] for name in names]
    # A process that ignores a signal goes on ignoring it: nohup means it.
    before = {k: signal.getsignal(k) for k in kinds if signal.getsignal(k) is not signal.SIG_IGN}
    for kind in before:
        signal.signal(kind, handler)
    try:
        yield
    finally:
        for kind, former in before.items():
            signal.signal(kind, former)


@contextmanager
def orderly() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt in what runs inside, so that it cleans up
    after itself.

    A second Ctrl-C changes nothing: a hand that presses twice must not stop the cleaning. A second
    SIGTERM or SIGHUP ends the process on the spot.
    """

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
        raise KeyboardInterrupt

    with handled(end):
        yield
