"""The panic key wherever it may be pressed, and which of the two the call sees, in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator

from latentcam.stream.local.hot_key import hot_key
from latentcam.stream.local.terminal_keys import terminal_keys

KEY = "p"


@contextlib.contextmanager
def panic_keys(press: Callable[[], None], everywhere: str | None) -> Iterator[None]:
    """In here, P in the terminal and the keys `everywhere`, if any, call `press` on the event loop.
    Raises DeviceError if there can be no such keys."""
    loop = asyncio.get_running_loop()

    def pressed(key: str) -> None:
        if key.lower() == KEY:
            press()

    with contextlib.ExitStack() as stack:
        places = ["P here"] if stack.enter_context(terminal_keys(pressed)) else []
        if everywhere is not None:
            stack.enter_context(hot_key(everywhere, lambda: loop.call_soon_threadsafe(press)))
            places.append(f"{everywhere} anywhere")
        if places:
            _say(f"{' or '.join(places)}: your real camera and microphone, and back to the avatar")
        yield


def tell(through: bool) -> None:
    """Say which of the two the call sees."""
    _say("the call sees and hears YOU" if through else "the call sees the avatar")


def _say(words: str) -> None:
    if sys.stderr is not None:
        print(f"latentcam: {words}", file=sys.stderr, flush=True)
