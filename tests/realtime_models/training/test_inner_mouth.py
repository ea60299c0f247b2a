"""What is between another face's lips comes between these lips, in the light that is here."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training stack is not installed")
pytest.importorskip("cv2", reason="the training stack is not installed")

from latentcam.realtime_models.avatar_pack import AvatarPack  # noqa: E402
from latentcam.realtime_models.face_tracker import CHIN, FOREHEAD, TrackedFace  # noqa: E402
from latentcam.realtime_models.training.enrol import inner_mouth  # noqa: E402
from latentcam.realtime_models.training.enrol.inner_mouth import (  # noqa: E402
    CHEEKS,
    INNER_LIPS,
    InnerMouths,
)
from latentcam.realtime_models.training.enrol.motion_field import Levels, Moved  # noqa: E402
from latentcam.realtime_models.training.enrol.network import Teacher  # noqa: E402

SIDE = 64
NOTHING = torch.zeros(0)


def face(x: float, y: float, wide: float, high: float) -> TrackedFace:
    """With a mouth around a place, and cheeks above it."""
    points = np.zeros((478, 3))
    turn = np.linspace(np.pi, -np.pi, len(INNER_LIPS), endpoint=False)
    points[list(INNER_LIPS), 0] = x + wide * np.cos(turn)
    points[list(INNER_LIPS), 1] = y - high * np.sin(turn)
    points[13, :2], points[14, :2] = (x, y - high), (x, y + high)
    points[list(CHEEKS), :2] = (x, y - 16)
    points[FOREHEAD, :2], points[CHIN, :2] = (x, 4), (x, 60)
    return TrackedFace(points, {}, np.eye(4))


def painted(skin: int, mouth: tuple[int, int], inside: int) -> Levels:
    """Opaque skin of one level, with a bright patch of another between the lips."""
    picture = np.full((SIDE, SIDE, 4), skin, np.uint8)
    picture[..., 3] = 255
    x, y = mouth
    picture[y - 4 : y + 4, x - 8 : x + 8, :3] = inside
    return picture


@pytest.fixture
def lenders(clear_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch) -> InnerMouths:
    """The lender has a mouth at (30, 40), brightly lit skin, and 200 between the lips; what is
    drawn here has one at (34, 44), half as large."""
    teacher = Teacher(clear_pack)
    lent = torch.from_numpy(painted(200, (30, 40), 180)).permute(2, 0, 1)[None].float() / 127.5 - 1
    monkeypatch.setattr(teacher, "pictures", lambda ws: lent)
    monkeypatch.setattr(teacher, "latents", lambda anchors, x: anchors)
    faces = {180: face(30, 40, 8, 4), 0: face(34, 44, 4, 2)}

    def track(picture: Levels) -> list[TrackedFace]:
        return [faces[180 if (picture == 180).any() else 0]]

    return InnerMouths(teacher, teacher.anchors[0], track)


def test_it_is_brought_to_where_lips_are_and_into_the_light(lenders: InnerMouths) -> None:
    here = painted(120, (34, 44), 0)
    made = lenders.lend(Moved(here, np.zeros((SIDE, SIDE), np.float32)), here, NOTHING)
    wanted = 180 * 120 / 200
    assert abs(float(made.picture[44, 34, 0]) - wanted) < 25
    assert made.sure[44, 34] > 0.5 and made.sure[20, 34] == 0
    np.testing.assert_array_equal(made.picture[:30], here[:30])
    assert made.picture[44, 48, 0] == 120, "beside the lips nothing changes"


def test_light_never_makes_teeth_white(lenders: InnerMouths) -> None:
    bright = painted(250, (34, 44), 0)
    made = lenders.lend(Moved(bright, np.zeros((SIDE, SIDE), np.float32)), bright, NOTHING)
    assert made.picture[44, 34, 0] <= 180 * inner_mouth.LIGHT[1] + 1


@pytest.mark.parametrize("kind", ["shut", "the lender's is shut", "no face", "no lender"])
def test_otherwise_all_stays_as_it_was(lenders: InnerMouths, kind: str) -> None:
    here = painted(120, (34, 44), 0)
    shut = face(34, 44, 4, 0.1)
    ours, theirs = [face(34, 44, 4, 2)], [face(30, 40, 8, 4)]
    found = {
        "shut": ([shut], theirs), "the lender's is shut": (ours, [shut]),
        "no face": ([], theirs), "no lender": (ours, []),
    }[kind]  # fmt: skip
    track = lambda picture: found[int((picture == 180).any())]  # noqa: E731
    still = InnerMouths(lenders.teacher, lenders.anchor, track)
    made = Moved(here, np.zeros((SIDE, SIDE), np.float32))
    assert still.lend(made, here, NOTHING) is made
