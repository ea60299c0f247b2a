"""How a tracker sees a pack: what the axes do to its scores, and where in a picture faces are.

The factors of a pack's own pictures are known, so both are regressions over pictures that it draws
by itself, of all its faces, moved at random. They are learned once per pack and tracker, in a few
minutes, and kept in the cache under the pack's digests. Scores are read relative to the face at
rest: what is peculiar to one face is then no expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.enrolment import learned_key
from latentcam.realtime_models.face_tracker import CHIN, FOREHEAD, TrackedFace
from latentcam.realtime_models.training.enrol.network import Teacher, moving
from latentcam.realtime_models.training.enrol.refusal import CannotEnrol
from latentcam.realtime_models.training.generator.losses import before_grey, levels
from latentcam.realtime_models.training.whole import whole

Array = NDArray[np.float64]
Track = Callable[[Rgb], list[TrackedFace]]
"""The faces in a picture, the surest first: `FaceTracker.track_all`."""

RIGID = (33, 133, 362, 263, 168, 6, 195, 4, 9, 151, 10, 127, 356)
"""Landmarks that no expression moves much: corners of the eyes, bridge of the nose, forehead,
temples."""
MOUTH_MARKS = (61, 291, 0, 17)
EYE_MARKS = (33, 133, 159, 145, 362, 263, 386, 374)
TELLING = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324,
    33, 160, 159, 158, 133, 144, 145, 153, 263, 387, 386, 385, 362, 373, 374, 380,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 46, 53, 52, 65, 55, 285, 295, 282, 283, 276,
    50, 280, 205, 425, 2, 98, 327, 152, 175, 199, 468, 473,
)  # fmt: skip
"""Landmarks that expressions move: lips, lids, brows, cheeks, nostrils, chin, irises."""
ANGLE = 30.0  # degrees that count as 1
PICTURES = 1500  # learned from; every sixth is held out
AT_REST = 40  # pictures of faces at rest, of which the rest of an unknown face is the mean
TRUSTED = 0.35  # of the variance of an axis explained on held-out pictures; others stay at rest
ACTIVE = 0.18  # of the axes in a picture: of more, one hides the other
PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)


@dataclass(frozen=True, slots=True)
class PackTracking:
    """names: of the scores. still [p, 2]: the RIGID landmarks of a face at rest, about their
    centre, in faces' heights. rest: features of a face at rest, mean over the pack's.

    weights [k, f], explained [k]: x over its reach = weights * (features - features at rest), and
    the share of the variance that this explains. points [p, 2, 7]: where the RIGID landmarks are,
    as shares of the side, by `turned` of the head's axes. mouth, eyes: centres, shares of the side;
    height: forehead to chin, as a share.
    """

    names: tuple[str, ...]
    still: Array
    rest: Array
    weights: Array
    explained: Array
    points: Array
    mouth: Array
    eyes: Array
    height: float

    def features(self, face: TrackedFace) -> Array:
        return features(face, self.names, self.still)

    def axes(self, seen: Array, at_rest: Array | None = None) -> NDArray[np.float32]:
        """seen: [n, f] features; at_rest: those of this face at rest, if they are known.

        Returns float32 [n, k] over their reach, 0 for what the tracker does not tell.
        """
        moved = seen - (self.rest if at_rest is None else at_rest)
        x = moved @ self.weights.T
        x[:, self.explained < TRUSTED] = 0
        return np.clip(x, -1, 1).astype(np.float32)

    def places(self, head: Array) -> Array:
        """head: [n, 3] yaw, pitch, roll over their reach. Returns [n, p, 2], shares of the side."""
        return np.asarray(np.einsum("pcf,nf->npc", self.points, turned(head)))


def features(face: TrackedFace, names: Sequence[str], still: Array) -> Array:
    """What the tracker says of a face, in numbers of about 1: scores, measures, angles, and where
    the TELLING landmarks are, once the RIGID ones lie as well as they can upon `still`."""
    scores = [face.scores.get(name, 0.0) for name in names]
    shape = [10 * face.aperture, 5 * face.width, 3 * face.eye_opening, 5 * face.brow_height]
    marks = face.points[:, :2]
    middle = marks[list(RIGID)].mean(axis=0)
    rigid = marks[list(RIGID)] - middle
    # The similarity of least squares, by complex numbers.
    a, b = rigid @ (1, 1j), still @ (1, 1j)
    turn = (b @ a.conj()) / max(float((a @ a.conj()).real), 1e-9)
    placed = turn * ((marks[list(TELLING)] - middle) @ (1, 1j))
    angles = [angle / ANGLE for angle in face.angles]
    return np.array([*scores, *shape, *angles, *(10 * placed.real), *(10 * placed.imag)])


def turned(head: Array) -> Array:
    """[n, 3] -> [n, 7]: a constant, yaw, pitch, roll, and what turning far adds."""
    yaw, pitch, roll = head.T
    return np.stack([np.ones_like(yaw), yaw, pitch, roll, yaw**2, pitch**2, yaw * pitch], axis=1)


def head_axes(pack_axes: Sequence[str]) -> list[int]:
    """Places in x of headYaw, headPitch, headRoll.

    Raises CannotEnrol for a pack that does not turn its head.
    """
    wanted = ("headYaw", "headPitch", "headRoll")
    if missing := [name for name in wanted if name not in pack_axes]:
        raise CannotEnrol(f"the base pack has no axis {missing[0]}, expected one that turns heads")
    return [list(pack_axes).index(name) for name in wanted]


def pack_tracking(
    pack: AvatarPack,
    teacher: Teacher,
    track: Track,
    folder: Path,
    told: Callable[[float], None] = lambda share: None,
    pictures: int = PICTURES,
) -> PackTracking:
    """What is known of this pack, from the folder or learned now. told: how much is done.

    Raises CannotEnrol if the tracker finds no faces in the pack's pictures.
    """
    path = folder / f"tracking-{learned_key(pack.card)}.npz"
    if path.is_file():
        with np.load(path) as kept:
            return PackTracking(
                tuple(str(name) for name in kept["names"]), kept["still"],
                kept["rest"], kept["weights"],
                kept["explained"], kept["points"], kept["mouth"], kept["eyes"],
                float(kept["height"]),
            )  # fmt: skip
    found = learn(pack, teacher, track, told, pictures)
    keep(found, pack, folder)
    return found


def keep(tracking: PackTracking, pack: AvatarPack, folder: Path) -> None:
    """Put it where `pack_tracking` looks."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / f"tracking-{learned_key(pack.card)}.npz") as part:
        np.savez(
            part, names=np.array(tracking.names), still=tracking.still, rest=tracking.rest,
            weights=tracking.weights, explained=tracking.explained, points=tracking.points,
            mouth=tracking.mouth, eyes=tracking.eyes, height=tracking.height,
        )  # fmt: skip


