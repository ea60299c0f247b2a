"""`latentcam motion`: a speech file to motion curves."""

from __future__ import annotations

import argparse
import csv
import json
from contextlib import suppress
from pathlib import Path

import numpy as np

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.server.commands.options import (
    Help,
    NewParser,
    avatar_options,
    life_options,
    seed_of,
    settings_of,
    speech_options,
    timeline_of,
)
from latentcam.server.commands.speech import perform
from latentcam.server.errors import UsageError


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        parents=[speech_options(), avatar_options(), life_options()],
        formatter_class=Help,
    )
    parser.add_argument("--out", type=Path, required=True, help="the curves, .csv or .json")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the curves. Raises what `main` tells the user."""
    if args.out.suffix.lower() not in (".csv", ".json"):
        raise UsageError(f"--out is {args.out.name}, expected a name in .csv or .json")
    if args.out.is_dir():
        raise UsageError(f"--out is {args.out}, a folder, expected a file's name")
    if not args.out.parent.is_dir():
        raise UsageError(f"the folder {args.out.parent} does not exist")
    timeline = timeline_of(args)
    pack = load_pack(args.avatar)
    settings = settings_of(args, pack.card.axes)
    seed = seed_of(args)
    names = [axis.name for axis in pack.card.axes]
    partial = args.out.with_name(f".{args.out.name}.partial")
    try:
        with partial.open("w", newline="") as file:  # before the work: it may not be allowed
            rows = np.stack(list(perform(args.speech, pack, timeline, seed, settings)))
            times = [timeline.seconds(tick) for tick in range(len(rows))]
            if args.out.suffix.lower() == ".csv":
                writer = csv.writer(file)
                writer.writerow(["time", *names])
                for time, row in zip(times, rows, strict=True):
                    writer.writerow([f"{time:.6f}", *(f"{value:.5g}" for value in row)])
            else:
                curves = {n: [round(float(v), 5) for v in rows[:, i]] for i, n in enumerate(names)}
                json.dump({"fps": timeline.fps, "time": times, "axes": curves}, file)
        partial.replace(args.out)
    except OSError as error:
        raise UsageError(f"{args.out} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):  # there is none: it was renamed, or could not be made
            partial.unlink()
