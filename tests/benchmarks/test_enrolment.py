"""What the figures of an enrolled face say, on pictures whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from latentcam.benchmarks.avatar_quality import Face
from latentcam.benchmarks.enrolment import (
    POSES,
    alike,
    apart,
    flicker,
    identity,
    pictures,
    posed,
    regions,
    write_index,
)
from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.eager import EagerDecoder
from latentcam.realtime_models.training.enrol.network import Teacher
from latentcam.realtime_models.training.enrol.person import Person
from latentcam.realtime_models.training.generator.losses import levels
from latentcam.realtime_models.training.identity_judge import Descriptor
from tests.drawn_face import tracking


@pytest.fixture(scope="module")
def face(clear_pack: AvatarPack) -> Face:
    return Face(clear_pack, Avatar(clear_pack, EagerDecoder(clear_pack)))


def itself(pack: AvatarPack, count: int = 6) -> Person:
    """The pack's first face, as if it had been filmed, in two takes."""
    teacher = Teacher(pack)
    x = teacher.random_x(count, np.random.default_rng(0))
    drawn = teacher.pictures(teacher.latents(teacher.anchors[:1].expand(count, -1, -1), x))
    images = torch.from_numpy(levels(drawn)).permute(0, 3, 1, 2).contiguous()
    images[:, :3] = torch.minimum(images[:, :3], images[:, 3:])
    known = torch.full((count, 1, 16, 16), 255, dtype=torch.uint8)
    return Person(images, known, x, torch.arange(count) // 3)


def test_a_face_that_is_the_person_is_as_good_as_it_can_be(face: Face) -> None:
    """The axes of a picture reach the avatar in their own units."""
    person = itself(face.pack)
    real, fake = pictures(person, face)
    for box in regions(tracking([axis.name for axis in face.pack.card.axes])).values():
        found = alike(real, fake, box)
        assert found["psnr_db"] > 38 and found["ssim"] > 0.98
        assert found["laplacian_ratio"] == pytest.approx(1, abs=0.1)
    assert flicker(person, real, fake)["ratio"] == pytest.approx(1, abs=0.1)


def test_a_photo_does_not_flicker(face: Face) -> None:
    person = itself(face.pack, 2)
    real, fake = pictures(person, face)
    assert flicker(person, real, fake) == {}


class ByColour:
    """A judge to whom a face is its mean colour; it sees none in a black picture."""

    def describe(self, rgb: Rgb) -> Descriptor | None:
        return rgb.mean(axis=(0, 1)) / 255 if rgb.any() else None


def test_identity_is_the_distance_to_the_persons_own_pictures(face: Face) -> None:
    real = [np.full((8, 8, 3), level, np.uint8) for level in (100, 110)]
    fake = [np.full((8, 8, 3), level, np.uint8) for level in (120, 0)]
    found = identity(ByColour(), face, real, fake, [])  # type: ignore[arg-type]
    assert found["real_to_real"] == pytest.approx(10 / 255 * 3**0.5, abs=1e-3)
    assert found["talking"] == pytest.approx(15 / 255 * 3**0.5, abs=1e-3)
    assert set(POSES) <= set(found)
    assert np.isnan(apart([], [np.zeros(3)]))


def test_poses_differ_and_the_report_shows_them(face: Face, tmp_path: Path) -> None:
    shown = [posed(face, pose) for pose in POSES.values()]
    assert len({picture.tobytes() for picture in shown}) == len(POSES)
    write_index(tmp_path, {"face": {"psnr_db": 27.0}}, {"cpu": "one"})
    assert "27.0" in (tmp_path / "index.html").read_text()