def learn(
    pack: AvatarPack,
    teacher: Teacher,
    track: Track,
    told: Callable[[float], None] = lambda share: None,
    pictures: int = PICTURES,
) -> PackTracking:
    """Draw, track, regress. Raises CannotEnrol if the tracker finds no faces."""
    rng = np.random.default_rng(0)
    count = len(teacher.anchors)
    side = pack.card.generator.resolution
    head = head_axes([axis.name for axis in pack.card.axes])
    who = np.concatenate(
        [np.arange(count), rng.integers(0, count, max(0, AT_REST - count)),
         rng.integers(0, count, pictures)]
    )  # fmt: skip
    x = teacher.random_x(len(who), rng, ACTIVE)
    x[: max(count, AT_REST)] = 0
    faces: list[TrackedFace] = []
    kept: list[int] = []
    for part in np.array_split(np.arange(len(who)), max(1, len(who) // 8)):
        anchors = teacher.anchors[torch.from_numpy(who[part])]
        drawn = teacher.pictures(teacher.latents(anchors, x[torch.from_numpy(part)]))
        for index, picture in zip(part, levels(before_grey(drawn)), strict=True):
            face = next(iter(track(picture)), None)
            if face is None:
                continue
            faces.append(face)
            kept.append(int(index))
        told((int(part[-1]) + 1) / len(who))
    if len(kept) < len(who) / 2:
        raise CannotEnrol(
            f"the tracker finds a face in {len(kept)} of {len(who)} pictures of the base pack, "
            "expected nearly all: choose another --base"
        )
    marks = np.array([face.points[:, :2] / side for face in faces])
    return _regress(
        faces, marks, who[kept], x.cpu().double().numpy()[kept], head, moving(pack.card)
    )


def _regress(
    faces: Sequence[TrackedFace],
    marks: Array,
    who: NDArray[np.int64],
    x: Array,
    head: list[int],
    movable: list[int],
) -> PackTracking:
    resting = ~x.any(axis=1)
    at_rest = marks[resting].mean(axis=0)
    height = float(np.linalg.norm(at_rest[FOREHEAD] - at_rest[CHIN]))
    still = (at_rest[list(RIGID)] - at_rest[list(RIGID)].mean(axis=0)) / height
    names = tuple(sorted(set(faces[0].scores) - {"_neutral"}))
    seen = np.array([features(face, names, still) for face in faces])
    rest = seen[resting].mean(axis=0)
    own = {one: seen[resting & (who == one)].mean(axis=0) for one in set(who[resting])}
    moved = np.array([f - own.get(one, rest) for f, one in zip(seen, who, strict=True)])
    held = np.arange(len(x)) % 6 == 0
    size = moved[~held].std(axis=0) + 1e-3  # every feature counts alike
    fitted = RidgeCV(alphas=PENALTIES, fit_intercept=False, alpha_per_target=True)
    fitted.fit(moved[~held] / size, x[~held])
    weights = np.atleast_2d(fitted.coef_) / size
    told = moved[held] @ weights.T
    spread = x[held].var(axis=0)
    error = ((told - x[held]) ** 2).mean(axis=0)
    explained = np.where(spread > 0, 1 - error / np.maximum(spread, 1e-9), 0.0)
    frozen = np.ones(x.shape[1], bool)
    frozen[movable] = False
    explained[frozen] = 0.0
    design = turned(x[:, head])
    rigid = marks[:, RIGID]  # [n, p, 2]
    solved, *_ = np.linalg.lstsq(design, rigid.reshape(len(rigid), -1), rcond=None)
    return PackTracking(
        names,
        still,
        rest,
        weights,
        explained,
        np.asarray(solved.T.reshape(len(RIGID), 2, -1), np.float64),
        at_rest[list(MOUTH_MARKS)].mean(axis=0),
        at_rest[list(EYE_MARKS)].mean(axis=0),
        height,
    )
