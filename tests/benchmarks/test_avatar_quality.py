"""The yardsticks of benchmarks.avatar_quality, on pictures and faces whose answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from latentcam.benchmarks.tools.machine_card import as_json
from latentcam.realtime_models.arrays import Control, Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder
from latentcam.realtime_models.training.face_tracker import CHIN, FOREHEAD, FaceTracker, TrackedFace

quality = pytest.importorskip(
    "latentcam.benchmarks.avatar_quality", reason="needs the extra [train]"
)


def face(angle: float = 0.0, axis: str = "yaw", aperture: float = 20.0) -> TrackedFace:
    """A flat oval of landmarks 200 pixels high, its lips apart, turned by degrees."""
    rng = np.random.default_rng(5)
    points = np.column_stack([rng.uniform(-60, 60, 478), rng.uniform(-90, 90, 478), np.zeros(478)])
    points[FOREHEAD], points[CHIN] = (0, -100, 0), (0, 100, 0)
    points[13], points[14] = (0, 50, 0), (0, 50 + aperture, 0)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    pose = np.eye(4)
    turned = {
        "yaw": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "pitch": [[1, 0, 0], [0, c, s], [0, -s, c]],
        "roll": [[c, s, 0], [-s, c, 0], [0, 0, 1]],
    }
    pose[:3, :3] = turned[axis]
    flip = np.array([1.0, -1.0, -1.0])
    return TrackedFace((points * flip) @ pose[:3, :3].T * flip + 128, {}, pose)


@pytest.mark.parametrize("axis", ["yaw", "pitch", "roll"])
def test_angles_and_geometry_of_a_turned_face(axis: str) -> None:
    turned = face(12.0, axis)
    assert turned.angles[["yaw", "pitch", "roll"].index(axis)] == pytest.approx(12.0)
    picture = np.full((256, 256, 3), 128, np.uint8)
    at_rest, moved = (quality.descriptor(picture, f) for f in (face(), turned))
    np.testing.assert_allclose(at_rest, moved, atol=1e-9)


def test_aperture_is_a_share_of_the_height_of_the_face() -> None:
    assert face(aperture=20.0).aperture == pytest.approx(0.1)
    assert face(30.0, "roll", aperture=20.0).aperture == pytest.approx(0.1)


def test_colours_are_part_of_the_descriptor() -> None:
    grey, red = np.full((256, 256, 3), 128, np.uint8), np.full((256, 256, 3), 128, np.uint8)
    red[..., 0] = 200
    assert np.abs(quality.descriptor(grey, face()) - quality.descriptor(red, face())).max() > 10


def test_acd_is_the_mean_distance_of_all_pairs() -> None:
    assert quality.acd(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])) == pytest.approx(10 / 3)


def test_detail_and_flicker() -> None:
    rng = np.random.default_rng(0)
    sharp = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    soft = np.full_like(sharp, 100)
    whole = (0.0, 1.0, 0.0, 1.0)
    assert quality.laplacian_variance(soft, whole) == 0 < quality.laplacian_variance(sharp, whole)
    steady = [np.full((8, 8, 3), 10 * i, np.uint8) for i in range(5)]
    assert quality.frame_change(steady) == 0
    assert quality.frame_change([steady[0], steady[1]] * 3) == pytest.approx(20)


class Dimmed:
    """A bench whose avatar shows noise, 10 levels darker than it was rendered."""

    names = ("Ada", "Bo")

    def __init__(self) -> None:
        self.xs: list[Control] = []

    def rendered(self, name: str, x: Control) -> Rgb:
        self.xs.append(x)
        return self.shown(name, x) + np.uint8(10)

    def shown(self, name: str, x: Control) -> Rgb:
        rng = np.random.default_rng(len(self.xs))
        return rng.integers(0, 246, (64, 64, 3), dtype=np.uint8)


def test_turned_heads_are_measured_beside_the_others(tmp_path: Path) -> None:
    bench, turned = Dimmed(), Dimmed()
    found = quality.held_out(bench, 40, tmp_path / "held_out.png")
    assert found["mouth"]["n"] == 80 and found["eyes"]["laplacian_ratio"] == 1
    assert found["whole"]["psnr_db"] == pytest.approx(20 * np.log10(25.5), abs=0.01)
    rng = np.random.default_rng(quality.HELD_OUT_SEED)
    np.testing.assert_array_equal(bench.xs, [quality.sample_x(rng) for _ in range(80)])
    quality.held_out(turned, 40, tmp_path / "turned.png", turned_share=1.0)
    yaw = [axis.name for axis in FACE_AXES].index("headYaw")
    far = [
        np.mean([abs(x[yaw]) > 0.5 * FACE_AXES[yaw].high for x in b.xs]) for b in (bench, turned)
    ]
    assert far[0] < 0.2 < 0.35 < far[1] < 0.65
    assert {path.name for path in tmp_path.iterdir()} == {"held_out.png", "turned.png"}


class Blind:
    """A tracker that finds no face."""

    def track(self, picture: Rgb) -> TrackedFace | None:
        return None


def test_a_lost_face_is_null_in_the_figures(tiny_pack: AvatarPack, tmp_path: Path) -> None:
    avatar = Avatar(tiny_pack, OpenVinoDecoder(tiny_pack))
    bench = quality.Bench(tiny_pack, avatar, None, Blind())
    table = json.loads(as_json(quality.obedience(bench, tmp_path)))
    assert set(table) == {"Ada", "Bo"}
    for row in table.values():
        assert row["rest_aperture"] is None and row["jawOpen"] is None
        assert row["lost"] == quality.SWEEP * len(quality.OBEYED)


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe", reason="needs the extra [track]")
    with pytest.raises(FileNotFoundError, match=r"expected MediaPipe's face_landmarker\.task"):
        FaceTracker(tmp_path / "none.task")
