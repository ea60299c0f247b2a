"""Figures in words: yes or no, how many, and which way round."""

from __future__ import annotations

import math
from typing import Any

import pytest

from latentcam.benchmarks.verdict import verdict


def found(places: int, tried: int, times: float = 2.5, p95: float = 12.0) -> dict[str, Any]:
    return {
        "fps": 25,
        "picture": {"p95_ms": p95},
        "scenes": {"loopback": {"age": {"p50_ms": 21.4}}},
        "capacity": {"places": places, "steps": [{}] * tried},
        "pipeline": {"times_real_time": times},
    }


@pytest.mark.parametrize(
    "places,tried,p95,told",
    [
        (1, 2, 12.0, "25 pictures a second: yes, for 1 call."),
        (3, 4, 12.0, "25 pictures a second: yes, for 3 calls at once."),
        (4, 4, 12.0, "25 pictures a second: yes, for 4 calls at once, and perhaps more: --most "
         "tries them."),
        (0, 1, 80.0, "25 pictures a second: no. One takes 80 ms at times, and is due every 40 ms: "
         "--fps 10 would leave it time."),
        (0, 1, 2000.0, "25 pictures a second: no. One takes 2000 ms at times, and is due every 40 "
         "ms: close other programs."),
        (0, 1, 12.0, "25 pictures a second: no. One takes 12 ms at times, and is due every 40 ms: "
         "close other programs."),
    ],
)  # fmt: skip
def test_whether_it_holds_and_for_how_many(places: int, tried: int, p95: float, told: str) -> None:
    assert verdict(found(places, tried, p95=p95))[0] == told


@pytest.mark.parametrize(
    "times,told",
    [
        (2.5, "A film of one minute is rendered in 24 s, 2.5 times real time."),
        (1.0, "A film of one minute is rendered in 60 s, 1 times real time."),
        (0.8, "A film of one minute takes 75 s to render: slower than real time."),
    ],
)
def test_times_real_time_are_the_right_way_round(times: float, told: str) -> None:
    """A machine at 0.8 was said to be "0.8 times faster than real time"."""
    assert verdict(found(1, 2, times))[2] == told


def test_a_call_without_a_picture_is_no_number() -> None:
    nothing = found(0, 1)
    nothing["scenes"]["loopback"]["age"]["p50_ms"] = math.nan
    assert verdict(nothing)[1] == "A call on this machine showed no picture."
    assert verdict(found(1, 2))[1].startswith("In a call on this machine, the face follows")
    assert "21 ms later" in verdict(found(1, 2))[1]
