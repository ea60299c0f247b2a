"""A voice as a source of motion: every sample is heard, in order, one motion for every tick."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from latentcam.realtime_models.motion.driven import HOLD, Driven
from latentcam.stream.engine import Engine
from latentcam.stream.messages import AudioChunk, Motion
from latentcam.stream.other_voice import OtherVoice


class VoiceMotion:
    """Hears one voice on the engine's motion thread; its memory dies with it."""

    def __init__(self, engine: Engine, voice: AsyncIterator[AudioChunk], seed: int) -> None:
        """seed: for the blinks, glances and turns of the head."""
        self._engine, self._voice = engine, voice
        self._state = engine.performer.initial_state(seed)
        self.settings = engine.settings
        """How the face should move; setting it takes effect from the next tick on."""
        self.other: OtherVoice | None = None
        """Whom the face listens to while it does not speak; None: nobody."""
        self.ticks_heard = 0
        self._driven: Driven | None = None
        self._driven_at = 0.0

    def drive(self, driven: Driven) -> None:
        """A camera lends this, from the next tick on; HOLD seconds after the last time, the face
        goes its own way again. On the event loop."""
        self._driven, self._driven_at = driven, asyncio.get_running_loop().time()

    @property
    def level(self) -> float:
        """rms of the newest 10 ms, 0 to 1."""
        return self._state.gate.level

    @property
    def speaking(self) -> bool:
        return self._state.gate.speaking

    async def motions(self) -> AsyncIterator[Motion]:
        """The motion tick by tick; ends when the voice does."""
        engine, expected, loop = self._engine, 0, asyncio.get_running_loop()
        performer, first_sample = engine.performer, engine.timeline.first_sample
        async for chunk in self._voice:
            state = self._state
            if chunk.tick != expected:  # a long gap: what was said before it is over
                state = performer.after_gap(state, first_sample(chunk.tick))
            expected = chunk.tick + 1
            driven = self._driven if loop.time() - self._driven_at < HOLD else None
            other = None if self.other is None else self.other.take(len(chunk.samples))
            x, self._state = await engine.on_motion_thread(
                performer.perform, chunk.samples, state, self.settings, driven, other
            )
            self.ticks_heard += 1
            engine.stages.observe("motion", loop.time() - chunk.born)
            yield Motion(chunk.tick, chunk.born, x)
