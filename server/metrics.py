"""How the server is doing: one set of figures, as JSON for people and as text for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from latentcam.server.lobby import Lobby
from latentcam.server.messages import SessionFigures, Stage, Stats, Totals
from latentcam.stream.meter import BOUNDS, STAGES, Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def figures(lobby: Lobby) -> Stats:
    """At this moment. No voice, no face, no address."""
    engine = lobby.engine
    return Stats(
        ready=engine.ready,
        avatar=engine.avatar.card.name,
        decoder=engine.renderer.decoder.description,
        resolution=engine.renderer.decoder.resolution,
        reason=engine.renderer.reason,
        pictures_in_a_call=engine.renderer.most,
        max_sessions=engine.max_sessions,
        max_viewers=lobby.config.max_viewers,
        sessions=[
            SessionFigures(
                session=peer.name, viewers=peer.viewers, **msgspec.structs.asdict(peer.stats())
            )
            for peer in lobby.peers
        ],
        totals=lobby.totals(),
        stages={
            name: _stage(histogram, STAGES[name])
            for name, histogram in engine.stages.histograms.items()
        },
    )


def _stage(histogram: Histogram, what: str) -> Stage:
    p50, p95 = (round(histogram.percentile(p) * 1000, 2) for p in (50, 95))
    return Stage(p50_ms=p50, p95_ms=p95, what=what)


class StageCounts(msgspec.Struct, frozen=True):
    """counts: of ticks by the bounds of `Histogram`. seconds: of all of them."""

    counts: tuple[int, ...]
    seconds: float

    def __add__(self, other: StageCounts) -> StageCounts:
        counts = tuple(map(sum, zip(self.counts, other.counts, strict=True)))
        return StageCounts(counts, self.seconds + other.seconds)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What can be summed over engines. No voice, no face, no address, no session's name."""

    ready: bool
    sessions: int
    places: int
    viewers: int
    seats: int
    totals: Totals
    stages: dict[str, StageCounts]


def counted(lobby: Lobby) -> Counted:
    """Up to this moment."""
    engine = lobby.engine
    return Counted(
        ready=engine.ready,
        sessions=engine.sessions,
        places=engine.max_sessions,
        viewers=sum(peer.viewers for peer in lobby.peers),
        seats=lobby.config.max_viewers,
        totals=lobby.totals(),
        stages={
            name: StageCounts(tuple(histogram.counts), histogram.total)
            for name, histogram in engine.stages.histograms.items()
        },
    )


class CountedCollector(Collector):
    """Hands what was counted to prometheus_client."""

    def __init__(self, now: Counted, replicas: int | None) -> None:
        self._now, self._replicas = now, replicas

    def collect(self) -> Iterator[Metric]:
        now = self._now
        yield GaugeMetricFamily("latentcam_ready", "1 once warm", float(now.ready))
        yield GaugeMetricFamily("latentcam_sessions", "Sessions that run", now.sessions)
        yield GaugeMetricFamily("latentcam_places", "Sessions that may run", now.places)
        yield GaugeMetricFamily("latentcam_viewers", "Who watch streams", now.viewers)
        yield GaugeMetricFamily("latentcam_seats", "Who may watch streams", now.seats)
        if self._replicas is not None:
            yield GaugeMetricFamily("latentcam_replicas", "Replicas that run", self._replicas)
        totals = msgspec.structs.asdict(now.totals)
        for name, what in (
            ("sessions", "Sessions that began"),
            ("viewers", "Who came to watch streams"),
            ("refused", "Offers turned away because all places were taken"),
            ("failed", "Sessions that ended by an error"),
            ("frames", "Frames that left"),
            ("skipped", "Ticks without a frame of their own, because a newer one came first"),
            ("lost_packets", "Packets of voice that never came"),
            ("dropped_packets", "Packets of voice that waited too long to be heard"),
        ):
            yield CounterMetricFamily(f"latentcam_{name}", what, totals[name])
        stages = HistogramMetricFamily(
            "latentcam_stage_seconds", "Time of each tick by stage", labels=["stage"]
        )
        for name, stage in now.stages.items():
            bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
            buckets = list(zip(bounds, map(float, accumulate(stage.counts)), strict=True))
            stages.add_metric([name], buckets, sum_value=stage.seconds)
        yield stages


def exposition(now: Counted, replicas: int | None = None) -> bytes:
    """The text that Prometheus reads. replicas: how many were summed, where there are any."""
    registry = CollectorRegistry()
    registry.register(CountedCollector(now, replicas))
    return generate_latest(registry)
