"""Is it the same after hours of a crowd? `python -m latentcam.benchmarks.crowd --hours 2`

One caller stays, and others come and go around it, over WebRTC on this machine, to a `serve` in a
process of its own: they talk, vanish without a word, reload, lose packets in bursts, do not read,
fall asleep, never connect, or draw the face themselves. --seed decides who comes when and for how
long. Ends with what the server's process had, how late the stayer's face was, and a verdict: what
grew, by a line through all points after the warm-up (which also allows for how many were calling),
and what was left when all had gone, beside what was there when the first few had.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from latentcam.benchmarks.tools.call import Call
from latentcam.benchmarks.tools.census import Census, census
from latentcam.benchmarks.tools.crowd import KINDS, PATIENCE, Crowd, Visit, script
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import session_options
from latentcam.benchmarks.tools.served import Served, served
from latentcam.benchmarks.tools.voice import talk
from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.server.commands.serving import cores

POINTS = 240  # of a whole run
SHORTEST, LONGEST = 1.0, 60.0  # seconds between two points
WARM_UP = 0.2  # share of the points, of which no line is drawn
SETTLED = 60.0  # seconds for what was closed to be gone, once nobody calls
SURE = 4.0  # standard errors of a line's slope; neighbouring points are alike, so more than two
VOICE = 10.0  # seconds of the stayer's, then again
BRIEF = 2.0  # of everybody else's

TOLERANCES = {"rss": 0.03, "descriptors": 2.0, "threads": 1.0, "tasks": 2.0, "age_p50": 10.0}
"""What may be more at the end of a run than at its beginning: MiB as a share of them, numbers,
milliseconds."""


@dataclass(frozen=True)
class Point:
    """The server after so many seconds. age: of the stayer's pictures since the point before, in
    ms, from the last sample of a tick leaving to its picture being seen; NaN where none came."""

    at_s: float
    sessions: int
    rss: float
    descriptors: int
    threads: int
    tasks: int
    age_p50: float
    age_p95: float


@dataclass(frozen=True)
class Run:
    """idle, after: with nobody there, before and after. redials: of the stayer, whose place was
    given away. left_over: sessions that were still there at the end."""

    points: list[Point]
    idle: Census
    after: Census
    pictures: int
    stayed: int
    redials: int
    visits: dict[str, int]
    why: list[str]
    totals: dict[str, int]
    left_over: int


class Stayer:
    """A call from the first minute to the last."""

    def __init__(self, server: Served, fps: int, look_ahead: float) -> None:
        self._server, self._fps, self._look_ahead = server, fps, look_ahead
        self._call: Call | None = None
        self.redials = -1
        self.pictures = 0

    async def dial(self) -> None:
        """At the first time, and when its place has been given away."""
        await self.aclose()
        async with asyncio.timeout(PATIENCE):
            while self._call is None:
                call = Call(talk(VOICE, 48000), self._fps, self._look_ahead)
                try:
                    await call.open(self._server.port)
                except AssertionError:  # full: somebody is there before it
                    await call.caller.aclose()
                    await asyncio.sleep(1.0)
                else:
                    self._call = call
        self.redials += 1

    async def ages(self) -> list[float]:
        """Of the pictures since this was asked last, in seconds."""
        assert self._call is not None
        shown = self._call.take_shown()
        self._call.skews.clear()
        self._call.caller.voice.clear()
        self.pictures += len(shown)
        if self._call.caller.pc.connectionState in ("closed", "failed"):
            await self.dial()
        return [one.age for one in shown]

    async def aclose(self) -> None:
        if self._call is not None:
            call, self._call = self._call, None
            await call.close()


async def counted(server: Served) -> Census:
    return await asyncio.to_thread(census, server)


async def until_idle(server: Served, no_more_than: Census | None = None) -> tuple[Census, int]:
    """When nobody calls any more, and as little is left as before, or after a while all the same:
    what is there, and how many sessions."""
    found, sessions = await counted(server), -1
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while sessions := len((await server.stats())["sessions"]):
                await asyncio.sleep(0.5)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLED):
            while True:
                before, found = found, await counted(server)
                settled = found.tasks == before.tasks and found.descriptors == before.descriptors
                if settled and (no_more_than is None or not left(no_more_than, found)):
                    break
                await asyncio.sleep(2.0)
    return found, sessions


def left(idle: Census, after: Census) -> dict[str, int]:
    """What is there afterwards that was not before: descriptors, tasks, and threads beyond those
    that an event loop keeps for what it hands out."""
    more = {
        "descriptors": after.descriptors - idle.descriptors,
        "tasks": after.tasks - idle.tasks,
        "threads": after.threads - idle.threads - min(32, cores() + 4),
    }
    return {name: count for name, count in more.items() if count > 0}


async def crowd(
    server: Served, seconds: float, fps: int, look_ahead: float, seed: int, every: float, most: int
) -> Run:
    """most: who are there at once, besides the stayer."""
    sound, loop = talk(BRIEF, 48000), asyncio.get_running_loop()
    people, stayer = Crowd(server, sound, seed), Stayer(server, fps, look_ahead)
    for kind in KINDS:  # what is made once for all, is made now
        await people.visit(Visit(kind, 0.0, 2))
    idle, _ = await until_idle(server)
    await stayer.dial()
    begun, points = loop.time(), list[Point]()
    pause = min(LONGEST, max(SHORTEST, seconds / POINTS))
    room = asyncio.Semaphore(most)

    async def come(visit: Visit) -> None:
        try:
            await people.visit(visit)
        finally:
            room.release()

    async def invite(group: asyncio.TaskGroup) -> None:
        due = begun
        for visit in script(seed, every):
            due = max(due + visit.after, loop.time() - every)
            if due > begun + seconds:
                return
            await asyncio.sleep(due - loop.time())
            await room.acquire()
            if loop.time() > begun + seconds:
                return
            group.create_task(come(visit))

    async def watch() -> None:
        for number in itertools.count(1):
            await asyncio.sleep(begun + number * pause - loop.time())
            ages = 1000 * np.array(await stayer.ages() or [np.nan])
            found, sessions = await counted(server), len((await server.stats())["sessions"])
            p50, p95 = (round(float(np.percentile(ages, p)), 1) for p in (50, 95))
            at = round(loop.time() - begun, 1)
            much = found.rss, found.descriptors, found.threads, found.tasks
            points.append(Point(at, sessions, *much, p50, p95))
            if at >= seconds:
                return

    async with asyncio.TaskGroup() as group:
        group.create_task(invite(group))
        group.create_task(watch())
    totals = (await server.stats())["totals"]
    stayed = stayer.pictures
    await stayer.aclose()
    after, left_over = await until_idle(server, idle)
    return Run(
        points, idle, after, people.pictures + stayed, stayed, stayer.redials,
        dict(sorted(people.counts.items())), people.why, totals, left_over,
    )  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What a figure did in a run, apart from what more or fewer callers do to it. grew: over the
    whole run, with its standard error."""

    first: float
    last: float
    grew: float
    error: float
    too_much: bool


