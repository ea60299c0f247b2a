"""Gestures follow stress in the voice, are causal, and differ with the seed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.motion.gestures import (
    WINDOW,
    Spring,
    gestures,
    gestures_initial_state,
    pitch,
)


def melody(hertz: NDArray[np.float64], loud: NDArray[np.float64]) -> Samples:
    """A buzzing voice, one value of pitch and of loudness per sample at 16 kHz."""
    phase = 2 * np.pi * np.cumsum(hertz) / 16000
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    return np.asarray(0.1 * loud * buzz, np.float32)


def stressed_at(times: list[float], seconds: float = 8.0) -> Samples:
    """A level voice of 120 Hz, half an octave up and 6 dB louder for 0.2 s at each of `times`."""
    t = np.arange(int(seconds * 16000)) / 16000
    stress = np.zeros_like(t)
    for at in times:
        stress += np.exp(-0.5 * ((t - at - 0.1) / 0.06) ** 2)
    return melody(120 * 2 ** (0.5 * stress), 0.5 + 0.5 * stress)


def course(samples: Samples, seed: int = 0, chunk: int = 640) -> dict[str, NDArray[np.float64]]:
    state, rows = gestures_initial_state(seed), []
    for start in range(0, len(samples), chunk):
        values, state = gestures(samples[start : start + chunk], state)
        rows.append(values)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("hertz", [80.0, 120.0, 210.0, 350.0])
def test_pitch_of_a_buzz(hertz: float) -> None:
    voice = melody(np.full(WINDOW, hertz), np.ones(WINDOW))
    found = pitch(voice)
    assert found is not None and abs(np.log2(found / hertz)) < 0.1


def test_noise_and_silence_have_no_pitch() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, WINDOW).astype(np.float32)
    assert pitch(noise) is None and pitch(np.zeros(WINDOW, np.float32)) is None


def test_a_head_nods_after_stress_and_not_before() -> None:
    """Beside what it does in an even voice."""
    times = [2.0, 4.0, 6.0]
    nod = course(stressed_at(times))["headPitch"] - course(stressed_at([]))["headPitch"]
    assert not nod[: int(1.9 * 25)].any()
    for at in times:
        during = nod[int(at * 25) : int((at + 0.8) * 25)]
        assert -4.0 < during.min() < -0.6
        assert 0.1 < during.argmin() / 25 < 0.6, "the nod comes with the stress, in seconds"


@pytest.fixture(scope="module")
def minute() -> dict[str, NDArray[np.float64]]:
    return course(stressed_at([0.5 + 0.9 * k for k in range(65)], 60.0), seed=3)


def test_a_head_that_speaks_moves_by_degrees_and_without_a_jerk(
    minute: dict[str, NDArray[np.float64]],
) -> None:
    """Of people who read aloud, 95 % of the speeds are below 8 to 11 degrees a second and 95 % of
    its changes below 90 to 140 degrees a second, each second (`benchmarks.head_motion`)."""
    yaw, pitched, roll = (minute[name] for name in ("headYaw", "headPitch", "headRoll"))
    assert 1.2 < yaw.std() < 3.2 and 1.1 < pitched.std() < 2.6 and 0.6 < roll.std() < 1.7
    for values, speed, push in ((yaw, 12, 100), (pitched, 18, 250), (roll, 12, 100)):
        assert np.percentile(abs(np.diff(values)) * 25, 95) < speed
        assert np.percentile(abs(np.diff(values, 2)) * 625, 95) < push
    assert abs(minute["gazeYaw"] + 0.6 * yaw).max() < 1e-9, "the eyes stay nearer to the viewer"


def test_where_a_head_goes_does_not_come_again(minute: dict[str, NDArray[np.float64]]) -> None:
    """Nor is it the same in the same word: every stretch of 3 s differs from all others."""
    for name in ("headYaw", "headPitch"):
        stretches = minute[name].reshape(20, 75)
        apart = np.abs(stretches[:, None] - stretches[None]).mean(axis=2)
        assert apart[~np.eye(20, dtype=bool)].min() > 0.2 * minute[name].std(), name


def test_brows_rise_with_some_of_the_accents() -> None:
    moved = course(stressed_at([1.0 + 0.8 * k for k in range(36)], 30.0), seed=3)
    raises = np.diff((moved["browInnerUp"] > 0.15).astype(int)) == 1
    assert 3 <= raises.sum() <= 20
    assert moved["browInnerUp"].min() == 0.0 and moved["browInnerUp"].max() < 0.6


def test_in_silence_everything_comes_to_rest() -> None:
    voice = np.concatenate([stressed_at([2.0, 4.0]), np.zeros(15 * 16000, np.float32)])
    moved = course(voice)
    assert max(np.abs(values[-25:]).max() for values in moved.values()) < 1e-3


def test_the_seed_decides_where_a_head_turns() -> None:
    voice = stressed_at([2.0, 4.0])
    one, same, other = (course(voice, seed)["headYaw"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1


@pytest.mark.parametrize("chunk", [1, 97, 160, 533, 9999])
def test_any_cutting_gives_the_same_end_and_the_state_is_not_changed(chunk: int) -> None:
    voice = stressed_at([0.5, 1.2], 1.6)
    _, whole = gestures(voice, gestures_initial_state(5))
    state = begun = gestures_initial_state(5)
    for start in range(0, len(voice), chunk):
        _, state = gestures(voice[start : start + chunk], state)
    assert state.head_pitch == whole.head_pitch and state.head_yaw == whole.head_yaw
    assert begun.hops == 0 and not begun.heard.any()
    assert whole.accents > 0


def test_eyes_blink_after_some_utterances() -> None:
    utterance = np.concatenate([stressed_at([0.5, 1.2], 2.0), np.zeros(16000, np.float32)])
    blink = course(np.tile(utterance, 12))["eyeBlink"]
    closings = np.flatnonzero(np.diff((blink > 0.5).astype(int)) == 1) / 25
    assert 2 <= len(closings) <= 11
    assert all(2.2 < at % 3.0 < 2.8 for at in closings), "in the pause, not in the middle"


def test_a_spring_arrives_without_overshoot_whatever_the_step() -> None:
    fine = coarse = Spring()
    path = []
    for _ in range(200):
        fine = fine.towards(1.0, 1.0, 0.01)
        path.append(fine.value)
    for _ in range(20):
        coarse = coarse.towards(1.0, 1.0, 0.1)
    assert coarse.value == pytest.approx(fine.value, abs=1e-9)
    assert max(path) <= 1.0 and path[-1] > 0.99
