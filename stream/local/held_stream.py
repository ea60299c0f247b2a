"""A sound stream that is held for a whole call, and given up for a moment when others need that."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress

from latentcam.stream.errors import DeviceError
from latentcam.stream.local.sound_devices import Stream


class HeldStream(ABC):
    """thread: where PortAudio's blocking calls run; one worker, shared with other sound streams.

    Whoever holds `_opening` may close and open; what watches the device tries again by itself."""

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._stream: Stream | None = None
        self._opening = asyncio.Lock()

    @abstractmethod
    async def open(self) -> None:
        """Raises DeviceError."""

    async def close(self) -> None:
        """May be called twice."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await asyncio.get_running_loop().run_in_executor(self._thread, stream.close)

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Closed inside this context, even to what watches it; if cancelled, it stays closed."""
        async with self._opening:
            was_open = self._stream is not None
            await self.close()
            yield
            if was_open:
                with suppress(DeviceError):  # it is tried again
                    await self.open()
