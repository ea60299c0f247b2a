"""A crowd comes to a server, and what it leaves behind is seen."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from latentcam.benchmarks import crowd
from latentcam.benchmarks.crowd import Point, Run, left, line, verdict
from latentcam.benchmarks.tools.census import Census
from latentcam.benchmarks.tools.crowd import KINDS, script
from tests.tiny import tiny_card, tiny_generator, write_pack

IDLE = Census(200.0, 7, 16, 2, {"MainThread": 1})


def points(rss: float = 0.0, descriptors: float = 0.0, tasks: float = 0.0) -> list[Point]:
    """An hour in which these grow by so much, beside callers who come and go, and noise."""
    rng = np.random.default_rng(0)
    made = []
    for n in range(120):
        share, sessions = n / 120, int(rng.integers(1, 5))
        made.append(
            Point(
                30.0 * n, sessions, 200 + 2 * sessions + rss * share + rng.normal(0, 0.5),
                round(7 + 3 * sessions + descriptors * share), 16 + sessions,
                round(10 * sessions + tasks * share), 20 + rng.normal(0, 1), 30.0,
            )
        )  # fmt: skip
    return made


def a_run(**grown: float) -> Run:
    return Run(
        points(**grown), IDLE, IDLE, 9000, 4000, 0, {"talks, left": 5}, [],
        {"failed": 0, "sessions": 5, "refused": 0}, 0,
    )  # fmt: skip


def test_who_comes_and_goes_is_no_growth() -> None:
    table, wrong = verdict(a_run())
    assert wrong == [] and len(table) == 6
    assert abs(line("rss", points()).grew) < 1


@pytest.mark.parametrize("name, by", [("rss", 12.0), ("descriptors", 6.0), ("tasks", 8.0)])
def test_what_grows_is_told(name: str, by: float) -> None:
    _, wrong = verdict(a_run(**{name: by}))
    assert len(wrong) == 1 and wrong[0].startswith(f"{name} grew by ")
    found = line(name, points(**{name: by}))
    assert found.grew == pytest.approx(0.8 * by, abs=1.0), "after the warm-up"


def test_what_is_left_is_told() -> None:
    one = a_run()
    more = replace(one, after=replace(IDLE, tasks=5, descriptors=9), left_over=1, why=["talks: x"])
    _, wrong = verdict(replace(more, totals={**one.totals, "failed": 2}))
    assert wrong == [
        "2 descriptors are left over", "3 tasks are left over", "1 places are still taken",
        "2 sessions failed", "a visit failed: talks: x",
    ]  # fmt: skip
    assert left(IDLE, replace(IDLE, threads=17)) == {}, "one that the event loop keeps"
    assert left(IDLE, replace(IDLE, threads=80)) != {}


def test_the_same_seed_is_the_same_script_and_everybody_comes() -> None:
    first, again, other = (list(islice(script(seed, 3.0), 40)) for seed in (1, 1, 2))
    assert first == again != other
    assert {visit.kind for visit in first[: len(KINDS)]} == set(KINDS)


@pytest.mark.slow
def test_half_a_minute_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole of it, with pictures that can be stamped."""
    generator = tiny_generator(resolution=128, channel_base=512)
    pack = write_pack(tmp_path / "stampable", tiny_card(generator=generator))
    crowd.main(["--hours", "0.01", "--every", "2", "--avatar", str(pack)])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    came = {visit.partition(",")[0] for visit in told["visits"]}
    assert came == set(KINDS), told["visits"]
    # What grows within half a minute of a busy machine says nothing; what is left does.
    assert [text for text in told["wrong"] if "grew" not in text] == []
    assert told["totals"]["frames"] > 20 and told["after"]["tasks"] == told["idle"]["tasks"]
