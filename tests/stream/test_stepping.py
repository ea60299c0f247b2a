"""Resolutions by how long pictures take, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from latentcam.stream.stepping import CALM, GAP, MOST_CALM, WINDOW, Stepping, choose, why

DUE = 0.040
COSTS = (0.020, 0.012, 0.006)  # seconds of a picture by each, on a calm machine


class Machine:
    """Draws picture after picture, at most one every DUE, `slow` times as slowly as when calm."""

    def __init__(self, costs: tuple[float, ...] = COSTS) -> None:
        self.costs, self.stepping, self.now, self.slow = costs, Stepping(costs, DUE), 0.0, 1.0
        self.steps: list[tuple[float, int]] = []

    def draw(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            took = self.slow * self.costs[self.stepping.index]
            self.now += max(DUE, took)
            if self.stepping.rendered(took, self.now):
                self.steps.append((round(self.now, 1), self.stepping.index))

    def until(self, true: Callable[[], bool], limit: float = 1000.0) -> float:
        """Seconds until it is so."""
        begun = self.now
        while not true():
            self.draw(DUE)
            assert self.now - begun < limit
        return self.now - begun


@pytest.mark.parametrize(
    ("seconds", "index"),
    [
        ((0.020, 0.012), 0),
        ((0.0279, 0.012), 0),
        ((0.0281, 0.012), 1),  # beyond the budget
        ((0.030, 0.012, 0.006), 1),
        ((0.090, 0.050, 0.030), 2),  # none fits: the fastest
        ((0.090, 0.045, 0.060), 1),
        ((0.5,), 0),
    ],
)
def test_the_finest_that_fits_is_chosen(seconds: tuple[float, ...], index: int) -> None:
    assert choose(seconds, DUE) == index and Stepping(seconds, DUE).index == index


def test_the_reason_is_a_sentence() -> None:
    names = ("512", "256", "256-light")
    assert why(names, COSTS, DUE) == "512: 512 takes 20.0 ms, and one is due every 40 ms"
    assert why(names, (0.041, 0.0246, 0.008), DUE) == (
        "256: 512 takes 41.0 ms, 256 takes 24.6 ms, and one is due every 40 ms"
    )


def test_a_calm_machine_stays_where_it_is() -> None:
    machine = Machine()
    machine.draw(600)
    assert machine.steps == [] and machine.stepping.index == 0


def test_under_load_it_steps_down_within_two_seconds_and_no_further_than_needed() -> None:
    machine = Machine()
    machine.draw(5)
    machine.slow = 2.5  # 50 ms, then 30 ms
    assert machine.until(lambda: machine.stepping.index == 1) < 2.0
    machine.draw(60)
    assert len(machine.steps) == 1


def test_under_heavy_load_it_goes_down_to_the_last_and_stays_there() -> None:
    machine = Machine()
    machine.slow = 20.0
    machine.draw(60)
    assert [index for _, index in machine.steps] == [1, 2]


def test_after_a_calm_while_it_steps_up_again() -> None:
    machine = Machine()
    machine.slow = 2.5
    machine.until(lambda: machine.stepping.index == 1)
    machine.slow = 1.0
    waited = machine.until(lambda: machine.stepping.index == 0)
    assert CALM <= waited < CALM + 2
    machine.draw(300)
    assert len(machine.steps) == 2


def test_it_does_not_swing_where_the_finer_one_is_too_slow() -> None:
    """The coarser one looks easy, the finer one turns out too slow each time it is tried: so it is
    tried ever more seldom."""
    machine = Machine((0.020, 0.019))  # as measured; under load the finer one suffers more
    machine.slow = 2.5
    machine.until(lambda: machine.stepping.index == 1)
    machine.costs, machine.slow = (0.050, 0.019), 1.0
    machine.draw(1500)
    ups = [when for when, index in machine.steps if index == 0]
    waits = [round(later - earlier) for earlier, later in zip(ups, ups[1:], strict=False)]
    assert waits[0] > 2 * CALM - 1 and len(ups) < 12
    assert all(later > earlier - 2 for earlier, later in zip(waits, waits[1:], strict=False))
    assert min(waits[4:]) > MOST_CALM - 2


def test_a_single_slow_picture_changes_nothing() -> None:
    machine = Machine()
    for number in range(2000):
        machine.now += DUE
        took = 0.3 if number % 10 == 0 else 0.020  # one in ten
        assert not machine.stepping.rendered(took, machine.now)


def test_one_that_hovers_at_the_limit_is_not_stepped_up() -> None:
    machine = Machine()
    machine.slow = 2.5
    machine.until(lambda: machine.stepping.index == 1)
    machine.slow = 1.6  # 19 ms now, 32 ms a size finer: due in time, but not within the budget
    machine.draw(300)
    assert machine.stepping.index == 1 and len(machine.steps) == 1


def test_what_was_before_a_pause_says_nothing() -> None:
    stepping, now = Stepping(COSTS, DUE), 0.0
    for _ in range(20):  # twenty calls, each too short to be judged
        for _ in range(WINDOW - 1):
            now += DUE
            assert not stepping.rendered(0.1, now)
        now += GAP + 1
    assert stepping.index == 0


def test_with_one_decoder_there_is_nothing_to_choose() -> None:
    machine = Machine((0.020,))
    machine.slow = 50.0
    machine.draw(100)
    assert machine.steps == []
