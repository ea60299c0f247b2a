"""A browser's side of a call, with aiortc: sends a voice, collects the face and the voice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import uvicorn
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from server.app import make_app
from server.config import ServerConfig
from stream.engine import Engine

RATE, PACKET = 48000, 960


@contextlib.asynccontextmanager
async def serving(engine: Engine, **settings: Any) -> AsyncIterator[int]:
    """The real application on a free port of loopback. Yields the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = ServerConfig(**settings)
        server = uvicorn.Server(
            uvicorn.Config(make_app(engine, config), log_level="warning", ws_max_size=65536)
        )
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
            assert not task.done()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


class VoiceSender(MediaStreamTrack):
    """Packets of 20 ms, paced from the origin; silence after the end."""

    kind = "audio"

    def __init__(self, sound: NDArray[np.float32]) -> None:
        super().__init__()
        self._pcm = (sound * 32767).astype(np.int16)
        self._sent, self.origin = 0, 0.0

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        self.origin = self.origin or loop.time()
        await asyncio.sleep(self.origin + self._sent * PACKET / RATE - loop.time())
        pcm = np.zeros(PACKET, np.int16)
        part = self._pcm[self._sent * PACKET :][:PACKET]
        pcm[: len(part)] = part
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, self._sent * PACKET
        frame.time_base = Fraction(1, RATE)
        self._sent += 1
        return frame


class Caller:
    """One peer. frames: (pts, time of arrival, picture); voice: (time, rms) per packet."""

    def __init__(self, sound: NDArray[np.float32]) -> None:
        self.pc = RTCPeerConnection()
        self._sender = VoiceSender(sound)
        self.pc.addTransceiver(self._sender, "sendrecv")
        self.pc.addTransceiver("video", "recvonly")
        self.frames: list[tuple[int, float, NDArray[np.uint8]]] = []
        self.voice: list[tuple[float, float]] = []
        self._readers: list[asyncio.Task[None]] = []
        self.pc.on("track", self._read)

    def _read(self, track: MediaStreamTrack) -> None:
        self._readers.append(asyncio.create_task(self._collect(track)))

    async def _collect(self, track: MediaStreamTrack) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame):
                    assert frame.pts is not None
                    self.frames.append((frame.pts, loop.time(), frame.to_ndarray(format="rgb24")))
                else:
                    samples = frame.to_ndarray().astype(np.float32) / 32768
                    self.voice.append((loop.time(), float(np.sqrt(np.mean(samples**2)))))

    @property
    def voice_origin(self) -> float:
        """The loop's time at which the first packet was handed to the encoder."""
        return self._sender.origin

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def call(self, port: int, **offer: Any) -> ClientConnection:
        """Offer over the WebSocket and take the answer. The socket keeps the session alive."""
        socket = await connect(f"ws://127.0.0.1:{port}/ws")
        await socket.send(json.dumps({"type": "offer", "sdp": await self.offer(), **offer}))
        answer = json.loads(await socket.recv())
        assert answer["type"] == "answer", answer
        await self.accept(answer["sdp"])
        return socket

    async def until_frames(self, count: int, deadline: float = 20.0) -> None:
        async with asyncio.timeout(deadline):
            while len(self.frames) < count:
                await asyncio.sleep(0.02)

    async def aclose(self) -> None:
        await self.pc.close()
        await asyncio.gather(*self._readers)
