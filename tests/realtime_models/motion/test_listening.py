"""A listener nods at the ends of phrases, smiles now and then, and never moves the lips."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.realtime_models.motion.driven import LIPS
from latentcam.realtime_models.motion.listening import (
    APART_S,
    PHRASE_S,
    ListeningState,
    Nod,
    listening,
    listening_initial_state,
)
from tests.voice import speech

TICK = 640
PHRASE, PAUSE = 2.0, 1.0  # seconds


def talk(phrases: int, phrase_s: float = PHRASE, pause_s: float = PAUSE) -> Samples:
    silence = np.zeros(round(pause_s * SAMPLE_RATE), np.float32)
    return np.tile(np.concatenate([speech(phrase_s), silence]), phrases)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def course(
    other: Samples,
    seed: int = 0,
    speaks: bool = False,
    state: ListeningState | None = None,
    strength: float = 1.0,
) -> tuple[dict[str, NDArray[np.float64]], ListeningState]:
    """Values by axis name after each tick, and the state for what follows."""
    state, rows = state or listening_initial_state(seed), []
    for start in range(0, len(other), TICK):
        values, state = listening(other[start : start + TICK], speaks, state, strength)
        rows.append(values)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}, state


def begins(nods: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds at which the head leaves rest."""
    down = (nods < -1e-9).astype(int)
    return np.flatnonzero(np.diff(down) == 1) * TICK / SAMPLE_RATE


def test_heads_nod_at_the_ends_of_phrases_and_not_at_all_of_them() -> None:
    found = [begins(course(talk(10), seed)[0]["headPitch"]) for seed in range(3)]
    for at in found:
        assert 3 <= len(at) <= 9
        assert all(PHRASE <= time % (PHRASE + PAUSE) < PHRASE + PAUSE - 0.1 for time in at)
        assert np.diff(at).min() > APART_S
    assert found[0].tolist() != found[1].tolist() != found[2].tolist(), "drawn from the seed"


def test_a_nod_goes_down_and_comes_back_without_a_jerk() -> None:
    moved, _ = course(talk(10))
    nods, end = moved["headPitch"], talk(10).size // TICK
    assert nods.max() == 0.0 and -7.0 < nods.min() < -1.5 and len(nods) == end
    assert np.abs(np.diff(nods)).max() * 25 < 45, "degrees per second"
    one = [Nod(0, 3, 4.0, 2.0).at(hop) for hop in range(200)]
    assert max(one[:50]) == pytest.approx(4.0) and 0 < max(one[100:150]) < max(one[50:100]) < 3.0
    assert not any(one[150:]) and one[0] == 0.0


def test_a_long_low_stretch_is_answered_in_the_middle_of_speech() -> None:
    """The voice falls by half an octave for 0.3 s, every 3 s, and never pauses."""
    t = np.arange(30 * SAMPLE_RATE) / SAMPLE_RATE
    fallen = (t % 3.0 > 2.0) & (t % 3.0 < 2.3)
    phase = 2 * np.pi * np.cumsum(np.where(fallen, 100.0, 140.0)) / SAMPLE_RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    voice = np.asarray(0.1 * (0.55 - 0.45 * np.cos(2 * np.pi * 4 * t)) * buzz, np.float32)
    at = np.concatenate([begins(course(voice, seed)[0]["headPitch"]) for seed in range(4)])
    assert 4 <= len(at) <= 30
    assert all(2.0 + 0.7 < time % 3.0 < 3.0 for time in at), "0.7 s after it"


def test_a_short_word_is_no_phrase() -> None:
    moved, _ = course(talk(10, 0.6 * PHRASE_S))
    assert not moved["headPitch"].any()


@pytest.mark.parametrize("kind", ["silence", "noise"])
def test_nobody_listens_where_nobody_speaks(kind: str) -> None:
    noise = np.random.default_rng(0).normal(0.0, 1e-3, 10 * SAMPLE_RATE).astype(np.float32)
    moved, state = course(silence(10.0) if kind == "silence" else noise)
    assert not any(values.any() for values in moved.values()) and state.attention.value == 0.0


