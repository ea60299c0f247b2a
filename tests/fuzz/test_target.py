"""The watch sees what it is there for, and the command goes on where it was stopped."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.fuzz import __main__ as command
from tests.fuzz import rounds, target, worker
from tests.fuzz.damage import joined, pieces
from tests.fuzz.rounds import keep, play
from tests.fuzz.target import Fault, Target, Watch, gist

OPENED: list[int] = []


def loops(case: bytes) -> str:
    while True:
        pass


def tells(case: bytes) -> str:
    logging.getLogger("somewhere").error("a task failed")
    return ""


def opens(case: bytes) -> str:
    OPENED.append(os.open(os.devnull, os.O_RDONLY))
    return ""


def says(sentence: str) -> Callable[[bytes], str]:
    def refused(case: bytes) -> str:
        raise ValueError(sentence)

    return refused


@pytest.mark.parametrize(
    "take, said",
    [(loops, "more than 0 s of CPU"), (tells, "tells of an error: a task failed"),
     (opens, "1 descriptors are left"), (says(""), "expected one sentence"),
     (says("got a\nb"), "expected one sentence")],
)  # fmt: skip
@pytest.mark.skipif(sys.platform == "win32", reason="its clock and handles are others")
def test_a_fault_that_nothing_raises_is_seen(
    take: Callable[[bytes], str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "MOST_SECONDS", 0.05)
    watch = Watch(take, (ValueError,))
    with pytest.raises(Fault, match=said):
        watch(b"case")
    assert watch.failing is not None and watch.failing[1] == b"case"
    while OPENED:
        os.close(OPENED.pop())


def test_other_errors_pass_and_refusals_are_counted_by_their_kind() -> None:
    def take(case: bytes) -> str:
        if case:
            raise ValueError(f"the offer has {len(case)} lines {case!r}, expected up to 3")
        raise KeyError(case)

    watch = Watch(take, (ValueError,))
    watch(b"a")
    watch(b"bc")
    assert dict(watch.outcomes) == {"ValueError: the offer has N lines b…, expected up to N": 2}
    with pytest.raises(KeyError):
        watch(b"")
    assert watch.failing is not None
    watch.known.add(watch.failing[0])
    watch(b"")
    assert gist("no file /tmp/x/1 of [1, 2] but 'y'") == "no file N of … but …"


def test_pieces_are_what_was_joined_and_any_bytes_are_some() -> None:
    assert pieces(joined([b"", b"ab", b"c"])) == [b"", b"ab", b"c"]
    assert pieces(b"\xff\xffab") == [b"ab"] and pieces(b"\0") == []


def refuses_long(case: bytes) -> str:
    if len(case) > 3:
        raise KeyError(len(case))
    return "short" if len(case) < 2 else "long"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Target:
    from contextlib import nullcontext

    one = Target("toy", st.binary(max_size=9), lambda folder: nullcontext(refuses_long), (), 50)
    monkeypatch.setattr(target, "SEEDS", tmp_path / "seeds")
    monkeypatch.setattr(rounds, "SEEDS", tmp_path / "seeds")
    monkeypatch.setattr(command, "TARGETS", (one,))
    return one


def test_what_fails_is_shrunk_to_a_seed(toy: Target) -> None:
    watch = Watch(refuses_long, ())
    with pytest.raises(KeyError):
        play(toy, watch, 3, 100)
    assert watch.failing is not None
    where, case = watch.failing
    assert case == bytes(4) and where.startswith("KeyError in tests.fuzz.test_target, refuses_long")
    path = keep(toy.name, where, case)
    assert toy.seeds == [path] and path.read_bytes() == case


def test_the_command_goes_on_and_tells_of_faults(
    toy: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turns: list[tuple[int, int]] = []

    def turn(one: Target, first: int, count: int, folder: Path) -> None:
        """In this process, which knows the toy."""
        turns.append((first, count))
        worker.work(one, first, count, folder, set())

    monkeypatch.setattr(command, "turn", turn)
    assert command.main(["--cases", "70", "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().out
    assert "toy " in told and "KeyError in tests.fuzz.test_target" in told
    monkeypatch.setattr(command, "TURN", 1)
    command.main(["--cases", "150", "--out", str(tmp_path / "out")])
    assert turns == [(0, 2), (2, 1)]
    assert len(command.rounds_of(toy, tmp_path / "out")) == 3
    assert len(toy.seeds) == 1, "the same case is the same seed"


@pytest.mark.slow
def test_a_case_that_ends_the_process_is_a_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is started anew, and finds no such target: it dies as by any other cause."""
    from contextlib import nullcontext

    monkeypatch.setattr(rounds, "SEEDS", tmp_path / "seeds")
    (tmp_path / "none.case").write_bytes(b"deadly")
    one = Target("none", st.just(b""), lambda folder: nullcontext(refuses_long), (), 5)
    command.turn(one, 0, 2, tmp_path)
    [lost] = command.rounds_of(one, tmp_path)
    assert "died with status 1" in next(iter(lost.faults))
    [seed] = (tmp_path / "seeds" / "none").iterdir()
    assert seed.read_bytes() == b"deadly"
