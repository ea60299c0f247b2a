"""A voice from a microphone that may come and go, or from a file as if it were being spoken."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    nullcontext,
    suppress,
)
from pathlib import Path

import numpy as np

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.stream.errors import DeviceError, MediaError
from latentcam.stream.local.held_stream import HeldStream
from latentcam.stream.local.sound_devices import BLOCK, VOICE_RATE, open_microphone, refresh
from latentcam.stream.messages import AudioChunk
from latentcam.stream.resample import Resampler
from latentcam.stream.ticks import TickCutter
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_file import Blocks, VoiceFile, read_voice, resampled

logger = logging.getLogger(__name__)

HELD_BLOCKS = 50  # half a second that may wait for a slow motion model; older sound is lost
LATE = HELD_BLOCKS * BLOCK / VOICE_RATE  # a file waits instead; no more silence at a time
PIECE = 50 * BLOCK  # of a file, decoded at a time
PATIENCE = 0.2  # seconds without sound until silence is filled in
LOST_AFTER = 3.0  # seconds without sound until the microphone is opened again

Sounds = AsyncGenerator[tuple[Samples, float], None]
"""float32 [n] at VOICE_RATE without gaps, each with the loop's time when its last sample came."""

OnVoice = Callable[[Samples, float], None]


async def file_sounds(path: Path, thread: Executor) -> Sounds:
    """The voice of a file at the speed of speech, over and over. Raises MediaError.

    thread: where the file is read and decoded.
    """
    loop = asyncio.get_running_loop()
    pieces, due = _again_and_again(path), loop.time()
    while True:
        piece = await loop.run_in_executor(thread, next, pieces)
        for samples in np.split(piece, range(BLOCK, len(piece), BLOCK)):
            due = max(due + len(samples) / VOICE_RATE, loop.time() - LATE)
            await asyncio.sleep(due - loop.time())
            yield samples, due


def _again_and_again(path: Path) -> Iterator[Samples]:
    """float32 [n] at VOICE_RATE, n from 1 to PIECE, without end. Raises MediaError."""
    with VoiceFile(path) as file:
        while True:
            voice = Blocks(resampled(file.sounds(), VOICE_RATE))
            while voice.length is None:
                piece = voice.take(PIECE)
                if voice.length is not None:  # what follows in it is no sound of the file
                    piece = piece[: voice.length - voice.taken]
                if len(piece):
                    yield piece


