"""What all sessions share: weights, decoder, and the threads that compute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import numpy as np

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.errors import EngineFull
from latentcam.stream.meter import Stages
from latentcam.stream.renderer import Renderer
from latentcam.stream.threads import finish
from latentcam.stream.timeline import Timeline

WARM_UP_TICKS = 3
AS_IT_COMES = Settings()

P = ParamSpec("P")
R = TypeVar("R")


class Engine:
    """Threads compute, the loop carries: numerics run in one thread for motion and in the
    renderer's threads. Only the event loop touches sessions and slots, so there are no locks."""

    def __init__(
        self,
        avatar: Avatar,
        performer: Performer,
        timeline: Timeline,
        max_sessions: int,
        settings: Settings = AS_IT_COMES,
    ) -> None:
        """settings: with which sessions begin."""
        self.avatar, self.performer, self.timeline = avatar, performer, timeline
        self.max_sessions, self.settings = max_sessions, settings
        self.sessions = 0
        self.stages = Stages()
        self.ready = False
        self._motion_thread = ThreadPoolExecutor(1, "motion")
        self.renderer = Renderer(avatar, 1 / timeline.fps)

    async def warm_up(self) -> None:
        """Compute one tick of silence on the threads that will do the work, then be ready."""
        state, settings = self.performer.initial_state(seed=0), Settings()
        anchor = self.avatar.anchor(self.avatar.card.identities[0])
        silence = np.zeros(self.timeline.first_sample(1), np.float32)
        for _ in range(WARM_UP_TICKS):
            x, state = await self.on_motion_thread(self.performer.perform, silence, state, settings)
            await self.renderer.render(anchor, x)
        await self.renderer.warm_up(anchor, x, self.max_sessions)
        self.ready = True

    def admit(self) -> None:
        """Count a session in. Raises EngineFull; `release` undoes it."""
        if self.sessions >= self.max_sessions:
            raise EngineFull(
                f"all {self.max_sessions} places are taken; try again when somebody has left"
            )
        self.sessions += 1

    def release(self) -> None:
        self.sessions -= 1

    async def on_motion_thread(
        self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._motion_thread, partial(function, *args, **kwargs))

    async def aclose(self) -> None:
        """Wait for what the threads are computing, then end them. May be called twice."""
        self.ready = False
        await finish(self._motion_thread)
        await self.renderer.aclose()
