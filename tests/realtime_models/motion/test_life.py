"""The life of a face that no sound explains: blinks, glances, sway and breath."""

from __future__ import annotations

import numpy as np

from latentcam.realtime_models.motion.life import life


def test_life_is_a_function_of_time_and_seed() -> None:
    assert life(12.34, 5) == life(12.34, 5) != life(12.34, 6)
    blink = np.array([life(t / 50, 1)["eyeBlink"] for t in range(50 * 120)])
    closings = ((blink[1:] > 0.5) & (blink[:-1] <= 0.5)).sum()
    assert 25 <= closings <= 45, "15 blinks a minute and some doubles"
    assert blink.max() > 0.9 and np.mean(blink == 0) > 0.8
    yaw = np.array([life(t / 25, 1)["headYaw"] for t in range(25 * 120)])
    assert 1.0 < np.abs(yaw).max() < 4.0 and np.abs(np.diff(yaw)).max() < 0.2


def course(axis: str, seconds: int, seed: int = 1, strength: float = 1.0) -> np.ndarray:
    return np.array([life(t / 50, seed, strength)[axis] for t in range(50 * seconds)])


def beginnings(lids: np.ndarray) -> np.ndarray:
    """Seconds at which blinks begin."""
    return np.flatnonzero((lids[1:] > 0.5) & (lids[:-1] <= 0.5)) / 50


def test_a_calmer_face_blinks_less_often_but_never_half() -> None:
    calm, lively = course("eyeBlink", 240, strength=0.4), course("eyeBlink", 240)
    assert 0.2 < len(beginnings(calm)) / len(beginnings(lively)) < 0.6
    assert calm.max() == lively.max() > 0.9
    np.testing.assert_allclose(
        course("headRoll", 20, strength=0.4), 0.4 * course("headRoll", 20), atol=1e-9
    )


def test_some_blinks_are_double() -> None:
    apart = np.diff(np.concatenate([beginnings(course("eyeBlink", 300, seed)) for seed in (1, 2)]))
    assert 0.04 < np.mean(abs(apart - 0.35) < 0.05) < 0.25


def test_eyes_settle_and_jump_and_the_head_breathes() -> None:
    gaze = course("gazeYaw", 120) + 0.6 * course("headYaw", 120)
    still = abs(np.diff(gaze)) < 1e-9
    assert np.mean(still) > 0.9 and 20 < np.count_nonzero(np.diff(still.astype(int)) == -1) < 60
    assert 2.0 < abs(gaze).max() <= 3.0
    power = abs(np.fft.rfft(course("headPitch", 200) * np.hanning(200 * 50)))
    breath = power[round(200 * 0.2) : round(200 * 0.29)]  # 12 to 17 a minute
    assert breath.max() > 10 * np.median(power[round(200 * 0.6) : round(200 * 1.2)])


def test_nothing_loops() -> None:
    """No later stretch is like the first one."""
    for axis in ("headYaw", "headPitch", "gazeYaw"):
        whole = course(axis, 600)
        first = whole[: 50 * 30]
        later = [
            float(np.abs(whole[start:][: len(first)] - first).mean())
            for start in range(50 * 30, len(whole) - len(first), 25)
        ]
        assert min(later) > 0.15 * np.abs(first - first.mean()).mean(), axis
