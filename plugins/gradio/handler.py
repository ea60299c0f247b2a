"""fastrtc's handler of sound and video: the face of whatever your program says to a visitor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
from fastrtc import AsyncAudioVideoStreamHandler
from numpy.typing import ArrayLike, NDArray

from latentcam import Engine, Moment, Rgb, Settings, TalkingFace

LAG = 0.015  # seconds by which fastrtc's sound is later than its pictures


class FaceHandler(AsyncAudioVideoStreamHandler):
    """For fastrtc's `Stream(handler, modality="audio-video", mode="send-receive")`. A subclass
    takes what the visitor says in `receive`, and answers with `face.say`. fastrtc makes a `copy`
    for each visitor, who has a face, and a place of the engine, of their own."""

    def __init__(
        self,
        engine: Engine,
        identity: str,
        *,
        background: ArrayLike = (128, 128, 128),
        settings: Settings | None = None,
        output_sample_rate: int = 24000,
        input_sample_rate: int = 48000,
    ) -> None:
        """identity: the face, a name or a seed. background: behind a face with alpha, RGB. The
        rates, Hz: of what is sent, and of what `receive` gets. Raises ValueError for an unknown
        face.
        """
        super().__init__(
            output_sample_rate=output_sample_rate,
            input_sample_rate=input_sample_rate,
            fps=engine.timeline.fps,
        )
        self._engine, self._identity = engine, identity
        self._background, self._settings = background, settings or Settings()
        anchor = engine.avatar.anchor(identity)
        self.face = TalkingFace(engine, anchor, output_sample_rate, lag=LAG, background=background)
        """Its `settings` and `anchor` may be set at any time."""
        self.face.settings = self._settings
        self._moments: AsyncGenerator[Moment] = self.face.moments()
        self._picture: Rgb | None = None
        self._drawn, self._asking = asyncio.Event(), asyncio.Lock()
        self._gone = False

    def copy(self) -> FaceHandler:
        return type(self)(
            self._engine,
            self._identity,
            background=self._background,
            settings=self._settings,
            output_sample_rate=self.output_sample_rate,
            input_sample_rate=self.input_sample_rate,
        )

    def interrupt(self) -> None:
        """Stop talking: the next picture has a closed mouth, and what waits is not heard."""
        self.face.clear()
        if self._clear_queue is not None:
            self._clear_queue()

    async def receive(self, frame: tuple[int, NDArray[np.int16]]) -> None:
        """What the visitor says: the rate, and int16 [1, n]. Nothing is done with it here."""

    async def video_receive(self, frame: NDArray[Any]) -> None:
        """The visitor's camera. Nothing is done with it."""

    async def emit(self) -> tuple[int, NDArray[np.int16]] | None:
        """The sound of the next tick, silence included: a pause in it would be taken for delay."""
        async with self._asking:
            if self._gone:
                return None
            moment = await anext(self._moments)
        if moment.picture is not None:
            self._picture = moment.picture
            self._drawn.set()
        return self.output_sample_rate, moment.pcm[None]

    async def video_emit(self) -> NDArray[np.uint8]:
        """The newest picture, BGR, once."""
        await self._drawn.wait()
        self._drawn.clear()
        assert self._picture is not None
        return np.ascontiguousarray(self._picture[:, :, ::-1])

    async def shutdown(self) -> None:
        """The visitor has left: gives back the place."""
        self._gone = True
        async with self._asking:
            await self._moments.aclose()
