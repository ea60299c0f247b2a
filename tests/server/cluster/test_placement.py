"""Which replica a call goes to, without a clock, a socket or Ray."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from latentcam.server.cluster.placement import (
    STALE,
    Load,
    Placer,
    is_marked,
    keeper,
    marked,
    preferred,
    unmarked,
    wanted,
)

NOBODY: dict[str, int] = {}


def chosen(path: str, loads: dict[str, Load]) -> list[str]:
    return Placer(Random(0), lambda: 0.0).choose(path, loads)


def test_a_new_call_goes_to_the_least_loaded_replica_with_room() -> None:
    loads = {"a": Load(2, 4), "b": Load(1, 4), "c": Load(4, 4), "d": Load(3, 16)}
    assert preferred(loads, NOBODY, Random(0)) == ["d", "b", "a", "c"]


def test_a_full_replica_is_asked_last_and_still_asked() -> None:
    """Its lobby may give a silent caller's place away, and refuses with a sentence."""
    loads = {"a": Load(4, 4), "b": Load(8, 8), "c": Load(7, 8)}
    assert preferred(loads, NOBODY, Random(0))[0] == "c"
    assert len(preferred(loads, NOBODY, Random(0))) == 3


def test_replicas_alike_are_chosen_by_chance() -> None:
    """Two routers with the same news do not send all their callers to one replica."""
    loads = {name: Load(0, 2) for name in "abcd"}
    firsts = Counter(preferred(loads, NOBODY, Random(seed))[0] for seed in range(400))
    assert set(firsts) == set("abcd") and min(firsts.values()) > 60


def test_a_burst_is_spread_before_the_loads_tell_of_it() -> None:
    loads, now = {name: Load(0, 4) for name in "abc"}, [0.0]
    placer = Placer(Random(1), lambda: now[0])

    def place(path: str) -> str:
        replica = placer.choose(path, loads)[0]
        placer.sent(path, replica)
        return replica

    assert set(Counter(place("/ws") for _ in range(12)).values()) == {4}
    assert place("/offer") in loads, "all may be full by now; their lobbies know"
    now[0] = STALE + 0.1  # by now the loads count them
    loads["b"] = Load(1, 4)
    assert {place("/ws"), place("/ws")} == {"a", "c"}


def test_files_are_no_calls() -> None:
    loads, placer = {"a": Load(0, 2), "b": Load(0, 2)}, Placer(Random(0), lambda: 0.0)
    for _ in range(9):
        placer.sent("/config", "a")
    first = placer.choose("/ws", loads)[0]
    placer.sent("/ws", first)
    assert placer.choose("/ws", loads)[0] != first


@pytest.mark.parametrize("path", ["/ws", "/offer", "/whip", "/whip/", "/whip/stage"])
def test_what_takes_a_place_is_placed(path: str) -> None:
    assert chosen(path, {"a": Load(1, 2), "b": Load(0, 2)}) == ["b", "a"]


@pytest.mark.parametrize("path", ["/", "/config", "/faces/Ada.jpg", "/whipped", "/ws/x", "/whep"])
def test_anything_else_goes_anywhere(path: str) -> None:
    assert chosen(path, {"a": Load(1, 2), "b": Load(0, 2)}) == []


def test_a_session_finds_its_replica_again() -> None:
    loads = {"a1": Load(2, 2), "b2": Load(0, 2)}
    location = marked("/whip/stage/Xy_-3?token=t~1", "a1")
    assert location == "/whip/stage/Xy_-3~a1?token=t~1"
    path = location.partition("?")[0]
    assert is_marked(path) and unmarked(path) == "/whip/stage/Xy_-3"
    assert chosen(path, loads) == ["a1"]
    assert keeper("/whep/stage/Xy_-3~gone", loads) is None


@pytest.mark.parametrize("path", ["/whip/st~age", "/faces/a~b.jpg", "/whip/stage/Xy_-3"])
def test_only_a_session_is_marked(path: str) -> None:
    assert not is_marked(path)


def test_who_watches_a_stream_goes_where_it_is_published() -> None:
    loads = {"a": Load(1, 2, ("live",)), "b": Load(0, 2), "c": Load(2, 2, ("stage", "hall"))}
    assert chosen("/whep/stage", loads) == ["c"]
    assert chosen("/whep", loads) == ["a"]
    assert chosen("/whip/stage", loads) == ["c"], "which says it is taken"


@pytest.mark.parametrize(
    ("sessions", "replicas"), [(0, 1), (3, 1), (3.1, 2), (6, 2), (7, 3), (300, 100)]
)
def test_a_share_of_all_places_is_kept_free(sessions: float, replicas: int) -> None:
    assert wanted(sessions, 4, spare=0.25) == replicas
