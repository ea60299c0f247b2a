"""Do 100 replicas hold their callers? `python -m latentcam.benchmarks.fleet --out fleet.png`

Simulates 10 000 calls, no voice and no picture, with the very functions by which the routers of
`latentcam cluster` place calls. What is assumed, and may be changed by options:

- Callers come by a Poisson process whose rate swings like a day's, by 60 % around its mean.
- Calls last log-normally, median three minutes, sigma 1 (so five minutes on average).
- Each replica dies after an exponential time, 4 hours on average, and takes calls again 30 s later.
- Two routers, each with loads up to a second old. Which replica is dead they know at once, because
  its connections break.
- A caller who is refused leaves. One whose replica dies notices within 0.1 to 1 s and dials again
  as the page does: at once, then after 1, 2, 4, 8, 15, 15 and 15 s. Connecting takes 0.5 s.
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from latentcam.benchmarks.tools.machine_card import print_json
from latentcam.server.cluster.placement import Load, Placer

REDIALS = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)  # seconds; the page's
NOTICED = (0.1, 1.0)  # seconds after which a caller knows that its replica is dead
CONNECTING = 0.5  # seconds
LOADS_EVERY, LOADS_LATE = 0.5, 0.5  # seconds between two looks at the loads, and until routers know
SAMPLE_EVERY = 30.0  # seconds
SWING = 0.6  # of the rate of arrivals, around its mean
SIGMA = 1.0  # of the logarithm of a call's length


@dataclass(frozen=True)
class Fleet:
    """Seconds throughout. hours: in which the calls come."""

    replicas: int = 100
    places: int = 4
    routers: int = 2
    calls: int = 10_000
    hours: float = 3.25
    median: float = 180.0
    lives: float = 4 * 3600.0
    restart: float = 30.0
    seed: int = 0


@dataclass
class Outcome:
    """needless: refused though some replica had room. recoveries:
    from a replica's death to the face of a caller who was in it; unrecovered: those who gave up.
    samples: (second, sessions of each replica that runs)."""

    admitted: int = 0
    refused: int = 0
    needless: int = 0
    deaths: int = 0
    cut: int = 0
    unrecovered: int = 0
    recoveries: list[float] = field(default_factory=list)
    samples: list[tuple[float, list[int]]] = field(default_factory=list)


@dataclass
class _Call:
    ends: float
    replica: str = ""
    cut: float | None = None
    """When the replica died that it was in."""
    tries: int = 0


class _Simulation:
    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.chance, self.outcome = fleet, Random(fleet.seed), Outcome()
        self.names = [f"r{n}" for n in range(fleet.replicas)]
        self.inside: dict[str, list[_Call]] = {name: [] for name in self.names}
        self.dead: set[str] = set()
        self.known = {name: Load(0, fleet.places) for name in self.names}
        self.routers = [
            Placer(Random(fleet.seed + 1 + n), lambda: self.now) for n in range(fleet.routers)
        ]
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.now = 0.0

    def at(self, moment: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), event))

    def run(self) -> Outcome:
        fleet, chance = self.fleet, self.chance
        end = fleet.hours * 3600
        mean_rate, moment = fleet.calls / end, 0.0
        for _ in range(fleet.calls):
            while True:  # thinning: Lewis and Shedler 1979
                moment += chance.expovariate(mean_rate * (1 + SWING))
                rate = 1 - SWING * math.cos(2 * math.pi * moment / end)
                if chance.random() * (1 + SWING) < rate:
                    break
            self.at(moment, self.arrive)
        for name in self.names:
            self.at(chance.expovariate(1 / fleet.lives), partial(self.die, name))
        self.at(0.0, self.look)
        self.at(0.0, self.sample)
        while self._events and self._events[0][0] <= end:
            self.now, _, event = heapq.heappop(self._events)
            event()
        return self.outcome

    def look(self) -> None:
        """What routers will know of the loads."""
        loads = {
            name: Load(len(calls), self.fleet.places)
            for name, calls in self.inside.items()
            if name not in self.dead
        }
        self.at(self.now + LOADS_LATE, lambda: setattr(self, "known", loads))
        self.at(self.now + LOADS_EVERY, self.look)

    def sample(self) -> None:
        sessions = [len(calls) for name, calls in self.inside.items() if name not in self.dead]
        self.outcome.samples.append((self.now, sessions))
        self.at(self.now + SAMPLE_EVERY, self.sample)

    def arrive(self) -> None:
        length = self.chance.lognormvariate(math.log(self.fleet.median), SIGMA)
        call = _Call(self.now + length)
        if self.place(call):
            self.outcome.admitted += 1
            return
        self.outcome.refused += 1
        running = (len(c) for name, c in self.inside.items() if name not in self.dead)
        self.outcome.needless += any(count < self.fleet.places for count in running)

    def place(self, call: _Call) -> bool:
        """Whether the replica that a router chose has let it in."""
        router = self.chance.choice(self.routers)
        loads = {name: load for name, load in self.known.items() if name not in self.dead}
        chosen = router.choose("/ws", loads)
        if not chosen:
            return False
        router.sent("/ws", chosen[0])
        calls = self.inside[chosen[0]]
        if len(calls) >= self.fleet.places:
            return False
        calls.append(call)
        call.replica = chosen[0]
        self.at(max(call.ends, self.now), lambda: self.end(call, chosen[0]))
        return True

    def end(self, call: _Call, replica: str) -> None:
        if call in self.inside[replica]:
            self.inside[replica].remove(call)

    def die(self, name: str) -> None:
        self.outcome.deaths += 1
        self.dead.add(name)
        calls, self.inside[name] = self.inside[name], []
        for call in calls:
            self.outcome.cut += 1
            call.cut, call.tries = self.now, 0
            self.at(self.now + self.chance.uniform(*NOTICED), partial(self.redial, call))
        self.at(self.now + self.fleet.restart, lambda: self.dead.discard(name))
        self.at(
            self.now + self.fleet.restart + self.chance.expovariate(1 / self.fleet.lives),
            lambda: self.die(name),
        )

    def redial(self, call: _Call) -> None:
        assert call.cut is not None
        if self.place(call):
            self.outcome.recoveries.append(self.now + CONNECTING - call.cut)
            return
        call.tries += 1
        if call.tries == len(REDIALS):
            self.outcome.unrecovered += 1
        else:
            self.at(self.now + REDIALS[call.tries], lambda: self.redial(call))


def simulate(fleet: Fleet) -> Outcome:
    """The same for the same fleet."""
    return _Simulation(fleet).run()


def figures(fleet: Fleet, outcome: Outcome) -> dict[str, Any]:
    """spread: the most minus the fewest sessions of any two replicas at one moment, p50 and p95
    over the moments; full: when all places were taken."""
    spreads = [max(sessions) - min(sessions) for _, sessions in outcome.samples]
    busy = [sum(sessions) / (len(sessions) * fleet.places) for _, sessions in outcome.samples]
    found: dict[str, Any] = {
        "admitted": outcome.admitted,
        "refused": outcome.refused,
        "refused_needlessly": outcome.needless,
        "busiest": round(max(busy), 3),
        "spread": [float(np.percentile(spreads, p)) for p in (50, 95)],
        "deaths": outcome.deaths,
        "cut": outcome.cut,
        "gave_up": outcome.unrecovered,
    }
    if outcome.recoveries:
        found["again_s"] = [
            round(float(np.percentile(outcome.recoveries, p)), 2) for p in (50, 95, 100)
        ]
        found["within_3_s"] = round(float(np.mean(np.array(outcome.recoveries) <= 3.0)), 4)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = Fleet()
    parser.add_argument("--replicas", type=int, default=usual.replicas)
    parser.add_argument("--places", type=int, default=usual.places, help="of each replica")
    parser.add_argument("--calls", type=int, default=usual.calls)
    parser.add_argument("--hours", type=float, default=usual.hours, help="in which they come")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--out", type=Path, help="a plot, .png or .svg")
    args = parser.parse_args()
    fleet = Fleet(
        replicas=args.replicas, places=args.places, calls=args.calls, hours=args.hours,
        seed=args.seed,
    )  # fmt: skip
    outcome = simulate(fleet)
    if args.out:
        from latentcam.benchmarks.tools.plots import save_fleet

        save_fleet(args.out, outcome.samples, fleet.places, outcome.recoveries)
    print_json(
        {"benchmark": "fleet", "assumed": dataclasses.asdict(fleet), **figures(fleet, outcome)}
    )


if __name__ == "__main__":
    main()
