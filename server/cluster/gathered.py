"""The figures of all replicas in one place: who runs, and what those counted that have ended."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from latentcam.server.messages import Stats, Totals
from latentcam.server.metrics import Counted, StageCounts

SILENT = 5.0  # seconds without a report after which a replica counts as ended


class Report(msgspec.Struct, frozen=True):
    """What a replica posts every second."""

    stats: Stats
    counted: Counted


class Board:
    """Replicas post here, and whichever of them is asked reads here. A new board, where one has
    died, counts from zero, as Prometheus knows it of any program that is started again.

    clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reports: dict[str, tuple[float, Report]] = {}
        self._ended = total(())

    def post(self, replica: str, report: Report) -> None:
        self._reports[replica] = self._clock(), report

    def leave(self, replica: str) -> None:
        """Nothing runs there any more; what it counted stays counted."""
        if (found := self._reports.pop(replica, None)) is not None:
            gone = msgspec.structs.replace(
                found[1].counted, ready=False, sessions=0, places=0, viewers=0, seats=0
            )
            self._ended = total((self._ended, gone))

    def read(self) -> tuple[dict[str, Stats], Counted]:
        """The figures of each replica that has posted lately, and the sum of all that ever did."""
        now = self._clock()
        for replica in [r for r, (posted, _) in self._reports.items() if now - posted > SILENT]:
            self.leave(replica)
        reports = {replica: report for replica, (_, report) in self._reports.items()}
        sums = total((self._ended, *(report.counted for report in reports.values())))
        return {replica: report.stats for replica, report in reports.items()}, sums


def total(parts: Iterable[Counted]) -> Counted:
    """The sum; ready if any is."""
    ready, sessions, places, viewers, seats = False, 0, 0, 0, 0
    totals: Counter[str] = Counter()
    stages: dict[str, StageCounts] = {}
    for part in parts:
        ready |= part.ready
        sessions += part.sessions
        places += part.places
        viewers += part.viewers
        seats += part.seats
        totals.update(msgspec.structs.asdict(part.totals))
        for name, stage in part.stages.items():
            stages[name] = stages[name] + stage if name in stages else stage
    return Counted(
        ready=ready,
        sessions=sessions,
        places=places,
        viewers=viewers,
        seats=seats,
        totals=Totals(**{name: totals[name] for name in Totals.__struct_fields__}),
        stages=stages,
    )