class Microphone(HeldStream):
    """A microphone by name, or the system's default. Silence takes its place while it is gone.

    thread: where PortAudio's blocking calls run; one worker, shared with other sound streams.
    aside: a context in which the other streams are closed, to read the list of devices again; None:
    it is never read again. what: what people are told that it is.
    """

    def __init__(
        self,
        name: str | None,
        thread: Executor,
        aside: Callable[[], AbstractAsyncContextManager[None]] | None = nullcontext,
        what: str = "the microphone",
    ) -> None:
        super().__init__(thread)
        self._name, self._aside, self._what = name, aside, what
        self._blocks: deque[tuple[Samples, float]] = deque(maxlen=HELD_BLOCKS)
        self._arrived = asyncio.Event()
        self.lost = False
        """Whether it has gone away and silence takes its place."""

    async def open(self) -> None:
        """Raises DeviceError."""
        loop = asyncio.get_running_loop()

        def on_sound(samples: Samples) -> None:  # in PortAudio's thread
            loop.call_soon_threadsafe(self._put, samples, loop.time())

        self._stream = await loop.run_in_executor(
            self._thread, open_microphone, self._name, on_sound
        )

    def _put(self, samples: Samples, born: float) -> None:
        self._blocks.append((samples, born))
        self._arrived.set()

    @property
    def name(self) -> str:
        """As it was asked for; nothing for the system's default."""
        return self._name or ""

    async def choose(self, name: str) -> None:
        """Listen to another from now on, or to the system's default. Raises DeviceError; then the
        one before is heard again."""
        async with self._opening:
            before, self._name = self._name, name or None
            await self.close()
            try:
                await self.open()
            except DeviceError:
                self._name = before
                with suppress(DeviceError):  # gone, too: it is looked for
                    await self.open()
                raise

    async def sounds(self) -> Sounds:
        """What it hears, from `open` on; never ends on its own."""
        loop = asyncio.get_running_loop()
        heard = filled = loop.time()  # the newest real sound; up to where sound was handed out
        opening: asyncio.Task[None] | None = None
        try:
            while True:
                try:
                    async with asyncio.timeout(0.04 if self.lost else PATIENCE):
                        await self._arrived.wait()
                except TimeoutError:
                    now = loop.time()
                    silence = min(now - filled, LATE)  # more after the machine slept
                    yield np.zeros(round(silence * VOICE_RATE), np.float32), now
                    filled = now
                    if now - heard > LOST_AFTER and (opening is None or opening.done()):
                        heard = now  # the next try is due as much later
                        if not self.lost:
                            self.lost = True
                            logger.warning("%s went away; silence takes its place", self._what)
                        opening = asyncio.create_task(self._reopen(), name="reopen microphone")
                    continue
                self._arrived.clear()
                if self.lost:
                    self.lost = False
                    logger.warning("%s is back", self._what)
                while self._blocks:
                    samples, born = self._blocks.popleft()
                    heard = filled = born
                    yield samples, born
        finally:
            if opening is not None:
                opening.cancel()
                await asyncio.wait({opening})

    async def _reopen(self) -> None:
        async with self._opening:
            await self.close()
            try:
                await self.open()
            except DeviceError:
                # It may have been plugged in since PortAudio read the list.
                if self._aside is not None:
                    async with self._aside():
                        await asyncio.get_running_loop().run_in_executor(self._thread, refresh)
                with suppress(DeviceError):  # the next try comes
                    await self.open()


class Voice:
    """One voice: what the face hears, and what others hear later.

    on_sound: gets every block, float32 [n] at VOICE_RATE, with the time its last sample came.
    """

    def __init__(
        self, sounds: Sounds, timeline: Timeline, on_sound: OnVoice = lambda samples, born: None
    ) -> None:
        self._sounds, self._timeline, self._on_sound = sounds, timeline, on_sound
        self.muted = False
        """Silence takes its place, for the face and for others."""
        self._clip = np.zeros(0, np.float32)

    def play(self, sound: Samples) -> None:
        """Speak this instead, from now on and until it ends; one that is still spoken gives way.

        sound: float32 [n] at VOICE_RATE.
        """
        self._clip = sound

    @property
    def playing(self) -> bool:
        return len(self._clip) > 0

    def _instead(self, samples: Samples) -> Samples:
        if not self.playing:
            return samples
        spoken, self._clip = np.split(self._clip, [len(samples)])
        return np.pad(spoken, (0, len(samples) - len(spoken)))

    async def chunks(self) -> AsyncGenerator[AudioChunk, None]:
        """The voice, tick by tick."""
        resampler, cutter = Resampler(SAMPLE_RATE), TickCutter(self._timeline)
        position: int | None = None  # at 16 kHz
        async with aclosing(self._sounds) as sounds:
            async for samples, born in sounds:
                samples = self._instead(samples)
                if self.muted:
                    samples = np.zeros_like(samples)
                self._on_sound(samples, born)
                heard = resampler.push(samples, VOICE_RATE)
                if position is None:  # what the resampler holds back counts as heard
                    position = resampler.held
                for chunk in cutter.push(heard, position, born):
                    yield chunk
                position += len(heard)


def check_voice_file(path: Path) -> None:
    """Raises MediaError if there is nothing to hear in it."""
    if next(read_voice(path, VOICE_RATE), None) is None:
        raise MediaError(f"{path} has no sound in it")
