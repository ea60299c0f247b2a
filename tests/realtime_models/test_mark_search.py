"""The mark is found at any size and place, read, and not found where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.mark import pattern, waves
from latentcam.realtime_models.mark_search import CHANCES, Finding, places, search

MARK = 0xC0FFEE


def scene(height: int = 200, width: int = 200, seed: int = 1) -> NDArray[np.float32]:
    """Edges, slopes and a little noise, as pictures have."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / height
    picture = 90 + 60 * y + 20 * np.sin(9 * x)
    for _ in range(5):
        cy, cx, r, level = rng.uniform((0, 0, 0.05, -60), (1, width / height, 0.3, 60))
        picture += level * (np.hypot(y - cy, x - cx) < r)
    return np.asarray(picture + rng.normal(0, 1, picture.shape), np.float32)


def test_it_is_found_and_read() -> None:
    found = search(scene() + pattern(200, 200, MARK))
    assert found.mark == MARK
    assert found.size == pytest.approx(1, abs=0.005)
    assert found.log10_chance(1) < -12


def test_a_part_of_the_picture_is_enough() -> None:
    whole = scene() + pattern(200, 200, MARK)
    found = search(whole[17:167, 30:])
    assert found.mark == MARK
    assert found.size == pytest.approx(200 / 150, abs=0.01)


def test_a_mirrored_picture_has_it_as_well() -> None:
    found = search((scene() + pattern(200, 200, MARK))[:, ::-1])
    assert found.mark == MARK


def test_a_picture_within_another_is_found() -> None:
    around = np.full((300, 400), 200, np.float32)
    around[::16] = around[:, ::16] = 40
    around[60:260, 100:300] = scene() + pattern(200, 200, MARK)
    found = search(around)
    assert found.log10_chance(1) < -6
    assert found.size == pytest.approx(200 / 300, abs=0.005)


@pytest.mark.parametrize("kind", ["scene", "noise", "flat", "stripes"])
def test_it_is_not_found_where_it_is_not(kind: str) -> None:
    made = {
        "scene": scene(seed=3),
        "noise": np.random.default_rng(3).normal(128, 20, (120, 160)).astype(np.float32),
        "flat": np.full((100, 100), 128, np.float32),
        "stripes": np.tile(np.repeat(np.array([20, 200], np.float32), 3), (96, 20)),
    }
    found = search(made[kind])
    assert found.log10_chance(1) == 0, found


def test_another_pattern_of_the_same_kind_is_no_mark() -> None:
    """As another maker's would be, by the same way with another key."""
    upside_down = pattern(200, 200, MARK)[::-1]
    assert search(scene() + upside_down).log10_chance(1) > -2


def test_accidents_are_rarer_than_the_bound() -> None:
    count = len(waves().phases)
    rng, levels = np.random.default_rng(0), np.array([2.0, 3.0, 3.5])
    above, tries = np.zeros(len(levels)), 0
    for _ in range(60):
        drawn = np.exp(1j * rng.uniform(0, 2 * np.pi, count)).astype(np.complex64)
        z = places(drawn)
        above += [(z > level).sum() for level in levels]
        tries += z.size
    share = above / tries
    assert (share < np.exp(-(levels**2) / 2)).all()
    assert share[0] == pytest.approx(0.0228, rel=0.1), "as of a normal distribution"


def test_more_that_is_searched_means_more_accidents() -> None:
    found = Finding(9.0, 1.0, None)
    assert found.log10_chance(1) == pytest.approx(np.log10(CHANCES) - 40.5 * np.log10(np.e))
    assert found.log10_chance(10) == pytest.approx(found.log10_chance(1) + 1)
    assert Finding(3.0, 1.0, None).log10_chance(1) == 0
