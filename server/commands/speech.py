"""A speech file performed by a pack, with progress on stderr: what `render` and `motion` share."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from latentcam.realtime_models.arrays import SAMPLE_RATE, Control
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.server.errors import UsageError
from latentcam.stream.offline import perform_voice
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_file import Sound, read_voice, resampled


def perform(
    sounds: Iterable[Sound],
    seconds: float,
    pack: AvatarPack,
    timeline: Timeline,
    seed: int,
    settings: Settings,
    other: Path | None = None,
) -> Iterator[Control]:
    """Yield x_t for every tick of a voice. Raises MediaError before the first if there is none.

    seconds: how long it may be, for the progress bar; 0 if nobody knows. other: a file of somebody
    whom the face listens to.
    """
    blocks = resampled(sounds, SAMPLE_RATE)
    others = None if other is None else read_voice(other, SAMPLE_RATE)
    ticks = perform_voice(Performer(pack), timeline, blocks, seed, settings, others)
    first = next(ticks)  # an unreadable file is told before any output is made
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    # In a log or a pipe a bar is noise, and who reads it may be gone.
    seen = sys.stderr is not None and sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=not seen) as progress:
        task = progress.add_task("speaking", total=round(seconds * timeline.fps) or None)
        for x in itertools.chain([first], ticks):
            yield x
            progress.advance(task)


def check_out(out: Path, speech: Path, force: bool) -> None:
    """Raises UsageError if the output would overwrite the input or, without force, any file."""
    with suppress(OSError):  # if there is no such file, there is nothing to lose
        if out.samefile(speech):
            raise UsageError(f"--out is the speech file itself, {speech}")
    check_new(out, force)


def check_new(out: Path, force: bool) -> None:
    """Raises UsageError if the output would overwrite a file, without force."""
    if os.path.isfile(out) and not force:
        raise UsageError(f"{out} exists: give another --out, or --force to overwrite it")
