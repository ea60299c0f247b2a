"""A slot of one, or of a few: the newest win, others are counted. The only joint that drops."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One producer, one consumer, one event loop. Keeps the `most` newest values.

    Iterating takes the oldest of them, waits while there is none, and ends after `close`; what is
    in the slot at that moment is still delivered.
    """

    def __init__(self, most: int = 1) -> None:
        self._values: deque[T] = deque(maxlen=most)
        self._changed = asyncio.Event()
        self._closed = False
        self.skipped = 0

    def put(self, value: T) -> None:
        """When full, the oldest value not taken yet makes room. Returns at once."""
        self.skipped += len(self._values) == self._values.maxlen
        self._values.append(value)
        self._changed.set()

    def close(self) -> None:
        """No more values follow. May be called twice."""
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
        return self._values.popleft()
