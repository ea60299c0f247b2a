"""The virtual microphone while a call lasts, made again when the sound server has forgotten it.

A sound server that is restarted (an update of PipeWire, a monitor with loudspeakers that is plugged
in) keeps none of the devices that programs made.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor

from latentcam.stream.errors import DeviceError
from latentcam.stream.local import pulse

logger = logging.getLogger(__name__)

WATCH = 2.0  # seconds between looks whether it is there
NEWS = 60.0  # seconds for which a person is told that it was made again


class VirtualMicrophone:
    """thread: where the sound server is asked; one worker, shared with sound streams."""

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._lock = threading.Lock()  # the thread may still make it when the loop takes it away
        self._wanted = True
        self.lost = False
        """The sound server does not answer, so that it is gone, too."""
        self._made_again: float | None = None  # the loop's time

    @contextlib.contextmanager
    def made(self) -> Iterator[str]:
        """It is there while this lasts; yields the output to play into. Raises DeviceError."""
        with pulse.virtual_microphone() as output:
            try:
                yield output
            finally:
                with self._lock:
                    self._wanted = False

    def _make(self) -> bool:
        with self._lock:
            return self._wanted and pulse.make_virtual_microphone()

    async def run(self, made_again: Callable[[], Awaitable[None]]) -> None:
        """Watch it, for ever. made_again: called when what plays into it must be reopened."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH)
            try:
                anew = await loop.run_in_executor(self._thread, self._make)
            except DeviceError:
                if not self.lost:
                    self.lost = True
                    logger.warning("the sound server went away, and %s with it", pulse.SOURCE)
                continue
            self.lost = False
            if anew:
                self._made_again = loop.time()
                logger.warning("%s was gone and is made again", pulse.SOURCE)
                await made_again()

    def notice(self) -> str:
        """What a person should know at present, or nothing."""
        if self.lost:
            return (
                "The sound server went away, and the virtual microphone with it: nobody hears the "
                "voice until it is back."
            )
        since = self._made_again
        if since is not None and asyncio.get_running_loop().time() - since < NEWS:
            return (
                "The virtual microphone was gone and is made again. If the meeting does not hear "
                "you, choose it there once more."
            )
        return ""
