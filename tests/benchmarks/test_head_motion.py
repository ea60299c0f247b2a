"""The figures of `benchmarks.head_motion`, on courses whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.benchmarks.head_motion import (
    angles,
    compared,
    moves,
    performed,
    read_clips,
    speeds,
    with_voice,
)
from tests.server.test_commands import write_sound
from tests.voice import speech


def turned(degrees: NDArray[np.float64], scale: float = 1.0) -> NDArray[np.float64]:
    """float64 [n, 4, 4]: poses of a head that looks aside."""
    a = np.radians(degrees)
    pose = np.zeros((len(a), 4, 4))
    pose[:, 0, 0], pose[:, 0, 2], pose[:, 1, 1] = np.cos(a), np.sin(a), 1.0
    pose[:, 2, 0], pose[:, 2, 2], pose[:, 3, 3] = -np.sin(a), np.cos(a), 1.0
    pose[:, :3, :3] *= scale
    return pose


def test_angles_are_those_of_the_pose() -> None:
    seen = angles(turned(np.array([0.0, 10.0, -25.0]), scale=1.3))
    np.testing.assert_allclose(seen[:, 0], [0.0, 10.0, -25.0], atol=1e-9)
    np.testing.assert_allclose(seen[:, 1:], 0.0, atol=1e-9)


def test_moves_and_speeds_of_an_even_turn_and_of_a_sine() -> None:
    t = np.arange(250) / 25
    even = np.stack([4.0 * t, 0.0 * t, 0.0 * t], axis=1)
    speed, push = speeds(even, 25.0)
    assert speed == pytest.approx(4.0) and push == pytest.approx(0.0, abs=1e-9)
    sine = np.stack([0.0 * t, 2.0 * np.sin(2 * np.pi * 0.5 * t), 0.0 * t], axis=1)
    assert moves([sine, sine]) == [0.0, pytest.approx(2.0 / np.sqrt(2), abs=0.01), 0.0]
    speed, push = speeds(sine, 25.0)
    assert speed.max() == pytest.approx(2 * np.pi, rel=0.05)
    assert push.max() == pytest.approx(2 * np.pi**2, rel=0.05)


def test_a_head_that_moves_with_the_voice_is_told_from_one_that_does_not() -> None:
    t = np.arange(100) / 25
    voice = np.where(np.arange(4 * 16000) < 2 * 16000, 1.0, 0.01) * speech(4.0)
    nods = np.sin(2 * np.pi * t)
    both = np.stack([nods, 0 * t, 0 * t], axis=1)
    loud = np.where(t < 2.0, 1.0, 0.1)[:, None] * both
    assert with_voice(loud, voice.astype(np.float32), 25.0) > 3.0
    assert 0.7 < with_voice(both, voice.astype(np.float32), 25.0) < 1.4


def test_people_are_compared_with_the_face_that_hears_them(tmp_path: Path) -> None:
    t = np.arange(50) / 25
    for name, reach in (("a", 2.0), ("b", 2.0), ("c", np.nan)):
        pose = turned(reach * np.sin(2 * np.pi * t))
        np.savez(tmp_path / f"grid_s9_{name}.npz", head=pose.astype(np.float32), fps=25.0)
        write_sound(tmp_path / f"grid_s9_{name}.flac", speech(1.9), 16000, "flac")
    speakers = read_clips(tmp_path, most=5)
    assert list(speakers) == ["grid_s9"] and len(speakers["grid_s9"]) == 2, "the face was lost in c"
    found = compared(speakers, 1.0)
    assert found["clips"] == 2 and found["speakers"] == 1
    assert found["people"]["moves"] == [pytest.approx(np.sqrt(2), abs=0.02), 0.0, 0.0]
    assert all(0.0 < value < 5.0 for value in found["face"]["moves"])
    assert "wanders" not in found["face"], "less than a minute"


def test_a_still_face_does_not_move() -> None:
    assert not performed(speech(1.0), 25.0, 0.0, seed=1).any()
    assert performed(speech(1.0), 25.0, 1.0, seed=1).shape == (25, 3)
