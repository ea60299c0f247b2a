"""A stream of fastrtc, which is Gradio's WebRTC, and a browser's side of that call."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # else importing it asks its makers' servers

from fastrtc import Stream  # noqa: E402
from fastrtc.stream import Body  # noqa: E402

from latentcam.benchmarks.tools.viewer import RATE, Viewer  # noqa: E402
from latentcam.plugins.gradio import FaceHandler  # noqa: E402
from latentcam.stream.engine import Engine  # noqa: E402

VISITOR = "visitor"


class DarkCamera(MediaStreamTrack):
    """A camera of which no picture comes; fastrtc answers a call with a camera only."""

    kind = "video"

    async def recv(self) -> NoReturn:
        await asyncio.Event().wait()
        raise MediaStreamError


class Stage:
    """A program that talks, and somebody who sees and hears it."""

    rate = RATE

    def __init__(self, handler: FaceHandler, viewer: Viewer) -> None:
        self._handler, self.face, self._viewer = handler, handler.face, viewer
        self.recording = viewer.recording

    async def say(self, sound: NDArray[np.float32]) -> None:
        """All in one burst, as text-to-speech does. float32 [n] at RATE."""
        self.face.say(sound, RATE)
        self.face.end()

    def settle(self) -> None:
        self._viewer.settle()

    async def interrupt(self) -> None:
        self._handler.interrupt()


@asynccontextmanager
async def stage(engine: Engine, identity: str) -> AsyncIterator[Stage]:
    """Yields when the first picture was seen."""
    stream = Stream(
        FaceHandler(engine, identity, output_sample_rate=RATE),
        modality="audio-video",
        mode="send-receive",
        server_rtc_configuration={"iceServers": []},
    )
    viewer = Viewer()
    _, video = viewer.pc.getTransceivers()
    video.direction = "sendrecv"
    video.sender.replaceTrack(DarkCamera())
    viewer.pc.createDataChannel("text")
    answer = await stream.offer(Body(sdp=await viewer.offer(), type="offer", webrtc_id=VISITOR))
    try:
        await viewer.accept(answer["sdp"])
        await viewer.seen()
        yield Stage(stream.handlers[VISITOR], viewer)
    finally:
        await viewer.aclose()
        async with asyncio.timeout(30.0):
            while engine.sessions:
                await asyncio.sleep(0.02)
