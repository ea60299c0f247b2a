"""A whole file at once: the same steps as a live session, nothing dropped, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from latentcam.realtime_models.arrays import SAMPLE_RATE, Control, Samples
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_file import Blocks, read_voice


def perform_file(
    performer: Performer, timeline: Timeline, path: Path, seed: int, settings: Settings
) -> Iterator[Control]:
    """x_t for every tick of the file's voice. Raises MediaError."""
    return perform_voice(performer, timeline, read_voice(path, SAMPLE_RATE), seed, settings)


def perform_voice(
    performer: Performer,
    timeline: Timeline,
    blocks: Iterator[Samples],
    seed: int,
    settings: Settings,
    other: Iterator[Samples] | None = None,
) -> Iterator[Control]:
    """x_t for every tick of a voice that comes block by block: float32 [n] at SAMPLE_RATE.

    other: likewise, somebody whom the face listens to, from tick 0 until they fall silent.
    The face of tick k belongs to the middle of the tick. The motion model describes the moment
    `look_ahead_s` before the newest sample, so before tick 0 it hears that much more.
    """
    voice, others = Blocks(blocks), None if other is None else Blocks(other)
    offset = 0.5 / timeline.fps + performer.look_ahead_s
    state = performer.initial_state(seed)
    tick, heard = 0, 0
    while voice.length is None or timeline.first_sample(tick) < voice.length:
        until = timeline.first_sample(tick) + round(offset * SAMPLE_RATE)
        samples = voice.take(until - heard)
        heard = until
        said = None if others is None else others.take(len(samples))
        x, state = performer.perform(samples, state, settings, other=said)
        if voice.length is not None and timeline.first_sample(tick) >= voice.length:
            return
        yield x
        tick += 1
