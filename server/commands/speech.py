"""A speech file performed by a pack, with progress on stderr: what `render` and `motion` share."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from latentcam.realtime_models.arrays import Control
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.media_file import voice_seconds
from latentcam.stream.offline import perform_file
from latentcam.stream.timeline import Timeline


def perform(
    speech: Path, pack: AvatarPack, timeline: Timeline, seed: int, settings: Settings
) -> Iterator[Control]:
    """Yield x_t for every tick of the file. Raises MediaError before the first if unreadable."""
    ticks = perform_file(Performer(pack), timeline, speech, seed, settings)
    first = next(ticks)  # an unreadable file is told before any output is made
    total = round(voice_seconds(speech) * timeline.fps)
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("speaking", total=total or None)
        for x in itertools.chain([first], ticks):
            yield x
            progress.advance(task)
