"""The inside of a mouth that nobody has seen open: lent by one of the pack's own faces.

A photograph with closed lips holds no teeth and no tongue, and what a generator draws at a latent
between its faces is a blur there. One of the pack's faces says the same, with its texture; what is
between its lips is brought to where the lips are here, and to the light that is here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.face_tracker import TrackedFace
from latentcam.realtime_models.training.enrol.motion_field import Levels, Moved
from latentcam.realtime_models.training.enrol.network import Teacher
from latentcam.realtime_models.training.enrol.pack_tracking import Track
from latentcam.realtime_models.training.generator.losses import levels

INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88,
              95)  # fmt: skip
"""Landmarks around the opening, in order."""
CHEEKS = (50, 280, 205, 425)
LEAST_OPEN = 0.012  # of the face's height; less shows nothing
NARROW = 0.35  # of the opening here, that the lender's may have at least
LIGHT = 0.5, 1.1  # least and most that the lender's is multiplied by: teeth are never white
SOFT = 3.0  # pixels at a side of 512 of the seam
PATCH = 0.03  # of the face's height: half a side of what is looked at of a cheek


@dataclass(frozen=True, slots=True)
class InnerMouths:
    """anchor: float32 [num_ws, w_dim], of the face that lends. track: finds faces."""

    teacher: Teacher
    anchor: Tensor
    track: Track

    @torch.no_grad()
    def lend(self, made: Moved, drawn: Levels, x: Tensor) -> Moved:
        """The picture with what is between the lender's lips at x, [k] over its reach, between its
        own; as it was where either mouth is shut or no face is found.

        drawn: the generator's picture in which the mouth stands as it does in the made one.
        """
        here = self._mouth(drawn)
        if here is None or here.aperture < LEAST_OPEN:
            return made
        wanted = self.teacher.latents(self.anchor[None], x[None].to(self.teacher.device))
        lent = levels(self.teacher.pictures(wanted))[0]
        there = self._mouth(lent)
        if there is None or there.aperture < NARROW * here.aperture:
            return made
        side = len(drawn)
        marks, theirs = (face.points[list(INNER_LIPS), :2] for face in (here, there))
        way, _ = cv2.estimateAffine2D(marks, theirs, method=cv2.LMEDS)
        if way is None:
            return made
        brought = cv2.warpAffine(
            lent, way, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)  # fmt: skip
        light = np.clip(_cheeks(made.picture, here) / max(1.0, _cheeks(lent, there)), *LIGHT)
        brought[..., :3] *= light
        inside = np.zeros((side, side), np.float32)
        cv2.fillPoly(inside, [np.round(marks * 8).astype(np.int32)], 1.0, cv2.LINE_AA, shift=3)
        inside = np.asarray(cv2.GaussianBlur(inside, (0, 0), SOFT * side / 512), np.float32)
        mixed = made.picture + inside[..., None] * (brought - made.picture)
        picture = np.asarray(np.round(np.clip(mixed, 0, 255)), np.uint8)
        return Moved(picture, np.maximum(made.sure, inside))

    def _mouth(self, picture: Levels) -> TrackedFace | None:
        return next(iter(self.track(composite(picture))), None)


def _cheeks(picture: Levels, face: TrackedFace) -> float:
    """Their mean level."""
    half = max(1, round(PATCH * face.height))
    found = []
    for mark in CHEEKS:
        x, y = face.points[mark, :2].round().clip(half, len(picture) - half - 1).astype(int)
        found.append(picture[y - half : y + half + 1, x - half : x + half + 1, :3].mean())
    return float(np.median(found))
