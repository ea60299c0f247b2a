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
from latentcam.server.messages import SessionFigures, Stage, Stats
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


class LobbyCollector(Collector):
    """No voice, no face, no address, no session's name: sums over all sessions."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby

    def collect(self) -> Iterator[Metric]:
        engine, now = self._lobby.engine, figures(self._lobby)
        yield GaugeMetricFamily("latentcam_ready", "1 once warm", float(now.ready))
        yield GaugeMetricFamily("latentcam_sessions", "Sessions that run", engine.sessions)
        yield GaugeMetricFamily("latentcam_places", "Sessions that may run", now.max_sessions)
        watching = sum(session.viewers for session in now.sessions)
        yield GaugeMetricFamily("latentcam_viewers", "Who watch streams", watching)
        yield GaugeMetricFamily("latentcam_seats", "Who may watch streams", now.max_viewers)
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
        for stage, histogram in engine.stages.histograms.items():
            bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
            buckets = list(zip(bounds, map(float, accumulate(histogram.counts)), strict=True))
            stages.add_metric([stage], buckets, sum_value=histogram.total)
        yield stages


def exposition(lobby: Lobby) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(LobbyCollector(lobby))
    return generate_latest(registry)
