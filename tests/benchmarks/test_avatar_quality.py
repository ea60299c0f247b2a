"""The yardsticks of benchmarks.avatar_quality, on pictures and faces whose answer is known."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from latentcam.benchmarks.tools import likeness, obedience, pictures
from latentcam.benchmarks.tools.machine_card import as_json
from latentcam.benchmarks.tools.renders import Render, read_renders
from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.arrays import Control, Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder
from latentcam.realtime_models.face_tracker import CHIN, FOREHEAD, FaceTracker, TrackedFace
from latentcam.realtime_models.training.emotion_judge import EmotionJudge
from latentcam.realtime_models.training.identity_judge import IdentityJudge
from tests.voice import speech

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
def test_angles_of_a_turned_face(axis: str) -> None:
    assert face(12.0, axis).angles[["yaw", "pitch", "roll"].index(axis)] == pytest.approx(12.0)


def test_aperture_is_a_share_of_the_height_of_the_face() -> None:
    assert face(aperture=20.0).aperture == pytest.approx(0.1)
    assert face(30.0, "roll", aperture=20.0).aperture == pytest.approx(0.1)


def renders(folder: Path, darker: int) -> list[Render]:
    """Ada's and Bo's noise, some of it transparent, and darker by so many levels."""
    (folder / "factors").mkdir(parents=True)
    for group, name in enumerate(("Ada", "", "Bo")):
        rng = np.random.default_rng(group)
        pictures = []
        for number in range(2 * group, 2 * group + 2):
            picture = rng.integers(20, 256, (64, 64, 4), dtype=np.uint8)
            picture[..., 3] = 255
            picture[:8, :, 3] = 0
            picture[..., :3] -= np.uint8(darker)
            pictures.append(f"{number:06d}.png")
            Image.fromarray(picture).save(folder / pictures[-1])
        factors = {"pictures": pictures, "name": name, "xs": [[0.0] * len(FACE_AXES)] * 2}
        (folder / "factors" / f"{group:05d}.json").write_text(json.dumps(factors))
    return read_renders(folder)


class Mirror:
    """Shows for every name and turn of the head a picture that it was given."""

    names = ("Ada", "Bo")

    def __init__(self, given: list[Render]) -> None:
        self.given = given

    def shown(self, name: str, x: Control) -> Rgb:
        return self.given.pop(0).picture(64)


def test_renders_are_read_without_the_sampled(tmp_path: Path) -> None:
    found = renders(tmp_path, 0)
    assert [render.name for render in found] == ["Ada", "Ada", "Bo", "Bo"]
    assert found[0].picture(64).shape == (64, 64, 4) and found[0].picture(32).shape == (32, 32, 4)
    assert found[0].picture(64)[:8].max() == 0  # colours are multiplied by alpha


def test_no_renders_and_other_factors_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no renders of named people"):
        read_renders(tmp_path)
    found = renders(tmp_path / "other", 0)
    path = next((tmp_path / "other" / "factors").iterdir())
    path.write_text(json.dumps({"pictures": [found[0].path.name], "name": "Ada", "xs": [[0.0]]}))
    with pytest.raises(ValueError, match="1 factors, expected 24"):
        read_renders(tmp_path / "other")


def test_fidelity_to_held_out_renders(tmp_path: Path) -> None:
    real, darker = renders(tmp_path / "a", 0), renders(tmp_path / "b", 10)
    found = quality.held_out(Mirror(list(darker)), real, tmp_path / "held_out.png")
    assert found["mouth"]["n"] == 4 and found["eyes"]["laplacian_ratio"] == 1
    assert found["mouth"]["psnr_db"] == pytest.approx(20 * np.log10(25.5), abs=0.01)
    assert set(found["by_name"]) == {"Ada", "Bo"}
    assert (tmp_path / "held_out.png").exists()
    same = quality.outline(Mirror(list(real)), real)
    assert same["alpha_error_levels"] == 0 and same["green_psnr_db"] > 100


def test_a_clip_that_flickers_more_than_its_renders(tmp_path: Path) -> None:
    real = renders(tmp_path, 0)
    steady = [real[0]] * 4
    found = quality.beside_renders(Mirror([real[0], real[1]] * 2), [real[0], real[1], *steady][:4])
    assert found["frames"] == 4 and found["ratio"] > 1


def test_before_a_wall_there_is_no_halo() -> None:
    """An edge lies between what is on both of its sides, whatever the wall."""
    alpha = np.linspace(0, 255, 52).round().astype(np.uint8)
    hair = np.array([40, 30, 20])
    picture = np.concatenate(
        [(hair * (alpha[:, None] / 255)).round().astype(np.uint8), alpha[:, None]], axis=1
    )[None]
    for wall in quality.WALLS.values():
        shown = composite(picture, wall).astype(int)[0]
        for channel in range(3):
            low, high = sorted((hair[channel], wall[channel]))
            assert low - 1 <= shown[:, channel].min() and shown[:, channel].max() <= high + 1


def test_edge_band() -> None:
    alpha = np.zeros((20, 20), np.uint8)
    alpha[:, 10:] = 255
    alpha[:, 9] = 120
    band = pictures.edge_band(alpha)
    assert band[5, 7:12].all() and not band[5, :7].any() and not band[5, 12:].any()


def test_acd_is_the_mean_distance_of_all_pairs() -> None:
    three = [np.array([0.0, 0.0]), np.array([3.0, 4.0]), np.array([0.0, 0.0])]
    assert likeness.acd(three) == pytest.approx(10 / 3)
    assert np.isnan(likeness.acd(three[:1]))


def test_the_cast_and_who_is_too_near() -> None:
    ada, bo = np.zeros(128), np.full(128, 0.9 / np.sqrt(128))
    found = likeness.cast_distances({"Ada": ada, "Bo": bo, "Cy": bo * 0.9, "Di": None})
    assert found["not_found"] == ["Di"] and found["nearest"] == pytest.approx(0.09)
    assert found["too_near"] == {"Bo Cy": pytest.approx(0.09)}


def test_detail_and_flicker() -> None:
    rng = np.random.default_rng(0)
    sharp = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    soft = np.full_like(sharp, 100)
    whole = (0.0, 1.0, 0.0, 1.0)
    assert pictures.laplacian_variance(soft, whole) == 0
    assert pictures.laplacian_variance(sharp, whole) > 0
    steady = [np.full((8, 8, 3), 10 * i, np.uint8) for i in range(5)]
    assert pictures.frame_change(steady) == 0
    assert pictures.frame_change([steady[0], steady[1]] * 3) == pytest.approx(20)


class Blind:
    """Finds no face: a tracker, and a judge."""

    def track(self, picture: Rgb) -> TrackedFace | None:
        return None

    def describe(self, picture: Rgb) -> None:
        return None


def test_a_lost_face_is_null_in_the_figures(tiny_pack: AvatarPack) -> None:
    avatar = Avatar(tiny_pack, OpenVinoDecoder(tiny_pack))
    row, strips = obedience.obedience(avatar, cast(FaceTracker, Blind()), "Ada")
    row = json.loads(as_json(row))
    assert row["rest_aperture"] is None and row["jawOpen"] is None
    assert row["lost"] == obedience.SWEEP * len(obedience.OBEYED)
    assert all(len(strip) == 6 for strip in strips.values())
    moved = likeness.leakage(
        avatar, cast(IdentityJudge, Blind()), "Ada", np.zeros(128), quality.LEAKY
    )
    assert json.loads(as_json(moved)) == dict.fromkeys(quality.LEAKY)


def in_moods(pack: AvatarPack) -> dict[str, list[Control]]:
    """At rest, and with one of two axes that stand for moods."""
    axes = [axis.name for axis in pack.card.axes]
    found = {"": [np.zeros(len(axes), np.float32)] * 5}
    for name in ("jawOpen", "browDown"):
        x = np.zeros(len(axes), np.float32)
        x[axes.index(name)] = quality.STRENGTH
        found[name] = [x] * 5
    return found


def test_moods_move_the_mouth_that_speaks(tiny_pack: AvatarPack, tmp_path: Path) -> None:
    bench = quality.Face(tiny_pack, Avatar(tiny_pack, OpenVinoDecoder(tiny_pack)))
    found = quality.moods(bench, in_moods(tiny_pack), tmp_path / "moods.png")
    assert set(found) == {"jawOpen", "browDown"} and found["jawOpen"]["mouth_levels"] > 0
    assert (tmp_path / "moods.png").exists()


def test_moods_are_felt_at_the_same_moments(tmp_path: Path) -> None:
    """Of the default pack, which has moods: they differ in the mood's axis from the start on."""
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.int16(32767 * speech(2.0)).tobytes())
    pack = load_pack("studio")
    felt = quality.moments(pack, [path])
    axes = [axis.name for axis in pack.card.axes]
    assert set(felt) == {"", *quality.EMOTIONS}
    for mood in quality.EMOTIONS:
        change = np.array(felt[mood]) - np.array(felt[""])
        assert len(change) == quality.SPOKEN
        assert (change[:, axes.index(mood)] > 0.9 * quality.STRENGTH).all()
        assert not change[:, axes.index("headYaw")].any()


