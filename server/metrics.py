"""Figures for Prometheus, read from the running sessions whenever they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from latentcam.server.lobby import Lobby
from latentcam.stream.meter import BOUNDS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class LobbyCollector(Collector):
    """No voice, no face, no address, no session's name: sums over all sessions."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby

    def collect(self) -> Iterator[Metric]:
        lobby, engine = self._lobby, self._lobby.engine
        yield GaugeMetricFamily("latentcam_ready", "1 once warm", float(engine.ready))
        yield GaugeMetricFamily("latentcam_sessions", "Sessions that run", engine.sessions)
        yield GaugeMetricFamily("latentcam_places", "Sessions that may run", engine.max_sessions)
        totals = lobby.totals()
        for name, what in (
            ("sessions", "Sessions that began"),
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
