"""The judge of lip-sync: it hears which voice a mouth belongs to, and how late the mouth is."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the training stack is not installed")

from latentcam.realtime_models.training.motion.data.lips import LipClip  # noqa: E402
from latentcam.realtime_models.training.motion.judge.sync import (  # noqa: E402
    Pair,
    SyncJudge,
    ceiling_and_floor,
    pair_of,
)

SECONDS, RATE = 4, 16_000


def talking(seed: int, fps: float = 25.0, late_s: float = 0.0) -> Pair:
    """Noise as loud as a mouth is open; the mouth narrows as it opens."""
    rng = np.random.default_rng(seed)
    knots = np.repeat(rng.random(6 * SECONDS) ** 2, 2)

    def opened(at: np.ndarray) -> np.ndarray:
        return np.asarray(np.interp(at, np.linspace(0, SECONDS, len(knots)), knots))

    loud = opened(np.arange(SECONDS * RATE) / RATE)
    sound = 0.2 * loud * rng.standard_normal(SECONDS * RATE)
    frames = opened((np.arange(int(SECONDS * fps)) + 0.5) / fps - late_s)
    mouth = np.column_stack([0.1 * frames, 0.3 - 0.05 * frames, rng.normal(0, 0.01, len(frames))])
    return Pair(sound.astype(np.float32), mouth, fps)


@pytest.fixture(scope="module")
def judge() -> SyncJudge:
    return SyncJudge([talking(seed) for seed in range(8)])


def test_real_pairs_score_over_exchanged_ones(judge: SyncJudge) -> None:
    pairs = [talking(seed) for seed in range(20, 25)]
    real, exchanged = ceiling_and_floor(judge, pairs)
    assert real > 0.3 and real > 3 * abs(exchanged)
    asked = judge.judge(pairs[0])
    assert asked["confidence"] > 0.2 and abs(asked["offset_ms"]) <= 10


@pytest.mark.parametrize(("late_s", "fps"), [(0.1, 25.0), (-0.08, 25.0), (0.1, 30.0)])
def test_a_mouth_is_found_as_late_as_it_is(judge: SyncJudge, late_s: float, fps: float) -> None:
    found = judge.judge(talking(30, fps, late_s))
    assert found["offset_ms"] == pytest.approx(1000 * late_s, abs=20)
    assert found["score"] < judge.judge(talking(30, fps))["score"]


def test_another_face_s_size_and_rest_change_nothing(judge: SyncJudge) -> None:
    pair = talking(40)
    larger = Pair(pair.samples, 0.05 + 1.7 * pair.mouth, pair.fps)
    np.testing.assert_allclose(judge.scores(larger), judge.scores(pair), atol=1e-3)


def test_a_clip_whose_sound_is_known_to_be_late_is_brought_into_step(judge: SyncJudge) -> None:
    pair = talking(50, late_s=-0.05)  # the sound is late: the mouth is early
    geometry = np.column_stack([pair.mouth[:, :2], np.zeros((len(pair.mouth), 2))])
    scores = {"mouthPucker": pair.mouth[:, 2]}
    for late_s, offset in ((0.0, -50.0), (0.05, 0.0)):
        clip = LipClip("s", "c", pair.samples, geometry, scores, pair.fps, late_s)
        assert judge.judge(pair_of(clip))["offset_ms"] == pytest.approx(offset, abs=20)
