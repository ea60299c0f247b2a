"""Fuzz for a night: `python -m tests.fuzz --cases 1000000`; again, and it goes on.

Targets take turns, so that at any time all have had their share: a round of each is some 10 000
cases, and round 0 is what the tests try. What fails is made as small as possible and written to
tests/fuzz/seeds, where the tests find it. Ends with a table, with status 1 if there were faults.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.fuzz.rounds import keep
from tests.fuzz.target import ROOT, Target
from tests.fuzz.targets.all import TARGETS
from tests.fuzz.worker import Round

TURN = 5  # rounds that a target plays before the next one's turn
STUCK = 600.0  # seconds in which no case begins


def rounds_of(target: Target, folder: Path) -> list[Round]:
    """What has been played, the oldest first."""
    path = folder / f"{target.name}.rounds"
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line, type=Round) for line in lines]


def wanted(targets: Sequence[Target], cases: int) -> int:
    """Rounds until each target has had its share of the cases."""
    return -(-cases // sum(target.round for target in targets))


def turn(target: Target, first: int, count: int, folder: Path) -> None:
    """Play some rounds; a case that kills or hangs the process is a fault, and its round over."""
    played = rounds_of(target, folder)
    known = {where for one in played for where in one.faults}
    case, begun = folder / f"{target.name}.case", time.time()
    command = [sys.executable, "-m", "tests.fuzz.worker", target.name, str(first), str(count)]
    with subprocess.Popen([*command, str(folder), *sorted(known)], cwd=ROOT) as worker:
        try:
            while worker.poll() is None:
                try:
                    worker.wait(5.0)
                except subprocess.TimeoutExpired:
                    newest = case.stat().st_mtime if case.exists() else begun
                    if time.time() - max(newest, begun) > STUCK:
                        worker.kill()
        finally:
            worker.kill()
    if worker.returncode == 0:
        return
    over = len(rounds_of(target, folder))
    why = f"hung or died with status {worker.returncode}"
    seed = keep(target.name, why, case.read_bytes()) if case.exists() else None
    lost = Round(over, 0, 0.0, {}, {f"{why} in round {over}": seed.name if seed else ""})
    with (folder / f"{target.name}.rounds").open("ab") as rounds:
        rounds.write(msgspec.json.encode(lost) + b"\n")


def table(targets: Sequence[Target], folder: Path) -> tuple[list[str], int]:
    """Lines for people, and how many faults were found."""
    form = "{:<10} {:>7} {:>9} {:>9} {:>7} {:>8}"
    lines = [form.format("target", "rounds", "cases", "outcomes", "faults", "seconds")]
    sums, found = Counter[str](), []
    for target in targets:
        played = rounds_of(target, folder)
        kinds = {kind for one in played for kind in one.outcomes}
        faults = {where: seed for one in played for where, seed in one.faults.items()}
        cases, seconds = sum(one.cases for one in played), sum(one.seconds for one in played)
        lines.append(
            form.format(target.name, len(played), cases, len(kinds), len(faults), f"{seconds:.0f}")
        )
        sums.update(cases=cases, seconds=round(seconds), faults=len(faults))
        found += [f"{target.name}: {where} ({seed})" for where, seed in faults.items()]
    lines.append(form.format("all", "", sums["cases"], "", sums["faults"], sums["seconds"]))
    return [*lines, *found], len(found)


def main(argv: Sequence[str] | None = None) -> int:
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", type=int, default=100_000, help="in all, with earlier ones")
    parser.add_argument("--target", action="append", choices=names, help="these alone")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "fuzz", help="what is kept")
    parser.add_argument("--again", action="store_true", help="from the first round, forget others")
    args = parser.parse_args(argv)
    if args.cases < 1:
        parser.error(f"--cases is {args.cases}, expected 1 or more")
    targets = [target for target in TARGETS if not args.target or target.name in args.target]
    args.out.mkdir(parents=True, exist_ok=True)
    if args.again:
        for target in targets:
            (args.out / f"{target.name}.rounds").unlink(missing_ok=True)
    goal = wanted(targets, args.cases)
    try:
        while waiting := [t for t in targets if len(rounds_of(t, args.out)) < goal]:
            target = min(waiting, key=lambda t: len(rounds_of(t, args.out)))
            first = len(rounds_of(target, args.out))
            turn(target, first, min(TURN, goal - first), args.out)
            last = rounds_of(target, args.out)
            print(f"{target.name}: {len(last)} of {goal} rounds", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
    lines, faults = table(targets, args.out)
    print("\n".join(lines))
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
