"""LiveKit's `VideoGenerator`: what an agent says goes in, the face that says it comes out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import (
    AudioSegmentEnd,
    AvatarOptions,
    AvatarRunner,
    QueueAudioOutput,
    VideoGenerator,
)
from numpy.typing import ArrayLike, NDArray

from latentcam import Engine, TalkingFace

CUSHION = 0.04  # seconds of sound that wait in LiveKit's audio source, so that it never runs dry


class FaceGenerator(VideoGenerator):
    """For LiveKit's `AvatarRunner`. Pictures come at the engine's rate for as long as it is
    iterated, sound only while the face says something, both paced by the clock: LiveKit's own
    queues stay almost empty, and there is little in them to take back."""

    def __init__(
        self,
        engine: Engine,
        identity: str,
        sample_rate: int = 24000,
        *,
        background: ArrayLike = (128, 128, 128),
        seed: int = 0,
    ) -> None:
        """identity: the face, a name or a seed. sample_rate: Hz of the sound that comes out; any
        may go in. background: behind a face with alpha, RGB. Raises ValueError for an unknown face.
        """
        anchor = engine.avatar.anchor(identity)
        self.face = TalkingFace(
            engine, anchor, sample_rate, lag=CUSHION, background=background, seed=seed
        )
        """Its `settings` and `anchor` may be set at any time."""
        self._sample_rate, self._fps = sample_rate, engine.timeline.fps
        self._size = engine.avatar.card.generator.resolution
        self.synchronizer: rtc.AVSynchronizer | None = None
        """The runner's `av_sync`: with it, an interruption also drops what waits in there."""

    @property
    def options(self) -> AvatarOptions:
        """What the runner must be told."""
        return AvatarOptions(self._size, self._size, self._fps, self._sample_rate, 1)

    async def join(self, room: rtc.Room, session: AgentSession[Any]) -> AvatarRunner:
        """Be the face of an agent's session in a room; to be called before the session starts.
        Close what is returned when it is over."""
        voice = QueueAudioOutput(sample_rate=self._sample_rate, wait_playback_start=True)
        runner = AvatarRunner(room, audio_recv=voice, video_gen=self, options=self.options)
        self.synchronizer = runner.av_sync
        session.output.audio = voice
        await runner.start()
        return runner

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        if isinstance(frame, AudioSegmentEnd):
            self.face.end()
        else:
            pcm = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
            self.face.say(pcm, frame.sample_rate)

    async def clear_buffer(self) -> None:
        """The next picture has a closed mouth."""
        self.face.clear()
        if self.synchronizer is not None:
            await self.synchronizer.clear_queue()

    async def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        spoke = False
        async with aclosing(self.face.moments()) as moments:
            async for moment in moments:
                if moment.picture is not None:  # first: LiveKit takes some time to take sound
                    height, width, _ = moment.picture.shape
                    rgb = moment.picture.tobytes()
                    yield rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, rgb)
                if moment.speaks:
                    if not spoke:
                        yield self._sound(np.zeros(round(CUSHION * self._sample_rate), np.int16))
                    yield self._sound(moment.pcm)
                spoke = moment.speaks
                for _ in range(moment.marks):
                    yield AudioSegmentEnd()

    def _sound(self, pcm: NDArray[np.int16]) -> rtc.AudioFrame:
        return rtc.AudioFrame(pcm.tobytes(), self._sample_rate, 1, len(pcm))
