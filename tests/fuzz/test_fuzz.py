"""Each target's first round, and what failed once."""

from __future__ import annotations

import pytest

from tests.fuzz.rounds import play, watched
from tests.fuzz.target import Target
from tests.fuzz.targets.all import TARGETS


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_case_is_taken_or_refused_in_one_sentence(target: Target) -> None:
    with watched(target) as watch:
        for seed in target.seeds:
            watch(seed.read_bytes())
        play(target, watch, 0, target.round)
    assert len(watch.outcomes) > (target.round > 10), "nothing is refused, or nothing is taken"
