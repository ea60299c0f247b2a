"""The figures of `benchmarks.follow`, on courses whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from latentcam.benchmarks.follow import compared, course
from latentcam.realtime_models.face_tracker import TrackedFace


def test_a_face_that_follows_late_is_found_to_be_late() -> None:
    time = np.arange(200) / 25
    person = np.sin(2 * np.pi * time / 1.7) + 0.5 * np.sin(2 * np.pi * time / 0.9)
    late = np.interp(time - 0.1, time, person)  # 2.5 ticks
    late[[20, 21]] = np.nan
    r, ticks = compared(person, 3.0 * late + 1.0)
    assert r > 0.98 and ticks == pytest.approx(2.5, abs=0.2)
    r, ticks = compared(person, person)
    assert r == pytest.approx(1.0) and ticks == 0.0


def test_where_no_face_was_found_nothing_is_known() -> None:
    face = TrackedFace(np.zeros((478, 3)), {"jawOpen": 0.4}, np.eye(4))
    yaw, jaw = course([face, None])
    assert yaw[0] == 0.0 and jaw[0] == 0.4 and np.isnan([yaw[1], jaw[1]]).all()