def test_a_face_that_speaks_does_not_listen() -> None:
    moved, state = course(talk(10), speaks=True)
    assert not any(values.any() for values in moved.values()) and state.attention.value == 0.0


def test_whoever_begins_to_speak_stops_listening_within_a_second_or_so() -> None:
    """Also in the middle of a nod, of a smile: nothing jumps."""
    for seed in range(4):
        before, state = course(talk(6) if seed else talk(6)[: -round(0.6 * SAMPLE_RATE)], seed)
        after, ended = course(silence(3.0), speaks=True, state=state)
        for name in set(before) - {"eyeBlink"}:
            whole = np.concatenate([before[name], after[name]])
            assert abs(after[name][-1]) < 0.05, name
            assert np.abs(np.diff(whole)).max() < (2.0 if name == "headPitch" else 0.2), name
        assert ended.attention.value < 0.02


def test_when_the_other_has_been_silent_for_a_while_nobody_is_listened_to() -> None:
    _, listened = course(talk(2))
    assert listened.attention.value > 0.9
    moved, state = course(silence(8.0), state=listened)
    assert abs(state.attention.value) < 0.01 and not state.listens
    assert abs(moved["headRoll"][-1]) < 0.02 and moved["mouthSmile"][-1] < 0.01


def test_smiles_are_slight_and_come_now_and_then() -> None:
    smile = np.concatenate([course(talk(20), seed)[0]["mouthSmile"] for seed in range(2)])
    times = np.count_nonzero(np.diff((smile > 0.05).astype(int)) == 1)
    assert 1 <= times <= 12 and 0.05 < smile.max() < 0.3 and smile.min() == 0.0
    assert np.abs(np.diff(smile)).max() < 0.03


def test_listeners_blink_at_some_of_the_pauses() -> None:
    blink = course(talk(20))[0]["eyeBlink"]
    at = np.flatnonzero(np.diff((blink > 0.5).astype(int)) == 1) * TICK / SAMPLE_RATE
    assert 3 <= len(at) <= 15 and 0.9 < blink.max() <= 1.0
    assert all(PHRASE + 0.2 < time % (PHRASE + PAUSE) < PHRASE + 0.8 for time in at)


def test_no_axis_of_the_lips_is_moved() -> None:
    moved, _ = course(talk(1))
    assert not set(moved) & set(LIPS)


def test_strength_scales_everything_but_the_lids() -> None:
    one, half = course(talk(6))[0], course(talk(6), strength=0.5)[0]
    for name, values in one.items():
        share = 1.0 if name == "eyeBlink" else 0.5
        np.testing.assert_allclose(half[name], share * values, atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 97, 533, 99_999])
def test_any_cutting_gives_the_same_end_and_the_state_is_not_changed(chunk: int) -> None:
    voice = talk(2, 1.0)[:40_000] if chunk > 1 else talk(1, 0.2)[:5_000]
    _, whole = listening(voice, False, listening_initial_state(5))
    state = begun = listening_initial_state(5)
    for start in range(0, len(voice), chunk):
        _, state = listening(voice[start : start + chunk], False, state)
    for field in dataclasses.fields(ListeningState):
        if field.name not in ("rest", "gate"):
            assert getattr(state, field.name) == getattr(whole, field.name), field.name
    np.testing.assert_array_equal(state.rest, whole.rest)
    assert begun.hops == 0 and len(begun.rest) == 0 and whole.hops == len(voice) // 160


def test_nothing_loops() -> None:
    """The same phrase again and again is answered in another way each time."""
    nods = course(talk(40))[0]["headPitch"].reshape(40, -1)
    answered = nods[nods.any(axis=1)]
    assert len(answered) > 10
    apart = np.abs(answered[:, None] - answered[None]).max(axis=2)
    assert apart[~np.eye(len(answered), dtype=bool)].min() > 0.05
