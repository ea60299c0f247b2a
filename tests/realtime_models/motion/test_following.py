"""From what a tracker sees of a person to axes: rest, range, filter, and when lips are trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.motion.driven import Driven
from latentcam.realtime_models.motion.following import (
    GAZE,
    LIP_PAIRS,
    REST_SECONDS,
    SCORES,
    SKIN,
    FollowState,
    Observed,
    colours,
    follow,
)

NAMES = sorted(
    {name for sources, _ in SCORES.values() for name in sources}
    | {name for sides in GAZE.values() for side in sides for name in side}
)
RATE = 30


def seen(
    at: float,
    scores: Mapping[str, float] = {},  # noqa: B006 (never written)
    angles: tuple[float, float, float] = (3.0, -5.0, 1.0),
    light: float = 150.0,
    redness: float = 0.05,
) -> Observed:
    """A person who holds the head a little aside, and whose resting face scores 0.1 everywhere."""
    return Observed(at, {name: scores.get(name, 0.1) for name in NAMES}, angles, light, redness)


def rested() -> FollowState:
    """A person has been looked at for long enough."""
    state = FollowState()
    for n in range(round(REST_SECONDS * RATE) + 2):
        driven, state = follow(seen(n / RATE), 1.0, state)
        assert driven is None
    assert state.rest is not None
    return state


def held(state: FollowState, seconds: float = 1.0, lips: float = 1.0, **look: Any) -> Driven:
    """What comes of a look that is held."""
    driven = None
    for _ in range(round(seconds * RATE)):
        driven, state = follow(seen(state.at + 1 / RATE, **look), lips, state)
    assert driven is not None
    return driven


def test_at_rest_nothing_moves() -> None:
    driven = held(rested())
    assert max(map(abs, driven.values.values())) < 1e-9 and driven.lips > 0.99


def test_a_turned_head_turns_the_face_by_as_much() -> None:
    driven = held(rested(), angles=(3.0 + 10.0, -5.0 - 6.0, 1.0 + 4.0))
    head = [driven.values[name] for name in ("headYaw", "headPitch", "headRoll")]
    assert head == pytest.approx([10.0, -6.0, 4.0], rel=0.01)
    assert held(rested(), angles=(80.0, -5.0, 1.0)).values["headYaw"] == pytest.approx(
        25.0, rel=0.01
    )


@pytest.mark.parametrize("axis", SCORES)
def test_a_score_at_its_end_moves_its_axis_to_the_end(axis: str) -> None:
    sources, end = SCORES[axis]
    driven = held(rested(), scores=dict.fromkeys(sources, max(end, 0.35)))
    assert driven.values[axis] == pytest.approx(1.0, abs=0.01)
    others = {name: value for name, value in driven.values.items() if name != axis}
    assert max(map(abs, others.values())) < 0.01


def test_eyes_look_where_the_person_s_do() -> None:
    right = held(rested(), scores={"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5})
    assert right.values["gazeYaw"] == pytest.approx(12.5, rel=0.01)
    down = held(rested(), scores={"eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5})
    assert down.values["gazePitch"] == pytest.approx(-7.5, rel=0.01)
    lids = {"eyeBlinkLeft": 0.6, "eyeBlinkRight": 0.6}
    closed = held(rested(), scores={"eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5, **lids})
    assert closed.values["gazePitch"] == pytest.approx(0.0, abs=0.01)


def test_rest_waits_for_a_still_head_and_passes_over_a_word_and_a_blink() -> None:
    state, at = FollowState(), 0.0
    for n in range(4 * RATE):
        at = n / RATE
        _, state = follow(seen(at, angles=(20.0 * np.sin(3 * at), 0.0, 0.0)), 1.0, state)
    assert state.rest is None
    for n in range(1, round(REST_SECONDS * RATE) + 3):
        busy = {"jawOpen": 0.5, "eyeBlinkLeft": 0.7} if n % 3 == 0 else {}
        _, state = follow(seen(at + n / RATE, busy), 1.0, state)
    assert state.rest is not None
    assert state.rest.scores["jawOpen"] == state.rest.scores["eyeBlinkLeft"] == 0.1


def test_few_pictures_make_no_rest() -> None:
    state = FollowState()
    for n in range(20):
        _, state = follow(seen(float(n) * 0.5), 1.0, state)
    assert state.rest is None


def test_jitter_is_taken_out_and_a_quick_move_is_not() -> None:
    chance = np.random.default_rng(0)
    state, shown = rested(), []
    for _ in range(10 * RATE):
        look = seen(state.at + 1 / RATE, angles=(3.0 + chance.normal(), -5.0, 1.0))
        driven, state = follow(look, 0.0, state)
        assert driven is not None
        shown.append(driven.values["headYaw"])
    assert np.std(shown) < 0.5
    assert held(rested(), seconds=0.1, angles=(23.0, -5.0, 1.0)).values["headYaw"] > 0.6 * 20.0
    lids = {"eyeBlinkLeft": 0.6, "eyeBlinkRight": 0.6}
    assert held(rested(), seconds=0.1, scores=lids).values["eyeBlink"] > 0.85


@pytest.mark.parametrize(
    "look", [{"light": 20.0}, {"redness": 0.0}, {"redness": -0.08}, {"angles": (45.0, -5.0, 1.0)}]
)
def test_the_voice_moves_lips_that_are_not_seen(look: dict[str, Any]) -> None:
    assert held(rested(), **look).lips < 0.01


def test_lips_follow_the_camera_as_far_as_is_asked() -> None:
    assert held(rested(), lips=0.5).lips == pytest.approx(0.5, abs=0.01)
    assert held(rested(), lips=0.0).lips == 0.0


def test_pale_lips_are_not_taken_for_covered_ones() -> None:
    state = FollowState()
    for n in range(round(REST_SECONDS * RATE) + 2):
        _, state = follow(seen(n / RATE, redness=0.01), 1.0, state)
    assert held(state, redness=-0.01).lips > 0.99


def test_nothing_is_written_into_a_state_that_was_handed_in() -> None:
    state = rested()
    first, _ = follow(seen(state.at + 0.03, angles=(9.0, 0.0, 0.0)), 1.0, state)
    again, _ = follow(seen(state.at + 0.03, angles=(9.0, 0.0, 0.0)), 1.0, state)
    assert first == again


def marks_of(chance: np.random.Generator) -> NDArray[np.float64]:
    return chance.uniform(-0.1, 1.1, (478, 2))


def looks() -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    chance = np.random.default_rng(3)
    for _ in range(5):
        yield chance.integers(0, 256, (48, 64, 3), dtype=np.uint8), marks_of(chance)


def test_light_and_redness_are_read_off_the_face() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[:, :50], picture[:, 50:] = (160, 120, 100), (180, 90, 90)
    marks = np.full((478, 2), 0.25)
    for pair in LIP_PAIRS:
        marks[list(pair)] = 0.75
    light, redness = colours(picture, marks)
    assert light == pytest.approx(380 / 3)
    assert redness == pytest.approx(180 / 361 - 160 / 381)
    assert not set(SKIN) & {mark for pair in LIP_PAIRS for mark in pair}
    for noise, anywhere in looks():
        assert np.isfinite(colours(noise, anywhere)).all()
