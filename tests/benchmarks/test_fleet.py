"""A simulated cluster, whose callers are placed by what places real ones."""

from __future__ import annotations

import dataclasses

import numpy as np

from latentcam.benchmarks.fleet import REDIALS, Fleet, figures, simulate

SMALL = Fleet(replicas=10, places=4, calls=300, hours=2.0, lives=1e9)


def test_who_comes_to_a_cluster_with_room_is_let_in_and_spread() -> None:
    outcome = simulate(SMALL)
    assert outcome.admitted > 270 and not outcome.refused and not outcome.cut
    found = figures(SMALL, outcome)
    assert found["busiest"] < 0.9
    assert found["spread"][1] <= 3, "of four places"


def test_a_full_cluster_refuses_and_a_cluster_with_much_room_never_does() -> None:
    crowded = dataclasses.replace(SMALL, calls=2000)
    outcome = simulate(crowded)
    assert outcome.refused > 100
    assert max(sum(sessions) for _, sessions in outcome.samples) <= 40
    assert outcome.needless < 0.25 * outcome.refused


def test_callers_of_dead_replicas_are_placed_again() -> None:
    mortal = dataclasses.replace(SMALL, lives=1200.0)
    outcome = simulate(mortal)
    assert outcome.deaths > 20 and outcome.cut > 20
    # Those who died again, hung up or redial still at the end of the simulation are no fault.
    assert len(outcome.recoveries) >= 0.95 * outcome.cut
    assert np.median(outcome.recoveries) < 2.0
    assert max(outcome.recoveries) < sum(REDIALS) + 5


def test_the_same_seed_gives_the_same_day() -> None:
    assert figures(SMALL, simulate(SMALL)) == figures(SMALL, simulate(SMALL))
    other = dataclasses.replace(SMALL, seed=1)
    assert simulate(other).samples != simulate(SMALL).samples
