"""Which of a pack's faces lends its motion to a person of whom there are photos only.

What a generator draws at a latent between its faces is a blur where no texture covers it, on lids
and within a mouth; at the latents that it was trained for it is not. So a photo is worn by the face
that is most like it in shape, in colour and in outline, whose colours are then multiplied to be the
person's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.training.enrol import pivot
from latentcam.realtime_models.training.enrol.network import Teacher
from latentcam.realtime_models.training.enrol.pack_tracking import PackTracking, Track
from latentcam.realtime_models.training.enrol.person import Person
from latentcam.realtime_models.training.generator.losses import levels

SKIN = (50, 280, 151, 205, 425)
"""Landmarks on cheeks and forehead."""
PATCH = 0.025  # of the face's height: half a side of what is looked at of them
COLOUR, OUTLINE = 4.0, 20.0  # that count as much as landmarks off by a hundredth of the face
GAIN = 0.3, 3.0  # least and most that a lender's colours are multiplied by
DARKEST = 4.0  # levels of a skin, or its ratio says nothing


@dataclass(frozen=True, slots=True)
class Lender:
    """anchor: float32 [num_ws, w_dim], of the face. gain: float32 [3], the person's colours over
    its own."""

    anchor: Tensor
    gain: Tensor


@torch.no_grad()
def lender(
    teacher: Teacher, tracking: PackTracking, person: Person, resting: int, track: Track
) -> Lender:
    """The pack's face that is most like the person's picture `resting`, at rest."""
    photo = person.images[resting].permute(1, 2, 0).contiguous().numpy()
    mine = _marks(photo, track)
    rest = torch.zeros(len(teacher.anchors), teacher.basis.shape[-1], device=teacher.device)
    faces = levels(teacher.pictures(teacher.latents(teacher.anchors, rest)))
    theirs = [_marks(face, track) for face in faces]
    none = torch.ones(3, device=teacher.device)
    if mine is None or all(marks is None for marks in theirs):
        alike = pivot.begin(teacher, tracking, person, teacher.anchors, len(photo))
        return Lender(alike, none)
    skin, height = _skin(photo, mine), float(np.ptp(mine[:, 1]))
    unlike = np.full(len(faces), np.inf)
    gains = np.ones((len(faces), 3))
    for i, (face, marks) in enumerate(zip(faces, theirs, strict=True)):
        if marks is None:
            continue
        gains[i] = skin / _skin(face, marks)
        unlike[i] = 100 * np.abs(mine - marks).mean() / height
        unlike[i] += COLOUR * np.abs(np.log(gains[i])).mean()
        if photo.shape[2] == 4:
            apart = np.abs(photo[..., 3].astype(np.float32) - face[..., 3]) / 255
            unlike[i] += OUTLINE * float(apart.mean())
    best = int(unlike.argmin())
    gain = torch.tensor(np.clip(gains[best], *GAIN), dtype=torch.float32, device=teacher.device)
    return Lender(teacher.anchors[best], gain)


def _marks(picture: NDArray[np.uint8], track: Track) -> NDArray[np.float64] | None:
    """[478, 2] pixels, of the face in the picture."""
    face = next(iter(track(composite(picture))), None)
    return None if face is None else face.points[:, :2]


def _skin(picture: NDArray[np.uint8], marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Its colour: [3] levels."""
    half = max(1, round(PATCH * float(np.ptp(marks[:, 1]))))
    side = len(picture)
    patches = []
    for mark in SKIN:
        x, y = marks[mark].round().clip(half, side - half - 1).astype(int)
        patch = picture[y - half : y + half + 1, x - half : x + half + 1, :3]
        patches.append(patch.reshape(-1, 3))
    return np.maximum(np.median(np.concatenate(patches).astype(np.float64), axis=0), DARKEST)
