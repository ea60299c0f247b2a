"""Hair grows where it should, stays off the skull, and is the same every time."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

# ruff: noqa: E402
from latentcam.realtime_models.training.looks.bank import SKULL, azimuth_of, hairline
from latentcam.realtime_models.training.looks.hair import grow
from latentcam.realtime_models.training.looks.skull import Skull
from latentcam.realtime_models.training.looks.styles import STYLES, Style


def ball() -> Skull:
    """A round head: enough of one for hair."""
    rows, columns = 40, 60
    up, around = np.meshgrid(
        np.linspace(0.01, np.pi - 0.01, rows), np.linspace(0, 2 * np.pi, columns, endpoint=False),
        indexing="ij",
    )  # fmt: skip
    points = SKULL + 0.10 * np.stack(
        [np.sin(up) * np.sin(around), -np.sin(up) * np.cos(around), np.cos(up)], -1
    ).reshape(-1, 3)
    faces = []
    for i in range(rows - 1):
        for k in range(columns):
            a, b = i * columns + k, i * columns + (k + 1) % columns
            faces += [(a, a + columns, b), (b, a + columns, b + columns)]
    over = points[:, 2] - hairline(azimuth_of(points))
    return Skull(points, np.array(faces, np.int32), points, (over > -0.01).astype(float))


@pytest.mark.parametrize("name", ["crop", "long", "curly", "bun"])
def test_hair_stays_off_the_skull(name: str) -> None:
    skull = ball()
    style = Style(**{**{f: getattr(STYLES[name], f) for f in Style.__slots__}, "count": 300,
                     "clumps": 60})  # fmt: skip
    strands = grow(skull, style, 1)
    assert np.isfinite(strands.points).all()
    assert (strands.radius > 0).all()
    far = np.linalg.norm(strands.points[:300, 1:] - SKULL, axis=-1)
    assert np.quantile(far, 0.02) > 0.097


def test_the_same_seed_grows_the_same_hair() -> None:
    skull = ball()
    style = Style(count=100, clumps=40)
    assert np.array_equal(grow(skull, style, 5).points, grow(skull, style, 5).points)
    assert not np.array_equal(grow(skull, style, 5).points, grow(skull, style, 6).points)


def test_hair_recedes() -> None:
    skull = ball()
    assert skull.cover(Style(receding=0.03)).sum() < skull.cover(Style()).sum()
