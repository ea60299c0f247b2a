"""A room of LiveKit without a server: its own runner, sources, synchroniser and tracks are real,
only the network is missing. What is published is read back from the local tracks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents.voice.avatar import QueueAudioOutput
from livekit.agents.voice.io import PlaybackFinishedEvent
from numpy.typing import NDArray

from latentcam.benchmarks.tools.mouths import Recording, mouth
from latentcam.plugins.livekit import FaceGenerator
from latentcam.stream.engine import Engine

RATE = 24000  # Hz
PIECE = RATE // 10  # samples in a frame of text-to-speech


class LocalRoom(rtc.EventEmitter[str]):
    """As much of a room as the runner asks for; always connected, whoever subscribes is there."""

    def __init__(self) -> None:
        super().__init__()
        self.local_participant = self
        self.published: list[Any] = []
        self.both = asyncio.Event()

    def isconnected(self) -> bool:
        return True

    async def publish_track(self, track: Any, options: Any) -> SimpleNamespace:
        self.published.append(track)
        if len(self.published) == 2:
            self.both.set()
        return SimpleNamespace(wait_for_subscription=self._subscribed)

    async def _subscribed(self) -> None:
        return


class Stage:
    """An agent that talks, and somebody who sees and hears it."""

    rate = RATE

    def __init__(self, agent: QueueAudioOutput, generator: FaceGenerator) -> None:
        self._agent, self.face = agent, generator.face
        self.recording = Recording()
        self.finished: list[PlaybackFinishedEvent] = []
        agent.on("playback_finished", self.finished.append)

    async def say(self, sound: NDArray[np.float32]) -> None:
        """All in one burst, as text-to-speech does. float32 [n] at RATE."""
        pcm = (sound * 32767).astype(np.int16)
        for begin in range(0, len(pcm), PIECE):
            part = pcm[begin : begin + PIECE]
            await self._agent.capture_frame(rtc.AudioFrame(part.tobytes(), RATE, 1, len(part)))
        self._agent.flush()

    def settle(self) -> None:
        """Times are those of LiveKit's own synchroniser already."""

    async def interrupt(self) -> None:
        self._agent.clear_buffer()

    async def watch(self, room: LocalRoom) -> None:
        await room.both.wait()
        sound, picture = room.published
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(sound))
            tasks.create_task(self._see(picture))

    async def _hear(self, track: rtc.LocalAudioTrack) -> None:
        loop = asyncio.get_running_loop()
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, num_channels=1)
        async with aclosing(stream):
            async for event in stream:
                samples = (np.frombuffer(event.frame.data, np.int16) / 32768).astype(np.float32)
                self.recording.sound.append((loop.time(), samples))

    async def _see(self, track: rtc.LocalVideoTrack) -> None:
        loop = asyncio.get_running_loop()
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.RGB24)
        async with aclosing(stream):
            async for event in stream:
                frame = event.frame
                rgb = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 3)
                self.recording.pictures.append((loop.time(), mouth(rgb)))


@asynccontextmanager
async def stage(engine: Engine, identity: str) -> AsyncIterator[Stage]:
    """Yields when the first picture was seen."""
    room, session = LocalRoom(), SimpleNamespace(output=SimpleNamespace(audio=None))
    generator = FaceGenerator(engine, identity, RATE)
    runner = await generator.join(room, session)
    found = Stage(session.output.audio, generator)
    watching = asyncio.create_task(found.watch(room), name="watch")
    try:
        while not found.recording.pictures:
            await asyncio.sleep(0.01)
        yield found
    finally:
        await runner.aclose()
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
