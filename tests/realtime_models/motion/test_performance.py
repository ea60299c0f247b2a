"""A performance: lips, life and expressions as a function of voice, state and settings."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.motion.driven import LIPS, Driven
from latentcam.realtime_models.motion.performance import PerformanceState, Performer, Settings
from tests.voice import speech

STILL = Settings(life=0.0)
SILENCE = np.zeros(640, np.float32)


@pytest.fixture
def performer(tiny_pack: AvatarPack) -> Performer:
    return Performer(tiny_pack)


def run(
    performer: Performer, sound: Samples, state: PerformanceState, settings: Settings
) -> tuple[NDArray[np.float32], PerformanceState]:
    """x_t after every tick of 640 samples, and the state for what follows."""
    rows = []
    for tick in sound.reshape(-1, 640):
        x, state = performer.perform(tick, state, settings)
        rows.append(x)
    return np.stack(rows), state


def silence(ticks: int) -> Samples:
    return np.zeros(640 * ticks, np.float32)


def axis(pack: AvatarPack, name: str) -> int:
    return [axis.name for axis in pack.card.axes].index(name)


def test_still_moves_nothing_but_lips(performer: Performer, tiny_pack: AvatarPack) -> None:
    lips = {axis(tiny_pack, name) for name in tiny_pack.card.motion.axes}
    xs, _ = run(performer, speech(2.0), performer.initial_state(1), STILL)
    assert set(np.flatnonzero(xs.any(axis=0))) <= lips and xs[-1].any()


def test_in_digital_silence_the_lips_rest_exactly(performer: Performer) -> None:
    xs, _ = run(performer, silence(50), performer.initial_state(1), STILL)
    assert not xs.any()


def test_expressions_come_on_smoothly_add_and_stay_in_range(
    performer: Performer, tiny_pack: AvatarPack
) -> None:
    smile, jaw = axis(tiny_pack, "mouthSmile"), axis(tiny_pack, "jawOpen")
    settings = Settings(expression={"mouthSmile": 0.4, "jawOpen": 7.0}, life=0.0)
    shown, state = run(performer, silence(50), performer.initial_state(1), settings)
    assert 0.0 < shown[0, smile] < 0.1 and shown[-1, smile] == pytest.approx(0.4, abs=1e-3)
    assert (np.diff(shown[:, smile]) > 0).all()
    assert shown[-1, jaw] == pytest.approx(1.0, abs=1e-3)
    gone, _ = run(performer, silence(50), state, STILL)
    assert gone[0, smile] > 0.3 and gone[-1, smile] == pytest.approx(0.0, abs=1e-3)


def test_a_moved_slider_makes_no_face_jump(performer: Performer, tiny_pack: AvatarPack) -> None:
    heads = [i for i, a in enumerate(tiny_pack.card.axes) if a.name.startswith("head")]
    assert heads
    state, shown = performer.initial_state(1), []
    state = performer.after_gap(state, heard=10 * 16000)
    for ticks, strength in ((60, 2.0), (60, 0.0), (80, 2.0)):
        xs, state = run(performer, silence(ticks), state, Settings(life=strength))
        shown.append(xs[:, heads])
    course = np.concatenate(shown)
    assert not course[118].any() and np.abs(course[50]).max() > 0.5
    assert np.abs(np.diff(course[20:], axis=0)).max() < 0.3 * np.abs(course).max()


@pytest.mark.parametrize("size", [1e308, 3e38, 1e9, -1e308])
def test_no_expression_however_large_leaves_the_face_turned(
    performer: Performer, tiny_pack: AvatarPack, size: float
) -> None:
    """1e308 and then -1e308 left infinity in the state: the face never came back."""
    state = performer.initial_state(1)
    for offset in (size, -size, size):
        expression = {"headYaw": offset, "headPitch": -offset, "jawOpen": offset}
        xs, state = run(performer, silence(5), state, Settings(expression, life=2.0))
        assert np.isfinite(xs).all()
        assert all(math.isfinite(value) for value in state.expression.values())
    xs, _ = run(performer, silence(75), state, STILL)
    assert np.abs(xs[-1]).max() < 1e-3


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_settings_are_checked_at_the_door(bad: float) -> None:
    with pytest.raises(ValueError, match=f"mouthSmile is {bad}, expected a finite number"):
        Settings({"jawOpen": 0.1, "mouthSmile": bad})
    with pytest.raises(ValueError, match="expected 0 to 2"):
        Settings(life=bad)


def test_settings_are_a_value() -> None:
    mine = {"mouthSmile": 0.4}
    settings = Settings(mine)
    mine["mouthSmile"] = 0.9
    assert settings.expression == {"mouthSmile": 0.4} and settings == Settings({"mouthSmile": 0.4})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.life = 0.0  # type: ignore[misc]


def test_broken_samples_do_no_harm(performer: Performer) -> None:
    broken = np.full(640, np.nan, np.float32)
    broken[::2] = np.inf
    state = performer.initial_state(1)
    for samples in (broken, speech(1.0)[:640] * 1e6, -broken, np.full(640, -3e38, np.float32)):
        x, state = performer.perform(samples, state, Settings())
        assert np.isfinite(x).all()
    after, _ = run(performer, silence(75), state, STILL)
    assert not after[-1].any()


def test_the_given_state_is_not_changed(performer: Performer) -> None:
    """Stepped twice from one state, whatever went on from it in between, the same comes out."""
    voice, settings = speech(4.0), Settings({"mouthSmile": 0.3}, life=1.0)
    _, begun = run(performer, voice[: 640 * 60], performer.initial_state(3), settings)
    before = (begun.heard, begun.gate.open, begun.motion.x.copy(), dict(begun.expression))
    first, _ = run(performer, voice[640 * 60 :], begun, settings)
    run(performer, silence(20), begun, STILL)
    second, _ = run(performer, voice[640 * 60 :], begun, settings)
    np.testing.assert_array_equal(first, second)
    assert before[:2] == (begun.heard, begun.gate.open) and before[3] == begun.expression
    np.testing.assert_array_equal(before[2], begun.motion.x)


def test_a_gap_ends_what_was_said_and_keeps_the_rest(
    performer: Performer, tiny_pack: AvatarPack
) -> None:
    settings = Settings({"mouthSmile": 0.6, "headYaw": 10.0}, life=1.0)
    quiet = speech(4.0) * np.float32(10 ** (-30 / 20))  # -50 dBFS
    _, spoken = run(performer, quiet, performer.initial_state(1), settings)
    resumed = performer.after_gap(spoken, heard=10 * 16000)
    assert spoken.gate.speaking and not resumed.gate.speaking and not resumed.motion.x.any()
    assert resumed.heard == 10 * 16000
    assert resumed.expression == spoken.expression and resumed.life == spoken.life
    assert resumed.gestures == spoken.gestures
    assert resumed.motion.mel.level == spoken.motion.mel.level, "the microphone is the same"
    assert (resumed.gate.voice, resumed.gate.floor) == (spoken.gate.voice, spoken.gate.floor)


LOOK = Driven({"headYaw": 10.0, "eyeBlink": 0.3, "jawOpen": 0.5, "mouthSmile": 0.2}, lips=0.0)


def follow(
    performer: Performer,
    state: PerformanceState,
    driven: Driven | None,
    ticks: int = 50,
    sound: Samples = SILENCE,
    settings: Settings = STILL,
) -> tuple[NDArray[np.float32], PerformanceState]:
    """x_t after each tick in which a camera lends the same, or nothing."""
    rows = []
    for tick in range(ticks):
        piece = sound[640 * tick : 640 * tick + 640] if len(sound) > 640 else sound
        x, state = performer.perform(piece, state, settings, driven)
        rows.append(x)
    return np.stack(rows), state


def test_a_face_eases_into_what_a_camera_lends_and_out_of_it(
    performer: Performer, tiny_pack: AvatarPack
) -> None:
    yaw, jaw = axis(tiny_pack, "headYaw"), axis(tiny_pack, "jawOpen")
    shown, state = follow(performer, performer.initial_state(1), LOOK)
    assert 0.0 < shown[0, yaw] < 3.0 and shown[-1, yaw] == pytest.approx(10.0, abs=0.01)
    assert not shown[:, jaw].any(), "lips follow the voice"
    gone, _ = follow(performer, state, None)
    assert gone[0, yaw] > 7.0 and not gone[-1].any()


def test_a_lent_head_replaces_the_face_s_own_life(
    performer: Performer, tiny_pack: AvatarPack
) -> None:
    yaw, lively = axis(tiny_pack, "headYaw"), Settings(life=2.0)
    _, state = follow(performer, performer.initial_state(1), LOOK, 60, settings=lively)
    shown, state = follow(performer, state, LOOK, 100, settings=lively)
    assert np.ptp(shown[:, yaw]) < 0.01
    own, _ = follow(performer, state, None, 200, settings=lively)
    assert np.ptp(own[100:, yaw]) > 0.5


@pytest.mark.parametrize("lips", [0.0, 0.5, 1.0])
def test_lips_follow_voice_and_camera_as_far_as_is_asked(
    performer: Performer, tiny_pack: AvatarPack, lips: float
) -> None:
    sound, ticks = speech(2.0), slice(35, None)  # from then on it follows within a thousandth
    said, _ = run(performer, sound, performer.initial_state(1), STILL)
    driven = Driven(dict.fromkeys(LIPS, 0.5), lips)
    shown, _ = follow(performer, performer.initial_state(1), driven, 50, sound)
    mouth = [axis(tiny_pack, name) for name in LIPS if name in tiny_pack.card.motion.axes]
    said, shown = said[ticks, mouth], shown[ticks, mouth]
    inside = (said > 0.001) & (said < 0.999)  # what is cut off is not known
    assert inside.sum() > 3, "the mouth speaks"
    assert shown[inside] == pytest.approx((1 - lips) * said[inside] + lips * 0.5, abs=2e-3)


def test_expressions_add_to_what_a_camera_lends(
    performer: Performer, tiny_pack: AvatarPack
) -> None:
    smile = axis(tiny_pack, "mouthSmile")
    settings = Settings({"mouthSmile": 0.4}, life=0.0)
    shown, _ = follow(performer, performer.initial_state(1), LOOK, settings=settings)
    assert shown[-1, smile] == pytest.approx(0.6, abs=2e-3)


def test_what_a_camera_lends_stays_within_the_axes(
    performer: Performer, tiny_pack: AvatarPack
) -> None:
    wild = Driven({"headYaw": 1e6, "jawOpen": -1e6, "nothing": 1.0}, lips=1.0)
    shown, _ = follow(performer, performer.initial_state(1), wild)
    axes = tiny_pack.card.axes
    assert all(
        (shown[:, i] >= a.low).all() and (shown[:, i] <= a.high).all() for i, a in enumerate(axes)
    )


def conversation(seconds: float) -> Samples:
    """Somebody who says something for 2 s and is silent for 1 s, again and again."""
    other = speech(seconds)
    other[np.arange(len(other)) % 48_000 >= 32_000] = 0.0
    return other


def beside(
    performer: Performer, sound: Samples, other: Samples | None, state: PerformanceState
) -> tuple[NDArray[np.float32], PerformanceState]:
    """x_t of a lively face after each tick, while somebody else speaks, and the state."""
    rows = []
    for at in range(0, len(sound), 640):
        said = None if other is None else other[at : at + 640]
        x, state = performer.perform(sound[at : at + 640], state, Settings(), other=said)
        rows.append(x)
    return np.stack(rows), state


def test_the_other_voice_moves_the_head_and_never_the_lips(
    performer: Performer, tiny_pack: AvatarPack
) -> None:
    other = conversation(18.0)
    quiet = np.zeros_like(other)
    alone, _ = beside(performer, quiet, None, performer.initial_state(1))
    listens, state = beside(performer, quiet, other, performer.initial_state(1))
    lips = [axis(tiny_pack, name) for name in LIPS]
    assert not listens[:, lips].any() and state.listening.attention.value > 0.9
    nods = (listens - alone)[:, axis(tiny_pack, "headPitch")]
    assert -8.0 < nods.min() < -1.5 and nods.max() < 0.05
    gaze = axis(tiny_pack, "gazePitch")
    assert np.abs(listens[100:, gaze]).max() < 0.3 * np.abs(alone[100:, gaze]).max()
    low = [a.low for a in tiny_pack.card.axes]
    assert (listens >= low).all() and (listens <= [a.high for a in tiny_pack.card.axes]).all()


def test_while_the_face_speaks_nobody_else_moves_it(performer: Performer) -> None:
    voice, other = speech(6.0), conversation(6.0)
    other[:16_000] = 0.0  # the face is the first to speak
    alone, _ = beside(performer, voice, None, performer.initial_state(1))
    both, _ = beside(performer, voice, other, performer.initial_state(1))
    np.testing.assert_array_equal(both, alone)


def test_whoever_is_heard_no_more_has_fallen_silent(performer: Performer) -> None:
    _, state = beside(performer, silence(100), conversation(4.0), performer.initial_state(1))
    assert state.listening.attention.value > 0.9
    xs, state = beside(performer, silence(200), None, state)
    assert state.listening.attention.value < 0.05
    assert np.abs(np.diff(xs[:5], axis=0)).max() < 1.0


def test_a_broken_other_voice_does_no_harm(performer: Performer) -> None:
    state = performer.initial_state(1)
    for other in (np.full(640, np.nan, np.float32), np.full(640, -3e38, np.float32), SILENCE):
        x, state = performer.perform(SILENCE, state, Settings(), other=other)
        assert np.isfinite(x).all()
