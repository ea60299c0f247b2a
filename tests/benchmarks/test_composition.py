"""The benchmark of composition measures what it says."""

from __future__ import annotations

import numpy as np

from latentcam.benchmarks.composition import face, measure, rows


def test_a_face_has_a_head_and_shoulders_that_touch_the_sides() -> None:
    clear = face(64, 4)
    assert (clear[..., :3] <= clear[..., 3:]).all()
    assert clear[26, 32, 3] == 255 and clear[2, 2, 3] == 0 and clear[-1, 0, 3] == 255
    assert face(64, 3).shape == (64, 64, 3)


def test_every_row_is_measured() -> None:
    found = rows(2)
    assert [row["face"] for row in found] == [512] * 3 + [256] * 5
    for row in found:
        assert 0 < row["best_ms"] <= row["p50_ms"] <= row["p99_ms"]


def test_what_is_measured_is_called_as_often_as_asked() -> None:
    calls = []
    measure(lambda: calls.append(1) or np.zeros(4, np.uint8), 7)  # type: ignore[func-returns-value]
    assert len(calls) == 27
