"""Who and how: deterministic, within range, and safe to stop."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

# ruff: noqa: E402
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.training.looks.bank import azimuth_of, hairline
from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.looks.expression import LINEAR, control, expression_from_x
from latentcam.realtime_models.training.looks.identity import MEN, WOMEN, Z_DIM, cast_z, identity
from latentcam.realtime_models.training.looks.render import picture, write_factors
from latentcam.realtime_models.training.looks.sampling import VISEMES, group
from latentcam.realtime_models.training.looks.styles import STYLES


def test_identity_is_a_function_of_z() -> None:
    z = np.random.default_rng(3).standard_normal(Z_DIM).astype(np.float32)
    assert identity(z) == identity(z.copy())
    assert identity(z) != identity(-z)


def test_sampled_people_use_what_exists() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        person = identity(rng.standard_normal(Z_DIM).astype(np.float32))
        assert set(person.mixture) <= set(WOMEN) | set(MEN)
        assert abs(sum(person.mixture.values()) - 1) < 0.2
        assert person.hair == "" or person.hair in STYLES
        assert 0 <= person.melanin <= 1
        assert 0 <= person.age <= 1


def test_the_cast_lives_in_z() -> None:
    assert len(CAST) == 19
    for name, person in CAST.items():
        assert identity(cast_z(name)) == person
    with pytest.raises(KeyError):
        cast_z("Nobody")


def test_every_axis_moves_something() -> None:
    still = expression_from_x(control({}))
    for axis in FACE_AXES:
        moved = expression_from_x(control({axis.name: axis.high}))
        assert moved != still, axis.name
    assert set(LINEAR) == {a.name for a in FACE_AXES if a.unit == "1"}


def test_values_beyond_the_range_are_clamped() -> None:
    far = expression_from_x(control({"jawOpen": 7.0, "headYaw": 400.0}))
    assert far == expression_from_x(control({"jawOpen": 1.0, "headYaw": 25.0}))


def test_closed_lips_hold_against_the_jaw() -> None:
    opened = expression_from_x(control({"jawOpen": 0.3}))
    held = expression_from_x(control({"jawOpen": 0.3, "mouthClose": 1.0}))
    assert held.head["Shout"] < 0.3 * opened.head["Shout"]


def test_groups_are_the_same_every_time_and_within_range() -> None:
    lows = np.array([a.low for a in FACE_AXES])
    highs = np.array([a.high for a in FACE_AXES])
    for index in range(40):
        first, again = group(1, index, 6), group(1, index, 6)
        assert first.name == again.name
        assert np.array_equal(first.z, again.z)
        assert np.array_equal(first.xs, again.xs)
        assert (first.xs >= lows).all() and (first.xs <= highs).all()
        if first.name:
            assert np.array_equal(first.z, cast_z(first.name))


def test_nobody_of_the_cast_is_forgotten() -> None:
    seen = {group(0, index, 1).name for index in range(len(CAST) * 6)}
    assert set(CAST) <= seen


def test_visemes_name_axes() -> None:
    names = {axis.name for axis in FACE_AXES}
    assert all(set(values) <= names for values in VISEMES.values())


def test_the_hairline_is_above_the_brows_and_below_the_crown() -> None:
    assert 0.05 < hairline(np.array(0.0)) < 0.08
    assert hairline(np.array(np.pi)) < -0.04
    assert azimuth_of(np.array([0.0, -0.1, 0.0])) == pytest.approx(0.0)


def test_factors_are_written_whole(tmp_path: Path) -> None:
    (tmp_path / "factors").mkdir()
    what = group(0, 2, 3)
    write_factors(tmp_path, 2, range(6, 9), what, {"size": 64})
    stored = json.loads((tmp_path / "factors" / "00002.json").read_text())
    assert stored["pictures"] == [picture(tmp_path, n).name for n in (6, 7, 8)]
    assert np.allclose(stored["xs"], what.xs, atol=1e-5)
    assert np.array_equal(np.array(stored["z"], np.float32), what.z)  # so that `identity` answers
    assert not list((tmp_path / "factors").glob(".*"))
