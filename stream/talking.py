"""A face that says what a program hands in: for each tick a picture, and the sound to go with it.

For frameworks that play sound and show pictures themselves. Where only pictures are wanted, or a
voice that comes in real time, `Speech` and `Session` do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latentcam.realtime_models.alpha import GREY, composite
from latentcam.realtime_models.arrays import SAMPLE_RATE, Latent, Picture, Rgb, Samples
from latentcam.stream.engine import Engine
from latentcam.stream.other_voice import OtherVoice

MOST_LATE = 3  # ticks that are made up for after pictures that took long; if it is more, none
PIECE = 0.25  # seconds that are brought to our rate at once: more would hold the event loop
SILENCE = np.zeros(0, np.float32)
FEWEST = 5  # ticks of which one has a picture, however slow the machine is


@dataclass(frozen=True, slots=True)
class Moment:
    """What is seen and heard during one tick. Its arrays must never be written to.

    picture: marked as synthetic; None where the machine is too slow for one at every tick: the last
        one stays.
    sound: float32 [n] in [-1, 1], mono, at the face's rate.
    speaks: whether any of the sound was handed in; the rest is silence.
    marks: how many marks have been reached with the end of it.
    """

    tick: int
    picture: Rgb | None
    sound: NDArray[np.float32]
    speaks: bool
    marks: int

    @property
    def pcm(self) -> NDArray[np.int16]:
        """The sound as int16 [n]."""
        return np.clip(np.round(self.sound * 32768), -32768, 32767).astype(np.int16)


class TalkingFace:
    """Pictures and sound leave together, paced by the clock however fast sound was handed in, and
    belong together: what the lips do in a picture is heard while it is shown. Every sample is
    heard, in order. Use it on the event loop only."""

    def __init__(
        self,
        engine: Engine,
        anchor: Latent,
        rate: int,
        *,
        lag: float = 0.0,
        background: ArrayLike = GREY,
        seed: int = 0,
    ) -> None:
        """rate: Hz of the sound that comes out. lag: seconds by which the framework plays sound
        later than it shows a picture that it got at the same time; negative if pictures are later.
        background: behind a face with alpha, one colour [3] or uint8 [H, W, 3]. seed: for the
        blinks, glances and turns of the head. Raises MediaError for a rate at which there is no
        voice.
        """
        # Both need PyAV, which whoever only imports our names does without.
        from latentcam.stream.marker import Marker
        from latentcam.stream.resample import Resampler

        self._engine, self._rate = engine, rate
        self.anchor = anchor
        """The latent of the face at rest; setting it shows another face from the next tick on."""
        self.settings = engine.settings
        """How the face should move; setting it takes effect from the next tick on."""
        self.other: OtherVoice | None = None
        """Whom the face listens to while it does not speak; None: nobody."""
        self._state = engine.performer.initial_state(seed)
        self._waiting: deque[Callable[[], Samples] | None] = deque()  # None: a mark
        self._ready = SILENCE  # of what waited, at our rate
        self._begin = 0  # of the next tick, in samples since the beginning
        self._marks: deque[int] = deque()  # likewise
        # A picture shows the mouth as it was `look_ahead_s` before the newest sample heard, and
        # stays for a tick: the middle of it is when the sound of that moment is to be heard.
        behind = engine.performer.look_ahead_s - 0.5 / engine.timeline.fps - lag
        self._delay = round(max(0.0, behind) * rate)
        self._late = np.zeros(self._delay, np.float32)  # sound that the performer has heard
        self._early = np.zeros(round(max(0.0, -behind) * rate), np.float32)  # and has yet to hear
        self._silent = 0  # where the sound ends that was handed in
        self._resampler, self._hearing = Resampler(rate), Resampler(SAMPLE_RATE)
        self._background, self._marker = background, Marker()
        self._drawn = -FEWEST  # the newest tick with a picture
        self._interrupted, self._cleared = 0, asyncio.Event()
        self._closed = False

    def say(self, samples: NDArray[np.float32] | NDArray[np.int16], rate: int) -> None:
        """Say these after everything handed in before. Returns at once.

        samples: float32 in [-1, 1] or int16, [n] or [n, channels], at `rate` Hz. Raises ValueError
        for any other, MediaError for a rate at which there is no voice.
        """
        from latentcam.stream.resample import check_format  # as in the beginning

        if self._closed:
            raise ValueError("got samples after close(), expected none")
        if np.ndim(samples) not in (1, 2) or samples.dtype not in (np.float32, np.int16):
            raise ValueError(
                f"got samples {samples.dtype} {np.shape(samples)}, expected float32 or int16, "
                "[n] or [n, channels]"
            )
        check_format(rate, 1)
        sound = np.array(samples, np.float32)  # the caller may use its own again
        if samples.dtype == np.int16:
            sound /= 32768
        if sound.ndim == 2:
            sound = sound.mean(axis=1)
        piece = max(1, round(PIECE * rate))
        for at in range(0, len(sound), piece):
            part = sound[at : at + piece]
            self._waiting.append(partial(self._resampler.push, part, rate))

    def end(self) -> None:
        """The utterance is complete; sets a mark behind it."""
        self._waiting.append(self._resampler.flush)
        self.mark()

    def mark(self) -> None:
        """`Moment.marks` tells when everything handed in up to now has gone out."""
        self._waiting.append(None)

    def clear(self) -> None:
        """Interrupt: drop what has not been said yet, and the marks in it. The mouth is closed in
        the next picture, which comes at once."""
        self._resampler.flush()
        self._hearing.flush()
        self._waiting.clear()
        self._ready = SILENCE
        self._marks.clear()
        self._late, self._early = np.zeros_like(self._late), np.zeros_like(self._early)
        self._silent = self._begin
        self._interrupted += 1
        self._cleared.set()
        performer = self._engine.performer
        self._state = performer.after_gap(self._state, self._state.heard)

    def close(self) -> None:
        """Nothing more will be said; `moments` ends once the rest is said. Idempotent."""
        if not self._closed:
            self.end()
            self._closed = True

    async def moments(self) -> AsyncGenerator[Moment]:
        """The face tick by tick, paced from now on; to be iterated once.

        While whoever iterates holds it up, media time stands still: nothing is skipped, and nothing
        is said in a hurry afterwards.
        Raises EngineFull if there is no place.
        """
        engine, loop = self._engine, asyncio.get_running_loop()
        period = 1 / engine.timeline.fps
        engine.admit()
        try:
            with engine.renderer.attended():
                due, tick = loop.time(), 0
                while not self._closed or self._waiting or len(self._ready) or self._marks:
                    moment = await self._moment(tick, due + period / 2)
                    handed = loop.time()
                    yield moment
                    # Those who play the sound count from the first of it, too.
                    tick, due = tick + 1, (due if tick else handed) + period
                    if (late := loop.time() - due) > 0:
                        # Whoever plays the sound takes no more of it, and would keep us late.
                        held = loop.time() - handed
                        due += late if late > MOST_LATE * period else min(late, held)
                    with suppress(TimeoutError):
                        async with asyncio.timeout_at(due):
                            await self._cleared.wait()
                            due = loop.time()
                    self._cleared.clear()
        finally:
            engine.release()

    async def _moment(self, tick: int, until: float) -> Moment:
        """until: the loop's time after which it is too late to draw."""
        engine, interrupted, begin = self._engine, self._interrupted, self._begin
        sound, heard = self._next((tick + 1) * self._rate // engine.timeline.fps - self._begin)
        speaks = begin < self._silent
        reached = 0
        while self._marks and self._marks[0] + self._delay <= self._begin:
            self._marks.popleft()
            reached += 1
        samples = self._hearing.push(heard, self._rate)
        x, state = await engine.on_motion_thread(
            engine.performer.perform,
            samples,
            self._state,
            self.settings,
            other=None if self.other is None else self.other.take(len(samples)),
        )
        if interrupted == self._interrupted:
            self._state = state
            picture = None
            if asyncio.get_running_loop().time() < until or tick >= self._drawn + FEWEST:
                self._drawn = tick
                drawn, _ = await engine.renderer.render(self.anchor, x)
                picture = await engine.on_motion_thread(self._finish, drawn)
        if interrupted != self._interrupted:  # while it was computed
            return Moment(tick, None, np.zeros_like(sound), False, 0)
        return Moment(tick, picture, sound, speaks, reached)

    def _finish(self, picture: Picture) -> Rgb:
        return self._marker.colours(composite(picture, self._background))

    def _next(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The sound of the next tick, and what the performer hears for it; silence where there is
        none."""
        taken, have = np.zeros(count, np.float32), 0
        while len(self._ready) or self._waiting:
            if not len(self._ready) and self._waiting[0] is None:
                self._waiting.popleft()
                self._marks.append(self._begin + have)
                continue
            if have == count:
                break
            if not len(self._ready):
                part = self._waiting.popleft()
                assert part is not None
                self._ready = part()
            used, self._ready = self._ready[: count - have], self._ready[count - have :]
            taken[have : have + len(used)] = used
            have += len(used)
        if have:
            self._silent = self._begin + have + self._delay
        self._begin += count
        sound, self._late = _through(self._late, taken)
        heard, self._early = _through(self._early, taken)
        return sound, heard


def _through(
    line: NDArray[np.float32], samples: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What comes out of a line of some length when these go in, and what is in it then."""
    both = np.concatenate([line, samples])
    return both[: len(samples)], both[len(samples) :]
