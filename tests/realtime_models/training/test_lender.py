"""The face of a pack that is most like a person lends them its motion, and gets their colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="the training stack is not installed")
pytest.importorskip("cv2", reason="the training stack is not installed")

from latentcam.realtime_models.avatar_pack import AvatarPack  # noqa: E402
from latentcam.realtime_models.face_tracker import TrackedFace  # noqa: E402
from latentcam.realtime_models.training.enrol import lender as module  # noqa: E402
from latentcam.realtime_models.training.enrol import pivot  # noqa: E402
from latentcam.realtime_models.training.enrol.lender import GAIN, lender  # noqa: E402
from latentcam.realtime_models.training.enrol.motion_field import Levels  # noqa: E402
from latentcam.realtime_models.training.enrol.network import Student, Teacher, tint  # noqa: E402
from latentcam.realtime_models.training.enrol.person import Person, calmest  # noqa: E402
from tests.drawn_face import tracking  # noqa: E402

SIDE = 64
DIM, FAIR = 60, 180


def head(level: int, wide: int, number: int) -> Levels:
    """A square head of one level on nothing; its number, in a corner, is what the tracker sees."""
    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    picture[8:56, 32 - wide : 32 + wide] = (level, level, level, 255)
    picture[0, number] = 255
    return picture


def person(photo: Levels) -> Person:
    images = torch.from_numpy(photo).permute(2, 0, 1)[None].contiguous()
    known = torch.full((1, 1, SIDE // 4, SIDE // 4), 255, dtype=torch.uint8)
    return Person(images, known, torch.zeros(1, 24), torch.zeros(1, dtype=torch.int64))


class Faces:
    """Two faces of a pack, drawn as told, and where the tracker sees features in them."""

    def __init__(self, pack: AvatarPack, drawn: list[Levels], patch: pytest.MonkeyPatch) -> None:
        self.teacher = Teacher(pack)
        pictures = torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float() / 127.5 - 1
        patch.setattr(self.teacher, "pictures", lambda ws, stop=None: pictures)
        self.known = tracking([axis.name for axis in pack.card.axes])
        self.shift: dict[int, float] = {}
        self.lost: set[int] = set()

    def track(self, picture: Levels) -> list[TrackedFace]:
        number = int(picture[0].astype(int).sum(axis=1).argmax())
        if number in self.lost:
            return []
        rng = np.random.default_rng(1)
        points = np.zeros((478, 3))
        points[:, :2] = rng.uniform(20, 44, (478, 2))
        points[module.SKIN, :2] = (32, 32)
        points[:400, 0] += self.shift.get(number, 0.0) * (np.arange(400) % 2)
        points[10, :2], points[152, :2] = (32, 10), (32, 54)
        return [TrackedFace(points, {}, np.eye(4))]

    def lend(self, photo: Levels) -> module.Lender:
        return lender(self.teacher, self.known, person(photo), 0, self.track)


@pytest.mark.parametrize(("level", "like"), [(FAIR - 8, 0), (DIM + 8, 1)])
def test_the_one_with_the_colour_of_the_skin(
    level: int, like: int, clear_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = Faces(clear_pack, [head(FAIR, 16, 0), head(DIM, 16, 1)], monkeypatch)
    found = faces.lend(head(level, 16, 2))
    torch.testing.assert_close(found.anchor, faces.teacher.anchors[like])
    expected = level / (FAIR, DIM)[like]
    torch.testing.assert_close(found.gain, torch.full((3,), expected), rtol=0.02, atol=0)


def test_the_one_with_the_shape_of_the_face(
    clear_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = Faces(clear_pack, [head(FAIR, 16, 0), head(FAIR, 16, 1)], monkeypatch)
    faces.shift = {0: 4.0, 1: 1.0}
    found = faces.lend(head(FAIR, 16, 2))
    torch.testing.assert_close(found.anchor, faces.teacher.anchors[1])


def test_the_one_with_the_outline(clear_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = Faces(clear_pack, [head(FAIR, 8, 0), head(FAIR, 20, 1)], monkeypatch)
    found = faces.lend(head(FAIR, 22, 2))
    torch.testing.assert_close(found.anchor, faces.teacher.anchors[1])


def test_a_face_that_the_tracker_loses_lends_nothing(
    clear_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = Faces(clear_pack, [head(FAIR, 16, 0), head(DIM, 16, 1)], monkeypatch)
    faces.lost = {0}
    found = faces.lend(head(FAIR, 16, 2))
    torch.testing.assert_close(found.anchor, faces.teacher.anchors[1])
    torch.testing.assert_close(found.gain, torch.full((3,), min(GAIN[1], FAIR / DIM)))


@pytest.mark.parametrize("lost", [{2}, {0, 1}])
def test_where_no_face_is_found_pictures_are_compared(
    lost: set[int], clear_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = Faces(clear_pack, [head(FAIR, 16, 0), head(DIM, 16, 1)], monkeypatch)
    faces.lost = lost
    monkeypatch.setattr(pivot, "begin", lambda *given: faces.teacher.anchors[1])
    found = faces.lend(head(FAIR, 16, 2))
    torch.testing.assert_close(found.anchor, faces.teacher.anchors[1])
    assert found.gain.tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", ["tiny_pack", "clear_pack", "worn_pack"])
def test_a_tinted_network_draws_the_same_in_other_colours(
    name: str, request: pytest.FixtureRequest
) -> None:
    teacher = Teacher(request.getfixturevalue(name))
    gain = torch.tensor([0.5, 1.25, 2.0])
    ws = teacher.latents(teacher.anchors, torch.zeros(2, teacher.basis.shape[-1]))
    tinted = Student(teacher, teacher.anchors[0], None, gain).synthesis
    for size in teacher.card.generator.picture_sizes:
        with torch.no_grad():
            before, after = teacher.synthesis.draw(ws, size), tinted.draw(ws, size)
        wanted = (before.picture[:, :3] + 1) * gain[:, None, None] - 1
        torch.testing.assert_close(after.picture[:, :3], wanted, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(after.picture[:, 3:], before.picture[:, 3:])
        if before.visible is not None:
            torch.testing.assert_close(after.visible, before.visible)
            torch.testing.assert_close(after.flow, before.flow)


def test_tinting_leaves_the_teacher_alone(clear_pack: AvatarPack) -> None:
    teacher = Teacher(clear_pack)
    kept = {name: value.clone() for name, value in teacher.synthesis.state_dict().items()}
    student = Student(teacher, teacher.anchors[0], None, torch.tensor([0.5, 0.5, 0.5]))
    tint(student.synthesis, torch.tensor([2.0, 2.0, 2.0]))
    for name, value in teacher.synthesis.state_dict().items():
        torch.testing.assert_close(value, kept[name])
        torch.testing.assert_close(student.synthesis.state_dict()[name], kept[name])


def test_the_calmest_photo_has_its_lips_together_and_looks_ahead() -> None:
    names = ["headYaw", "jawOpen", "mouthSmile"]
    x = np.array([[0.4, 0, 0], [0, 0.3, 0], [0, 0, 0.5], [0, 0, 0.2]], np.float32)
    assert calmest(x, np.zeros(4), names) == 3
    assert calmest(x, np.array([0, 0, 0, 0.05]), names) == 2
