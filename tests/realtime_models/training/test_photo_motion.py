"""A photograph goes where the network's textures flow, its lips where the network's lips go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training stack is not installed")
pytest.importorskip("cv2", reason="the training stack is not installed")

from latentcam.realtime_models.avatar_pack import AvatarPack  # noqa: E402
from latentcam.realtime_models.training.enrol import motion_field  # noqa: E402
from latentcam.realtime_models.training.enrol.inner_mouth import InnerMouths  # noqa: E402
from latentcam.realtime_models.training.enrol.motion_field import Moved  # noqa: E402
from latentcam.realtime_models.training.enrol.network import Teacher  # noqa: E402
from latentcam.realtime_models.training.enrol.photo_motion import PhotoMotion  # noqa: E402
from latentcam.realtime_models.training.generator.losses import levels  # noqa: E402
from tests.drawn_face import tracking  # noqa: E402


def motion_of(pack: AvatarPack, mouths: InnerMouths | None = None) -> PhotoMotion:
    teacher = Teacher(pack)
    known = tracking([axis.name for axis in pack.card.axes])
    return PhotoMotion(teacher, teacher.anchors[0], known, mouths)


def picture_of(motion: PhotoMotion, x: Any) -> motion_field.Levels:
    ws = motion.teacher.latents(motion.anchor[None], x)
    return np.ascontiguousarray(levels(motion.teacher.pictures(ws))[0])


def test_where_it_is_already_it_stays(worn_pack: AvatarPack) -> None:
    motion = motion_of(worn_pack)
    x = motion.teacher.random_x(1, np.random.default_rng(0))
    photo = picture_of(motion, x)
    (made,) = motion.move([photo], x, x)
    sure = made.sure > 0.9
    assert sure.any() and np.abs(made.picture[sure].astype(int) - photo[sure]).mean() < 12


def test_lips_go_along_the_optical_flow_and_all_else_with_the_textures(
    worn_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion = motion_of(worn_pack)
    side = worn_pack.card.generator.resolution
    ones = np.ones((side, side), np.float32)
    nine, five = (np.full((side, side, 4), level, np.uint8) for level in (9, 5))
    monkeypatch.setattr(motion_field, "moved", lambda *given: Moved(nine, ones))
    monkeypatch.setattr(motion_field, "flowed", lambda *given: Moved(five, 0 * ones))
    x = torch.zeros(2, len(worn_pack.card.axes))
    found = motion.move([five, five], x, x)
    mouth = (motion.tracking.mouth * side).astype(int)
    for made in found:
        assert (made.picture[mouth[1], mouth[0]] == 9).all() and made.sure[mouth[1], mouth[0]] == 1
        assert (made.picture[0, 0] == 5).all() and made.sure[0, 0] == 0


def test_a_network_without_flow_goes_by_the_optical_one(
    clear_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion = motion_of(clear_pack)
    x = motion.teacher.random_x(2, np.random.default_rng(1))
    photo = picture_of(motion, x[:1])
    told = Moved(photo, np.ones(photo.shape[:2], np.float32))
    monkeypatch.setattr(motion_field, "moved", lambda *given: told)
    assert motion.move([photo], x[:1], x[1:]) == [told]


def test_mouths_are_lent_last(worn_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = motion_of(worn_pack)
    mouths = InnerMouths(plain.teacher, plain.anchor, lambda picture: [])
    asked = []

    def lend(self: InnerMouths, made: Moved, drawn: motion_field.Levels, x: Any) -> Moved:
        asked.append(x)
        return Moved(made.picture, made.sure * 0 + 0.5)

    monkeypatch.setattr(InnerMouths, "lend", lend)
    x = plain.teacher.random_x(2, np.random.default_rng(2))
    photo = picture_of(plain, x[:1])
    (made,) = motion_of(worn_pack, mouths).move([photo], x[:1], x[1:])
    assert (made.sure == 0.5).all()
    torch.testing.assert_close(torch.stack(asked), x[1:])


def test_what_flows_is_moved_by_the_difference_of_two_flows() -> None:
    """Both textures' pixels come from elsewhere; only what changed between them moves it."""
    rng = np.random.default_rng(3)
    photo = rng.integers(0, 255, (32, 32, 3)).astype(np.uint8)
    here, there = np.zeros((2, 32, 32, 2), np.float32)
    here[..., 0], there[..., 0] = 2.0, 5.0
    covered = np.ones((32, 32), np.float32)
    made = motion_field.flowed(photo, here, there, photo, covered)
    np.testing.assert_array_equal(made.picture[:, :26], photo[:, 3:29])
    hidden = motion_field.flowed(photo, here, there, np.full_like(photo, 50), 0 * covered)
    assert hidden.picture.std() < 20, "what is not covered is the network's own"
