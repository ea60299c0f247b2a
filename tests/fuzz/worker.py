"""Some rounds of one target in a process of its own, which a case may kill or hang:
`python -m tests.fuzz.worker TARGET FIRST COUNT FOLDER`, for tests.fuzz alone.

Each case is written to FOLDER/TARGET.case before it is tried, and each round, when it is over, is a
line of FOLDER/TARGET.rounds.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import msgspec
import psutil

from tests.fuzz.rounds import keep, play, watched
from tests.fuzz.target import Target
from tests.fuzz.targets.all import TARGETS

MOST_GROWTH = 64 * 2**20  # bytes, from the first round of a process to its last


class Round(msgspec.Struct, frozen=True):
    """What came of a round. faults: by their places, the seed that was written for each."""

    number: int
    cases: int
    seconds: float
    outcomes: dict[str, int]
    faults: dict[str, str]


def work(target: Target, first: int, count: int, folder: Path, known: set[str]) -> None:
    """Play the rounds. known: faults that have a seed already."""
    with (folder / f"{target.name}.case").open("wb", 0) as file, watched(target) as watch:
        take = watch.take

        def noted(case: bytes) -> str:
            file.seek(0)
            file.truncate()
            file.write(case)
            return take(case)

        watch.take, watch.known = noted, known
        used = 0
        for number in range(first, first + count):
            begun, faults = time.monotonic(), {}
            watch.outcomes.clear()
            try:
                play(target, watch, number, target.round)
            except Exception:
                if watch.failing is None:
                    raise  # of the harness itself
                where, case = watch.failing
                faults[where] = keep(target.name, where, case).name
                known.add(where)
            if number == first:
                used = psutil.Process().memory_info().rss
            elif number == first + count - 1:
                grown = psutil.Process().memory_info().rss - used
                if grown > MOST_GROWTH:
                    faults[f"memory grew by {grown >> 20} MiB in {count - 1} rounds"] = ""
            cases, seconds = watch.outcomes.total(), time.monotonic() - begun
            over = Round(number, cases, round(seconds, 1), dict(watch.outcomes), faults)
            with (folder / f"{target.name}.rounds").open("ab") as rounds:
                rounds.write(msgspec.json.encode(over) + b"\n")


def main() -> None:
    logging.getLogger().addHandler(logging.NullHandler())  # what is told of refusals is no news
    name, first, count, folder, *known = sys.argv[1:]
    target = next(target for target in TARGETS if target.name == name)
    work(target, int(first), int(count), Path(folder), set(known))


if __name__ == "__main__":
    main()
