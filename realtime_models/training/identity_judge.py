"""Are two pictures of one person? Distances between face descriptors, as a judge of identities.

dlib's ResNet (King 2017, CC0) in 128 dimensions: its author's limit for the same person is 0.6; a
person who talks stays within 0.2 of themselves. The model files come with the package
face-recognition-models. Its 68-point predictor is for non-commercial use and is not used here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb

DESCRIPTOR = "dlib_face_recognition_resnet_model_v1.dat"
MARKS = "shape_predictor_5_face_landmarks.dat"

Descriptor = NDArray[np.float64]
"""float64 [128], about unit length."""


class IdentityJudge:
    """folder: where the two model files lie. Raises FileNotFoundError if one is missing."""

    def __init__(self, folder: Path) -> None:
        for name in (DESCRIPTOR, MARKS):
            if not (folder / name).is_file():
                raise FileNotFoundError(
                    f"{folder} has no {name}; it comes with the package face-recognition-models"
                )
        import dlib

        self._faces: Any = dlib.get_frontal_face_detector()
        self._marks: Any = dlib.shape_predictor(str(folder / MARKS))
        self._describe: Any = dlib.face_recognition_model_v1(str(folder / DESCRIPTOR))

    def describe(self, rgb: Rgb) -> Descriptor | None:
        """The descriptor of the largest face in uint8 [H, W, 3]; None if there is none."""
        picture = np.ascontiguousarray(rgb)
        found = self._faces(picture, 1)
        if not found:
            return None
        face = max(found, key=lambda box: box.area())
        marks = self._marks(picture, face)
        return np.asarray(self._describe.compute_face_descriptor(picture, marks), np.float64)


def distance(a: Descriptor, b: Descriptor) -> float:
    """0 for the same picture; at most 0.6 is called the same person."""
    return float(np.linalg.norm(a - b))
