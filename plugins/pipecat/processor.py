"""pipecat's `FrameProcessor`: what text-to-speech says goes in, the face that says it comes out."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    StartFrame,
    SystemFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import (
    FrameDirection,
    FrameProcessor,
    FrameProcessorSetup,
)

from latentcam import Engine, Rgb, TalkingFace

CUSHION = 0.04  # seconds of sound that wait in the transport, so that it never runs dry
FPS = 30  # at which the transport shows the newest picture; what its WebRTC track counts on
LAG = 0.0  # seconds by which the transport's sound is later than its pictures


class FaceProcessor(FrameProcessor):
    """Between text-to-speech and `transport.output()`. Pictures come at the engine's rate from the
    start of the pipeline to its end, sound while the face says something, both paced by the clock.
    What follows speech in the pipeline stays behind it; an interruption drops both."""

    def __init__(
        self,
        engine: Engine,
        identity: str,
        *,
        background: ArrayLike = (128, 128, 128),
        seed: int = 0,
        **options: Any,
    ) -> None:
        """identity: the face, a name or a seed. background: behind a face with alpha, RGB. options:
        pipecat's own. Raises ValueError for an unknown face."""
        super().__init__(**options)
        self._engine, self._anchor, self._seed = engine, engine.avatar.anchor(identity), seed
        self._background = background
        self._face: TalkingFace | None = None
        self._held: deque[Frame] = deque()  # behind what has not been said yet
        self._silenced = False  # since an interruption
        self._showing: asyncio.Task[None] | None = None

    @property
    def video(self) -> dict[str, Any]:
        """For `TransportParams`: what pictures the transport will get."""
        side = self._engine.avatar.card.generator.resolution
        return {
            "video_out_enabled": True,
            "video_out_is_live": False,  # live pictures do not wait for the sound before them
            "video_out_width": side,
            "video_out_height": side,
            "video_out_framerate": FPS,
        }

    @property
    def face(self) -> TalkingFace:
        """Its `settings` and `anchor` may be set while the pipeline runs."""
        if self._face is None:
            raise RuntimeError("there is no face before the pipeline is set up")
        return self._face

    async def setup(self, setup: FrameProcessorSetup) -> None:
        await super().setup(setup)
        self._rate = setup.audio_out_sample_rate
        self._face = TalkingFace(
            self._engine,
            self._anchor,
            self._rate,
            lag=LAG,
            background=self._background,
            seed=self._seed,
        )

    async def cleanup(self) -> None:
        await self._stop()
        await super().cleanup()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction == FrameDirection.UPSTREAM:
            await self.push_frame(frame, direction)
        elif isinstance(frame, TTSAudioRawFrame):
            pcm = np.frombuffer(frame.audio, np.int16).reshape(-1, frame.num_channels)
            self.face.say(pcm, frame.sample_rate)
        elif isinstance(frame, InterruptionFrame):
            self.face.clear()
            self._silenced = True
            kept = [held for held in self._held if not held.interruptible]
            self._held.clear()
            await self.push_frame(frame)
            for held in kept:
                await self.push_frame(held)
        elif isinstance(frame, StartFrame):
            await self.push_frame(frame)
            self._showing = self.create_task(self._show())
        elif isinstance(frame, EndFrame):
            self.face.close()
            if self._showing is not None:
                await self._showing
            await self.push_frame(frame)
        elif isinstance(frame, CancelFrame):
            await self._stop()
            await self.push_frame(frame)
        elif isinstance(frame, SystemFrame) or frame.pts:
            await self.push_frame(frame)
        else:
            if isinstance(frame, TTSStoppedFrame):
                self.face.end()
            else:
                self.face.mark()
            self._held.append(frame)

    async def _show(self) -> None:
        spoke = False
        async with aclosing(self.face.moments()) as moments:
            async for moment in moments:
                if moment.speaks:
                    self._silenced = False
                if moment.speaks and not spoke:
                    await self._play(np.zeros(round(CUSHION * self._rate), np.int16))
                if moment.picture is not None:
                    await self._draw(moment.picture)
                if moment.speaks:
                    await self._play(moment.pcm)
                spoke = moment.speaks
                for _ in range(min(moment.marks, len(self._held))):
                    await self.push_frame(self._held.popleft())

    async def _draw(self, picture: Rgb) -> None:
        height, width, _ = picture.shape
        frame = OutputImageRawFrame(picture.tobytes(), (width, height), "RGB")
        # Sound that is held up would fall behind pictures that do not wait for it. After an
        # interruption the first of them are not to wait for what is still being played.
        frame.sync_with_audio = not self._silenced
        await self.push_frame(frame)

    async def _play(self, pcm: NDArray[np.int16]) -> None:
        await self.push_frame(TTSAudioRawFrame(pcm.tobytes(), self._rate, 1))

    async def _stop(self) -> None:
        showing, self._showing = self._showing, None
        if showing is not None:
            await self.cancel_task(showing)
