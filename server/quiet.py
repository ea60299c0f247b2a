"""A log that strangers cannot fill."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

EVERY = 60.0  # seconds


class OncePerMinute(logging.Filter):
    """Lets one line of a kind through each minute, and says how many there were before.

    A kind is a logger, a level and a message before its arguments are filled in.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, int, str], float] = {}
        self._kept: dict[tuple[str, int, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = (record.name, record.levelno, str(record.msg)), self._clock()
        if now - self._said.get(kind, -EVERY) < EVERY:
            self._kept[kind] = self._kept.get(kind, 0) + 1
            return False
        self._said[kind] = now
        if kept := self._kept.pop(kind, 0):
            record.msg = f"{record.getMessage()} (and {kept} times since it was said last)"
            record.args = None
        return True


def keep_quiet() -> None:
    """Logs what strangers can cause once a minute, and what a session says of itself always."""
    limit = OncePerMinute()
    for name in ("asyncio", "uvicorn.error", "latentcam.server.door"):
        logging.getLogger(name).addFilter(limit)
