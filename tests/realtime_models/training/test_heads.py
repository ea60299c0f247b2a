"""The heads' maps from z and x, without assets; and a picture, where the assets are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.training.heads.expression import (
    AXES,
    LINEAR,
    PARTS_LIPS,
    REST_LIDS,
    REST_TARGETS,
    REST_UNITS,
    SEAL_TARGETS,
    SEAL_UNITS,
    TARGETS,
    VISEMES,
    control,
    expression_from_x,
    sample_x,
)
from latentcam.realtime_models.training.heads.hair import (
    BROWS,
    HAIRLINE,
    STYLES,
    Style,
    comb,
    styled,
)
from latentcam.realtime_models.training.heads.identity import (
    CURATED,
    FACTORS,
    Z_DIM,
    curated_z,
    identity_from_z,
)
from latentcam.realtime_models.training.heads.makehuman import Clothing, Obj

ASSETS = os.environ.get("LATENTCAM_MAKEHUMAN")


def expand(weights: dict[str, float]) -> dict[str, float]:
    out: dict[str, float] = {}
    for name, weight in weights.items():
        for side in ("Left", "Right") if "@" in name else ("",):
            out[name.replace("@", side)] = weight
    return out


def test_identity_is_a_function_of_z() -> None:
    z = np.random.default_rng(0).standard_normal(Z_DIM).astype(np.float32)
    first, second = identity_from_z(z), identity_from_z(z.copy())
    for name in type(first).__slots__:
        assert getattr(first, name) == getattr(second, name)
    with pytest.raises(ValueError, match="shape"):
        identity_from_z(z[:-1])


def test_identities_are_plausible() -> None:
    rng = np.random.default_rng(1)
    faces = [
        identity_from_z(rng.standard_normal(Z_DIM).astype(np.float32) * scale)
        for scale in (0.0, 1.0, 3.0)
        for _ in range(100)
    ]
    for face in faces:
        assert sum(face.races.values()) == pytest.approx(1)
        assert 0 <= min(face.targets.values()) and max(face.targets.values()) <= 1
        colours = np.array([face.skin_tone, face.hair_tint, face.clothes_tint])
        assert 0 < colours.min() and colours.max() < 1
    males = sum("_male" in face.skin for face in faces[100:])
    assert 70 < males < 130


def test_a_small_step_in_z_is_a_small_step_in_shape() -> None:
    rng = np.random.default_rng(2)
    z = rng.standard_normal(Z_DIM).astype(np.float32)
    step = (1e-3 * rng.standard_normal(Z_DIM)).astype(np.float32)
    before, after = identity_from_z(z).targets, identity_from_z(z + step).targets
    for name in {*before, *after}:
        assert before.get(name, 0) == pytest.approx(after.get(name, 0), abs=0.02)


@pytest.mark.parametrize("name", CURATED)
def test_curated_faces(name: str) -> None:
    z = curated_z(name)
    assert z.shape == (Z_DIM,) and z.dtype == np.float32
    assert np.array_equal(z, curated_z(name))
    assert set(CURATED[name].factors) <= set(FACTORS)
    assert all(0 < share < 1 for share in CURATED[name].factors.values())
    identity_from_z(z)


def test_there_are_twelve_curated_faces() -> None:
    assert len(CURATED) == 12


def test_every_face_has_one_hair_style() -> None:
    rng = np.random.default_rng(4)
    worn = {
        identity_from_z(rng.standard_normal(Z_DIM).astype(np.float32)).hair for _ in range(1000)
    }
    assert worn == set(STYLES)


def test_a_combed_fringe_leaves_eyes_and_brows_free() -> None:
    x, y = np.meshgrid(np.linspace(-0.9, 0.2, 30), np.linspace(6.6, 8.6, 60))
    points = np.stack([x, y, 1.6 - 0.6 * x**2], -1).reshape(-1, 3).astype(np.float32)
    combed = comb(points, 25.0)
    low, high = points[:, 1] < BROWS, points[:, 1] > HAIRLINE
    assert combed[low, 0].max() < -0.5 < points[low, 0].max()  # brows end at 0.6, eyes at 0.5
    np.testing.assert_allclose(combed[high], points[high], atol=1e-5)
    assert np.array_equal(combed[:, 1], points[:, 1])


def test_mirrored_hair_is_its_own_mirror_image() -> None:
    rng = np.random.default_rng(5)
    half = rng.uniform(0.1, 1, (8, 3))
    base = np.concatenate([half, half * [-1, 1, 1]]).astype(np.float32)
    quad = np.array([[0, 1, 2, 3]], np.int32)
    points = rng.standard_normal((4, 3)).astype(np.float32)
    mesh = Obj(points, points[:, :2], quad, quad, np.array([""]))
    weight = np.full((4, 3), 1 / 3, np.float32)
    index = rng.integers(0, 16, (4, 3)).astype(np.int32)
    hair = Clothing("", index, weight, points, ((0, 8, 0.5), None, None), np.zeros(0, np.int32))
    turned, worn = styled(Style("", mirrored=True), mesh, hair, base)
    np.testing.assert_allclose(worn.fit(base), hair.fit(base) * [-1, 1, 1], atol=1e-6)
    assert sorted(turned.faces[0]) == [0, 1, 2, 3]


def test_rest_is_sealed_and_straight() -> None:
    rest = expression_from_x(control({}))
    assert rest.units == expand({**REST_UNITS, **REST_LIDS, **SEAL_UNITS})
    assert rest.targets == {**REST_TARGETS, **SEAL_TARGETS}
    assert rest.head == (0, 0, 0) and rest.gaze == (0, 0)


def test_every_axis_but_those_of_pose_has_weights() -> None:
    pose = {axis.name for axis in FACE_AXES if axis.unit == "deg"}
    assert set(LINEAR) == set(AXES) - pose
    assert set(PARTS_LIPS) <= set(AXES)
    used = {name for axis in AXES for name in LINEAR.get(axis, ({}, {}))[1]}
    assert used <= set(TARGETS)


@pytest.mark.parametrize("axis", ["mouthSmile", "browInnerUp", "browOuterUp", "noseSneer"])
def test_free_axes_are_linear(axis: str) -> None:
    units, targets = LINEAR[axis]
    rest = expression_from_x(control({}))
    for value in (0.25, 0.5, 1.0):
        posed = expression_from_x(control({axis: value}))
        for name, weight in expand(dict(units)).items():
            assert posed.units[name] - rest.units.get(name, 0) == pytest.approx(value * weight)
        for name, weight in targets.items():
            assert posed.targets[name] - rest.targets.get(name, 0) == pytest.approx(value * weight)


def test_lips_part_with_the_jaw_and_close_against_it() -> None:
    seal = next(iter(SEAL_TARGETS))
    assert seal not in expression_from_x(control({"jawOpen": 0.5})).targets
    closed = expression_from_x(control({"jawOpen": 0.3, "mouthClose": 1.0}))
    assert closed.targets[seal] > SEAL_TARGETS[seal]


def test_angles_pass_through_and_are_clamped() -> None:
    posed = expression_from_x(control({"headYaw": 10, "headPitch": -5, "headRoll": 99}))
    assert posed.head == (10, -5, 18)
    assert expression_from_x(control({"gazeYaw": -12, "gazePitch": 6})).gaze == (-12, 6)


@pytest.mark.parametrize("name", VISEMES)
def test_visemes_lie_on_the_axes(name: str) -> None:
    for axis, value in VISEMES[name].items():
        assert FACE_AXES[AXES[axis]].low <= value <= FACE_AXES[AXES[axis]].high


def test_sampled_controls_cover_their_ranges() -> None:
    rng = np.random.default_rng(3)
    xs = np.stack([sample_x(rng) for _ in range(4000)])
    assert xs.dtype == np.float32
    for i, axis in enumerate(FACE_AXES):
        assert axis.low <= xs[:, i].min() and xs[:, i].max() == axis.high
    closed, blink = xs[:, AXES["mouthClose"]], xs[:, AXES["eyeBlink"]]
    assert np.mean(closed > 0.4) > 0.05
    assert np.mean(blink == 1) > 0.05
    assert np.mean(np.count_nonzero(xs, axis=1) == 0) > 0.02
    again = np.random.default_rng(3)
    assert np.array_equal(xs[0], sample_x(again))


def test_some_heads_are_turned_far() -> None:
    rng, yaw = np.random.default_rng(3), AXES["headYaw"]
    seldom = np.stack([sample_x(rng) for _ in range(2000)])
    often = np.stack([sample_x(rng, turned_share=0.5) for _ in range(2000)])
    far = 0.5 * FACE_AXES[yaw].high
    assert np.mean(abs(seldom[:, yaw]) > far) < 0.12
    assert 0.25 < np.mean(abs(often[:, yaw]) > far) < 0.4
    assert np.mean(np.count_nonzero(np.delete(often, yaw, axis=1), axis=1) == 0) > 0.02


def test_pictures_can_sweep_chosen_axes_alone() -> None:
    rng, names = np.random.default_rng(3), ("mouthStretch", "jawOpen")
    xs = np.stack([sample_x(rng, swept=names) for _ in range(400)])
    moved = {name for name, i in AXES.items() if xs[:, i].any()}
    assert moved == {*names, "headYaw", "headPitch", "headRoll"}
    both = xs[:, [AXES[name] for name in names]]
    assert np.all(np.count_nonzero(both, axis=1) == 1)
    assert np.all(both.max(0) == 1) and np.all(np.count_nonzero(both, axis=0) > 150)


def test_the_sheet_of_axes_has_a_row_for_each_on_several_faces() -> None:
    sheet = pytest.importorskip(
        "latentcam.realtime_models.training.heads.sheet", reason="needs [train]"
    )
    cells, columns = list(sheet.axes()), sheet.COLUMNS["axes"]
    assert len(cells) % columns == 0
    rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    for i, (axis, row) in enumerate(zip(FACE_AXES, rows, strict=False)):
        assert len({face.skin_tone for _, face, _ in row}) == 4
        moved = [float(x[i]) for _, _, x in row]
        assert max(moved) == axis.high and min(moved) == (axis.low or axis.high / 2)
        for label, _, x in row:
            assert axis.name in label and not np.delete(x, i).any()


@pytest.mark.skipif(ASSETS is None, reason="LATENTCAM_MAKEHUMAN names no folder of assets")
def test_a_picture_is_a_function_of_z_and_x() -> None:
    renderer_module = pytest.importorskip("latentcam.realtime_models.training.heads.renderer")
    renderer = renderer_module.HeadRenderer(Path(ASSETS or ""), 64)
    face = identity_from_z(curated_z(next(iter(CURATED))))
    rest = renderer.render(face, control({}))
    assert rest.shape == (64, 64, 3) and rest.dtype == np.uint8
    talking = renderer.render(face, control({"jawOpen": 1.0}))
    assert np.array_equal(rest, renderer.render(face, control({})))
    assert not np.array_equal(rest, talking)


def test_missing_assets_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from latentcam.realtime_models.training.heads import render

    options = ["render", "--assets", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", options)
    assert render.main() == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()
