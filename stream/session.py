"""A session: one source of motion, one face. Only the newest motion is rendered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.generator.mixing import between, eased
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


@dataclass(frozen=True, slots=True)
class Passage:
    """From one face to another, beginning and ending at rest. begun: the loop's time."""

    start: Latent
    goal: Latent
    begun: float
    seconds: float

    def at(self, now: float) -> Latent:
        """Where it is; at the goal when the time is over."""
        if now >= self.begun + self.seconds:
            return self.goal
        return between(self.start, self.goal, eased(max(now - self.begun, 0.0) / self.seconds))


class Session:
    """Two loops: listen puts every motion into a slot of one; render shows the newest."""

    def __init__(
        self, engine: Engine, source: AsyncIterator[Motion], sink: FrameSink, anchor: Latent
    ) -> None:
        self._engine, self._source, self._sink = engine, source, sink
        self._latest: Latest[Motion] = Latest()
        self._passage = Passage(anchor, anchor, 0.0, 0.0)
        self._moved = 0.0  # when the newest motion was put into the slot

    @property
    def anchor(self) -> Latent:
        """The latent of the face at rest; setting it shows another face from the next frame on."""
        return self._passage.goal

    @anchor.setter
    def anchor(self, anchor: Latent) -> None:
        self._passage = Passage(anchor, anchor, 0.0, 0.0)

    def morph(self, anchor: Latent, seconds: float) -> None:
        """Become another face in so many seconds, from wherever the face is now."""
        now = asyncio.get_running_loop().time()
        self._passage = Passage(self._passage.at(now), anchor, now, seconds)

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
            anchor = self._passage.at(loop.time())
            picture, took = await engine.renderer.render(anchor, motion.x)
            now = loop.time()
            engine.stages.observe("wait", now - took - moved)
            engine.stages.observe("decode", took)
            self._sink.send(Frame(motion.tick, motion.born, picture))
