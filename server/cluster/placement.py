"""Which replica a call goes to, how many replicas there should be: decisions without a clock, a
socket or Ray, so that tests and `latentcam.benchmarks.fleet` run the very same.

A replica is one engine in a process of its own. What routers know of it is `Load`, a second old.
"""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Callable, Mapping
from random import Random

import msgspec

STALE = 1.5  # seconds: how old what is known of a replica may be
NEW_CALLS = re.compile(r"/(offer|ws|whip(/[^/]+)?)/?")
STREAMS = re.compile(r"/(?:whip|whep)(?:/(?P<name>[^/]+))?(?:/(?P<session>[^/]+))?/?")
DEFAULT_STREAM = "live"
MARK = "~"  # between a session's secret name, in which it does not occur, and its replica


class Load(msgspec.Struct, frozen=True):
    """What a replica says of itself. streams: names that somebody publishes there by WHIP."""

    sessions: int = 0
    places: int = 1
    streams: tuple[str, ...] = ()


class Coming:
    """Calls that were sent to replicas so lately that their loads may not count them yet."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, str]] = deque()

    def add(self, replica: str, now: float) -> None:
        self._sent.append((now, replica))

    def counts(self, now: float) -> Counter[str]:
        """By replica. now: seconds, of the same clock as in `add`."""
        while self._sent and now - self._sent[0][0] > STALE:
            self._sent.popleft()
        return Counter(replica for _, replica in self._sent)


def preferred(loads: Mapping[str, Load], coming: Mapping[str, int], chance: Random) -> list[str]:
    """The replicas for a new call, the best first: with room, then the least loaded by share of its
    places, then by chance, so that several routers do not all choose the same one.

    Calls that are coming may be counted twice for STALE seconds. That spreads a burst, and turns
    nobody away: the last word on who is let in has the replica's own lobby.
    """
    replicas = list(loads)
    chance.shuffle(replicas)

    def rank(replica: str) -> tuple[bool, float]:
        load = loads[replica]
        share = (load.sessions + coming.get(replica, 0)) / load.places
        return load.sessions >= load.places, share

    return sorted(replicas, key=rank)


def keeper(path: str, loads: Mapping[str, Load]) -> str | None:
    """The replica that a request belongs to: by its session's name, or by the stream's."""
    found = STREAMS.fullmatch(path)
    if found is None:
        return None
    _, mark, replica = (found["session"] or "").rpartition(MARK)
    if mark:
        return replica if replica in loads else None
    name = found["name"] or DEFAULT_STREAM
    return next((replica for replica, load in loads.items() if name in load.streams), None)


class Placer:
    """What one router remembers. clock: seconds."""

    def __init__(self, chance: Random, clock: Callable[[], float]) -> None:
        self._chance, self._clock = chance, clock
        self._coming = Coming()

    def choose(self, path: str, loads: Mapping[str, Load]) -> list[str]:
        """The replicas for a request, the best first; nothing where any will do."""
        kept = keeper(path, loads)
        if kept is not None:
            return [kept]
        if NEW_CALLS.fullmatch(path):
            return preferred(loads, self._coming.counts(self._clock()), self._chance)
        return []

    def sent(self, path: str, replica: str) -> None:
        """A request went to this replica."""
        if NEW_CALLS.fullmatch(path):
            self._coming.add(replica, self._clock())


def marked(location: str, replica: str) -> str:
    """A session's address with its replica's name, `?token=…` staying behind it."""
    path, query, rest = location.partition("?")
    return f"{path}{MARK}{replica}{query}{rest}"


def is_marked(path: str) -> bool:
    """Whether this is a session's address that carries its replica's name."""
    found = STREAMS.fullmatch(path)
    return found is not None and MARK in (found["session"] or "")


def unmarked(path: str) -> str:
    """A marked address as its replica knows it."""
    return path.rpartition(MARK)[0]


def wanted(sessions: float, places: int, spare: float) -> int:
    """How many replicas there should be, before any least and most.

    places: of a replica. spare: share of all places that should be free, for those who come while
    a new replica warms up.
    """
    return max(1, math.ceil(sessions / (places * (1 - spare)) - 1e-9))