class Brightness:
    """Stands for a judge that sees how bright a picture is."""

    def describe(self, picture: Rgb, marks: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.full(7, picture.astype(float).mean())


class Always:
    """Finds a face in every picture."""

    def track(self, picture: Rgb) -> TrackedFace:
        return face()


def test_moods_are_named_of_every_face(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is brighter than without is called one mood, what is darker another."""
    monkeypatch.setattr(
        quality, "named",
        lambda felt, neutral: "jawOpen" if felt.mean() > neutral.mean() else "browDown",
    )  # fmt: skip
    bench = quality.Face(tiny_pack, Avatar(tiny_pack, OpenVinoDecoder(tiny_pack)))
    felt = in_moods(tiny_pack)
    found = quality.moods_named(
        bench, felt, cast(FaceTracker, Always()), cast(EmotionJudge, Brightness())
    )

    def bright(name: str, mood: str) -> float:
        return float(composite(bench.shown(name, felt[mood][0])).astype(float).mean())

    for name in bench.names:
        wanted = np.mean(
            [
                (bright(name, mood) > bright(name, "")) == (mood == "jawOpen")
                for mood in ("jawOpen", "browDown")
            ]
        )
        assert found["faces"][name] == pytest.approx(wanted, abs=1e-3)
    assert set(found["moods"]) == {"jawOpen", "browDown"}


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe", reason="needs the extra [track]")
    with pytest.raises(FileNotFoundError, match=r"expected MediaPipe's face_landmarker\.task"):
        FaceTracker(tmp_path / "none.task")
