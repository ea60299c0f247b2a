"""A pipeline of pipecat with its small-WebRTC transport, and a browser's side of that call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import InterruptionFrame, TTSAudioRawFrame, TTSStoppedFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from pipecat.workers.runner import WorkerRunner

from latentcam.benchmarks.tools.mouths import SIZE
from latentcam.benchmarks.tools.viewer import RATE, Viewer
from latentcam.plugins.pipecat import FaceProcessor
from latentcam.stream.engine import Engine
from latentcam.stream.talking import TalkingFace

PIECE = RATE // 10  # samples in a frame of text-to-speech


class Stage:
    """An agent that talks, and somebody who sees and hears it."""

    rate = RATE

    def __init__(self, worker: PipelineWorker, face: TalkingFace, viewer: Viewer) -> None:
        self._worker, self.face, self._viewer = worker, face, viewer
        self.recording = viewer.recording

    async def say(self, sound: NDArray[np.float32]) -> None:
        """All in one burst, as text-to-speech does. float32 [n] at RATE."""
        pcm = (sound * 32767).astype(np.int16)
        for begin in range(0, len(pcm), PIECE):
            part = pcm[begin : begin + PIECE]
            await self._worker.queue_frame(TTSAudioRawFrame(part.tobytes(), RATE, 1))
        await self._worker.queue_frame(TTSStoppedFrame())

    def settle(self) -> None:
        self._viewer.settle()

    async def interrupt(self) -> None:
        await self._worker.queue_frame(InterruptionFrame())


@asynccontextmanager
async def stage(engine: Engine, identity: str) -> AsyncIterator[Stage]:
    """Yields when the first picture was seen."""
    processor, connection, viewer = (
        FaceProcessor(engine, identity),
        SmallWebRTCConnection(),
        Viewer(),
    )
    await connection.initialize(await viewer.offer(), "offer")
    answer = connection.get_answer()
    assert answer is not None
    transport = SmallWebRTCTransport(
        webrtc_connection=connection,
        params=TransportParams(
            audio_out_enabled=True,
            **{**processor.video, "video_out_width": SIZE, "video_out_height": SIZE},
        ),
    )
    worker = PipelineWorker(
        Pipeline([processor, transport.output()]),
        params=PipelineParams(audio_out_sample_rate=RATE),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run(), name="pipeline")
    try:
        await viewer.accept(answer["sdp"])
        await viewer.seen()
        yield Stage(worker, processor.face, viewer)
    finally:
        await worker.cancel()
        await running
        await viewer.aclose()
        await connection.disconnect()
