"""Directions of emotions: what labelled latents of a known generator must give."""

from __future__ import annotations

import numpy as np
import pytest

from latentcam.realtime_models.training.looks.expression import control

expressions = pytest.importorskip(
    "latentcam.realtime_models.training.expressions", reason="needs [train]"
)

ROWS, W_DIM, SAMPLES = 2, 48, 1500


@pytest.fixture(scope="module")
def latents() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    w = rng.standard_normal((SAMPLES, W_DIM)).astype(np.float32)
    matrix = rng.standard_normal((ROWS, W_DIM, 24)).astype(np.float32)
    matrix[:, :, -3:] /= 30  # angles are in degrees
    matrix[:, :, 15:17] /= 30
    return w, matrix


def test_both_ways_find_the_direction_that_made_the_labels(
    latents: tuple[np.ndarray, np.ndarray],
) -> None:
    w, matrix = latents
    for emotion, values in expressions.EMOTIONS.items():
        data = expressions.label(w, matrix, emotion, np.random.default_rng(1))
        made = (matrix @ control(values)).ravel()
        normal, auc = expressions.by_classification(data)
        assert auc > 0.8, emotion
        for found in (normal, expressions.by_regression(data)):
            assert expressions.cosine(found, made) > 0.9, emotion
            assert 0.7 < np.linalg.norm(found) / np.linalg.norm(made) < 1.3, emotion


def test_columns_of_emotions_stand_in_the_order_of_their_axes(
    latents: tuple[np.ndarray, np.ndarray],
) -> None:
    columns = expressions.emotion_basis(*latents)
    assert columns.shape == (ROWS, W_DIM, len(expressions.EMOTION_AXES))
    for i, axis in enumerate(expressions.EMOTION_AXES):
        made = (latents[1] @ control(expressions.EMOTIONS[axis.name])).ravel()
        assert expressions.cosine(columns[:, :, i].ravel(), made) > 0.85, axis.name
