"""The figures of all replicas, summed."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from latentcam.server.cluster.gathered import SILENT, Board, Report
from latentcam.server.messages import Stats, Totals
from latentcam.server.metrics import Counted, StageCounts, exposition

BUCKETS = 23


def report(sessions: int, frames: int, ready: bool = True) -> Report:
    totals = Totals(
        sessions=sessions, viewers=0, refused=1, failed=0, frames=frames, skipped=2, lost_packets=0,
        dropped_packets=0,
    )  # fmt: skip
    stages = {"age": StageCounts((0, frames) + (0,) * (BUCKETS - 2), 0.01 * frames)}
    counted = Counted(
        ready=ready, sessions=sessions, places=4, viewers=1, seats=8, totals=totals, stages=stages
    )
    stats = Stats(
        ready=ready, avatar="tiny", decoder="openvino", resolution="32", reason="",
        pictures_in_a_call=1, max_sessions=4, max_viewers=8, sessions=[], totals=totals, stages={},
    )  # fmt: skip
    return Report(stats, counted)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_all_replicas_count_is_summed() -> None:
    board = Board(Clock())
    board.post("a", report(1, 10))
    board.post("b", report(3, 30))
    board.post("a", report(2, 20))
    stats, sums = board.read()
    assert set(stats) == {"a", "b"}
    assert (sums.sessions, sums.places, sums.totals.frames, sums.totals.refused) == (5, 8, 50, 2)
    assert (sums.viewers, sums.seats) == (2, 16)
    assert sums.stages["age"].counts[:2] == (0, 50) and abs(sums.stages["age"].seconds - 0.5) < 1e-9


def test_a_replica_that_ends_stays_counted_and_holds_no_places() -> None:
    """A counter never falls while the board lives."""
    clock = Clock()
    board = Board(clock)
    board.post("dies", report(2, 20))
    board.post("leaves", report(1, 10))
    clock.now = SILENT
    board.post("stays", report(1, 5))
    board.leave("leaves")
    board.leave("leaves")
    clock.now = SILENT + 0.1
    for _ in range(2):
        stats, sums = board.read()
        assert set(stats) == {"stays"}
        assert (sums.sessions, sums.places, sums.totals.frames) == (1, 4, 35)


def test_ready_means_that_one_is() -> None:
    board = Board(Clock())
    assert not board.read()[1].ready
    board.post("a", report(0, 0, ready=False))
    assert not board.read()[1].ready
    board.post("b", report(0, 0))
    assert board.read()[1].ready


def test_the_sum_reads_like_one_server() -> None:
    board = Board(Clock())
    board.post("a", report(1, 10))
    board.post("b", report(3, 30))
    stats, sums = board.read()
    families = {
        family.name: {
            (sample.name, sample.labels.get("le", "")): sample.value for sample in family.samples
        }
        for family in text_string_to_metric_families(exposition(sums, len(stats)).decode())
    }
    assert families["latentcam_replicas"][("latentcam_replicas", "")] == 2
    assert families["latentcam_frames"][("latentcam_frames_total", "")] == 40
    stage = families["latentcam_stage_seconds"]
    assert stage[("latentcam_stage_seconds_bucket", "+Inf")] == 40
    alone = exposition(report(1, 10).counted).decode()
    assert "latentcam_replicas" not in alone and "latentcam_sessions 1.0" in alone
