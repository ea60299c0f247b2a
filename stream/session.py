"""A session: one voice, one face. Every sample is heard, in order; only the newest is rendered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.motion.performance import Settings
from latentcam.stream.engine import Engine
from latentcam.stream.latest import Latest
from latentcam.stream.messages import AudioChunk, Frame, Motion


class FrameSink(Protocol):
    """Where frames go."""

    def send(self, frame: Frame) -> None:
        """Take a frame. Must return at once; may skip frames when the outlet is slower."""
        ...

    def close(self) -> None:
        """No frame follows. Called exactly once."""
        ...


class Session:
    """Two loops: listen turns every chunk into motion, render shows the newest motion."""

    def __init__(
        self,
        engine: Engine,
        source: AsyncIterator[AudioChunk],
        sink: FrameSink,
        anchor: Latent,
        seed: int,
    ) -> None:
        self._engine, self._source, self._sink = engine, source, sink
        self._performance = engine.new_performance(seed)
        self._latest: Latest[Motion] = Latest()
        self.anchor = anchor
        """The face's latent at rest; setting it shows another face from the next frame on."""
        self.settings = Settings()
        self.ticks_heard = 0
        self._moved = 0.0  # when the newest motion was put into the slot

    @property
    def skipped(self) -> int:
        """Motions that were never rendered because a newer one came first."""
        return self._latest.skipped

    @property
    def level(self) -> float:
        return self._performance.gate.level

    @property
    def speaking(self) -> bool:
        return self._performance.gate.speaking

    async def run(self) -> None:
        """Run until the source ends or a stage fails. Cancelling is a normal way to end."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(), name="listen")
                tasks.create_task(self._render(), name="render")
        finally:
            self._sink.close()

    async def _listen(self) -> None:
        engine, expected, loop = self._engine, 0, asyncio.get_running_loop()
        async for chunk in self._source:
            if chunk.tick != expected:  # a long gap: what was said before it is over
                self._performance = self._performance.after_gap()
            expected = chunk.tick + 1
            time_s = engine.timeline.seconds(chunk.tick)
            x = await engine.on_motion_thread(
                self._performance.step, chunk.samples, time_s, self.settings
            )
            self.ticks_heard += 1
            self._moved = loop.time()
            engine.stages.observe("motion", self._moved - chunk.born)
            self._latest.put(Motion(chunk.tick, chunk.born, x))
        self._latest.close()

    async def _render(self) -> None:
        engine, loop = self._engine, asyncio.get_running_loop()
        async for motion in self._latest:
            moved = self._moved
            rgb, took = await engine.renderer.render(self.anchor, motion.x)
            now = loop.time()
            engine.stages.observe("wait", now - took - moved)
            engine.stages.observe("decode", took)
            self._sink.send(Frame(motion.tick, motion.born, rgb))
