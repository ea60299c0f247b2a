"""`latentcam motion`: a speech file to motion curves."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.axes import Axis
from latentcam.server.commands.options import (
    Help,
    NewParser,
    avatar_options,
    life_options,
    output_options,
    seed_of,
    settings_of,
    speech_options,
    timeline_of,
)
from latentcam.server.commands.speech import check_out, perform
from latentcam.server.endings import orderly
from latentcam.server.errors import UsageError
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_file import VoiceFile
from latentcam.stream.whole_file import whole_file, writing


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        parents=[
            speech_options(),
            avatar_options(),
            life_options(),
            output_options("the curves, .csv or .json"),
        ],
        formatter_class=Help,
    )
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the curves. Raises what `main` tells the user."""
    if args.out.suffix.lower() not in (".csv", ".json"):
        raise UsageError(f"--out is {args.out.name}, expected a name in .csv or .json")
    check_out(args.out, args.speech, args.force)
    timeline, seed = timeline_of(args), seed_of(args)
    pack = load_pack(args.avatar)
    settings = settings_of(args, pack.card.axes)
    # The file is made before the work: it may not be allowed.
    with orderly(), whole_file(args.out) as partial, VoiceFile(args.speech) as speech:
        sounds, seconds = speech.sounds(), speech.seconds
        curves = perform(sounds, seconds, pack, timeline, seed, settings, args.other)
        rows = np.stack(list(curves))
        with writing(args.out), partial.open("w", newline="") as file:
            _write(file, args.out.suffix.lower(), timeline, pack.card.axes, rows)


def _write(
    file: TextIO, kind: str, timeline: Timeline, axes: Sequence[Axis], rows: NDArray[np.float32]
) -> None:
    """rows: float32 [ticks, axes]."""
    names = [axis.name for axis in axes]
    times = [timeline.seconds(tick) for tick in range(len(rows))]
    if kind == ".csv":
        writer = csv.writer(file)
        writer.writerow(["time", *names])
        for time, row in zip(times, rows, strict=True):
            writer.writerow([f"{time:.6f}", *(f"{value:.5g}" for value in row)])
    else:
        curves = {n: [round(float(v), 5) for v in rows[:, i]] for i, n in enumerate(names)}
        json.dump({"fps": timeline.fps, "time": times, "axes": curves}, file)
