"""A slot of one: the newest value wins, the rest are counted. The only joint that may drop."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One producer, one consumer, one event loop.

    Iterating waits for a value newer than the last one taken and ends after `close`; a value
    that is in the slot at that moment is still delivered.
    """

    def __init__(self) -> None:
        self._values: list[T] = []  # empty, or the one newest value
        self._changed = asyncio.Event()
        self._closed = False
        self.skipped = 0

    def put(self, value: T) -> None:
        """Replace whatever was not taken yet. Returns at once."""
        self.skipped += len(self._values)
        self._values = [value]
        self._changed.set()

    def close(self) -> None:
        """No value follows. May be called twice."""
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> Latest[T]:
        return self

    async def __anext__(self) -> T:
        while not self._values:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()  # cancelled here: nothing was taken
        return self._values.pop()