def line(name: str, points: Sequence[Point]) -> Line:
    """Through a figure, after the warm-up, by least squares: a constant, time, and callers."""
    kept = [p for p in points[int(WARM_UP * len(points)) :] if np.isfinite(getattr(p, name))]
    part = max(1, len(kept) // 5)
    values = np.array([getattr(p, name) for p in kept], float)
    ends = (values[:part], values[-part:])
    first, last = (float(np.median(end)) if len(kept) else np.nan for end in ends)
    if len(kept) < 8:
        return Line(first, last, np.nan, np.nan, False)
    seconds = np.array([p.at_s for p in kept])
    length = seconds[-1] - seconds[0]
    known = np.stack([np.ones(len(kept)), seconds / length, [p.sessions for p in kept]], axis=1)
    found, *_ = np.linalg.lstsq(known, values, rcond=None)
    grew, error = float(found[1]), _error_of_slope(known, values - known @ found)
    most = TOLERANCES[name] * (first if name == "rss" else 1.0)
    return Line(first, last, grew, error, grew > most and grew > SURE * error)


def _error_of_slope(known: NDArray[np.float64], off: NDArray[np.float64]) -> float:
    spread = off @ off / max(1, len(off) - known.shape[1])
    return float(np.sqrt(spread * np.linalg.pinv(known.T @ known)[1, 1]))


def verdict(run: Run) -> tuple[list[str], list[str]]:
    """The table, line by line, and what is wrong, a sentence each."""
    heads = ("", "first fifth", "last fifth", "grew by", "+-", "idle", "after")
    table = ["{:<12} {:>11} {:>11} {:>9} {:>7} {:>8} {:>8}".format(*heads)]
    wrong = []
    for name in TOLERANCES:
        found = line(name, run.points)
        ends = [getattr(one, name, np.nan) for one in (run.idle, run.after)]
        numbers = (found.first, found.last, found.grew, found.error, *ends)
        table.append(
            "{:<12} {:>11.1f} {:>11.1f} {:>+9.1f} {:>7.1f} {:>8.1f} {:>8.1f}".format(name, *numbers)
        )
        if found.too_much:
            wrong.append(f"{name} grew by {found.grew:.1f}, give or take {found.error:.1f}")
    wrong += [f"{count} {name} are left over" for name, count in left(run.idle, run.after).items()]
    if run.left_over:
        wrong.append(f"{run.left_over} places are still taken")
    if run.totals["failed"]:
        wrong.append(f"{run.totals['failed']} sessions failed")
    wrong += [f"a visit failed: {why}" for why in run.why]
    return table, wrong


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[session_options()],
    )
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0, help="of the script")
    parser.add_argument("--every", type=float, default=3.0, help="seconds, the mean between two")
    parser.add_argument("--most", type=int, default=3, help="who are there besides the stayer")
    args = parser.parse_args(argv)
    for option in ("hours", "every", "most"):
        if not getattr(args, option) > 0:
            parser.error(f"--{option} is {getattr(args, option)}, expected more than 0")
    card = machine_card()
    print_card(card)
    look_ahead = load_pack(args.avatar).card.motion.look_ahead_s
    options = ["--avatar", args.avatar, "--decoder", args.decoder, "--fps", str(args.fps)]
    with served(*options, "--max-sessions", str(args.most), module="census") as server:
        run = asyncio.run(
            crowd(server, 3600 * args.hours, args.fps, look_ahead, args.seed, args.every, args.most)
        )
    table, wrong = verdict(run)
    print("\n".join(f"{count:>6}  {what}" for what, count in run.visits.items()))
    print("\n".join(table))
    t = run.totals
    print(
        f"{t['sessions']} sessions, {t['refused']} turned away; {run.pictures} pictures seen, "
        f"{run.stayed} of them by the one who stayed and dialled again {run.redials} times"
    )
    print("\n".join(wrong) or "nothing grew, and nothing was left")
    figures = {name: asdict(line(name, run.points)) for name in TOLERANCES}
    told = {"hours": args.hours, "seed": args.seed, "wrong": wrong, "visits": run.visits}
    ends = {"idle": asdict(run.idle), "after": asdict(run.after), "totals": run.totals}
    print_json({"benchmark": "crowd", **told, **ends, "figures": figures, "card": card})
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
