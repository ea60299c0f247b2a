"""Votes on pairs whose order nobody knows but the key."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentcam.benchmarks import blind_sheet
from latentcam.realtime_models.arrays import Control, Picture


def painted(level: int) -> blind_sheet.Source:
    def draw(name: str, rng: np.random.Generator, x: Control) -> Picture:
        return np.full((64, 64, 4), (level, level, level, 255), np.uint8)

    return blind_sheet.Source(("",), draw)


XS = [np.zeros(24, np.float32)]


def vote(out: Path, votes: dict[str, str]) -> None:
    with (out / "votes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("pair", "vote"), *votes.items()])


def test_pairs_in_random_order_with_a_key(tmp_path: Path) -> None:
    blind_sheet.make({"old": painted(10), "new": painted(200)}, XS, 40, 0, tmp_path)
    key = json.loads((tmp_path / "key.json").read_text())
    assert len(key) == 40
    first = [sides["A"] for sides in key.values()]
    assert 8 < first.count("old") < 32
    for pair, sides in key.items():
        with Image.open(tmp_path / f"{pair}.png") as opened:
            shown = np.asarray(opened)
        for side, column in (("A", 0), ("B", -1)):
            assert abs(int(shown[0, column, 0]) - {"old": 10, "new": 200}[sides[side]]) <= 2


def test_the_same_face_is_one_that_both_name() -> None:
    rng, nobody = np.random.default_rng(0), painted(0)
    one = blind_sheet.Source(("Ada", "Bo", "Cy"), nobody.draw)
    other = blind_sheet.Source(("Bo", "Cy", "Di"), nobody.draw)
    same = [blind_sheet.shown_names(one, other, rng, True) for _ in range(40)]
    assert {tuple(names) for names in same} == {("Bo", "Bo"), ("Cy", "Cy")}
    anybody = [blind_sheet.shown_names(one, other, rng, False) for _ in range(40)]
    assert any(first != second for first, second in anybody)
    assert blind_sheet.shown_names(one, nobody, rng, True)[1] == ""


def test_nothing_is_left_of_what_was_behind() -> None:
    show = blind_sheet.Room()
    clear = np.asarray(show(np.zeros((64, 64, 4), np.uint8))).astype(int)
    plain = np.asarray(show(np.full((64, 64, 3), 90, np.uint8))).astype(int)
    assert clear.shape == (blind_sheet.SIDE, blind_sheet.SIDE, 3) and clear.std() > 5
    assert np.abs(clear - plain).max() <= 3  # a backdrop of its own


def test_a_sample_is_spoken() -> None:
    xs = np.stack(blind_sheet.spoken())
    assert xs.shape[1] == 24 and len(xs) > 25 and xs[:, 0].max() > 0.2


def test_votes_are_counted_by_the_key(tmp_path: Path) -> None:
    blind_sheet.make({"old": painted(10), "new": painted(200)}, XS, 10, 0, tmp_path)
    assert blind_sheet.count_votes(tmp_path) == []
    key = json.loads((tmp_path / "key.json").read_text())
    sides = {pair: "A" if of["A"] == "new" else "b" for pair, of in key.items()}
    sides["pair_003"] = "A" if key["pair_003"]["A"] == "old" else "B"
    vote(tmp_path, sides)
    (line,) = blind_sheet.count_votes(tmp_path)
    assert line == "new preferred to old: 9 of 10 (90%, 95 % interval 60% to 98%)"


@pytest.mark.parametrize(
    ("votes", "told"),
    [
        ("pair,vote\npair_000,C\n", "expected A or B"),
        ("pair,vote\npair_999,A\n", "expected A or B"),
        ("pair;vote\npair_000;A\n", "expected pair and vote"),
        ("", "expected pair and vote"),
    ],
)
def test_a_vote_for_nothing_is_told(
    tmp_path: Path, votes: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    blind_sheet.make({"old": painted(10), "new": painted(200)}, XS, 2, 0, tmp_path)
    (tmp_path / "votes.csv").write_text(votes)
    with pytest.raises(SystemExit):
        blind_sheet.main(["count", "--out", str(tmp_path)])
    assert told in capsys.readouterr().err


def test_sources_are_checked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        blind_sheet.main(["make", "--source", "nothing", "--out", str(tmp_path)])
    assert "expected NAME=PACK" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        blind_sheet.main(["make", "--out", str(tmp_path)])
    assert "expected two or more" in capsys.readouterr().err
