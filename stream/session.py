"""A session: one source of motion, one face. Only the newest motion is rendered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from latentcam.realtime_models.arrays import Latent
from latentcam.stream.engine import Engine
from latentcam.stream.latest import Latest
from latentcam.stream.messages import Frame, Motion


class FrameSink(Protocol):
    """Where frames go."""

    def send(self, frame: Frame) -> None:
        """Take a frame. Must return at once; may skip frames when the outlet is slower."""
        ...

    def close(self) -> None:
        """No more frames follow. Called exactly once."""
        ...


class Session:
    """Two loops: listen puts every motion into a slot of one; render shows the newest."""

    def __init__(
        self, engine: Engine, source: AsyncIterator[Motion], sink: FrameSink, anchor: Latent
    ) -> None:
        self._engine, self._source, self._sink = engine, source, sink
        self._latest: Latest[Motion] = Latest()
        self.anchor = anchor
        """The latent of the face at rest; setting it shows another face from the next frame on."""
        self._moved = 0.0  # when the newest motion was put into the slot

    @property
    def skipped(self) -> int:
        """How many motions were never rendered because a newer one came first."""
        return self._latest.skipped

    async def run(self) -> None:
        """Run until the source ends or a stage fails. Cancelling is a normal way to end."""
        try:
            with self._engine.renderer.attended():
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen(), name="listen")
                    tasks.create_task(self._render(), name="render")
        finally:
            self._sink.close()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        async for motion in self._source:
            self._moved = loop.time()
            self._latest.put(motion)
        self._latest.close()

    async def _render(self) -> None:
        engine, loop = self._engine, asyncio.get_running_loop()
        async for motion in self._latest:
            moved = self._moved
            picture, took = await engine.renderer.render(self.anchor, motion.x)
            now = loop.time()
            engine.stages.observe("wait", now - took - moved)
            engine.stages.observe("decode", took)
            self._sink.send(Frame(motion.tick, motion.born, picture))
