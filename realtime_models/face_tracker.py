"""Track a face, filmed or rendered: MediaPipe's face_landmarker.

Model file and landmark numbers: https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.motion.following import Observed, colours

Points = NDArray[np.float64]

INNER_UP, INNER_LOW, CORNERS = 13, 14, (61, 291)
FOREHEAD, CHIN = 10, 152
EYES = (  # outer corner, inner corner, two pairs of upper and lower lid
    (33, 133, (160, 144), (158, 153)),
    (263, 362, (387, 373), (385, 380)),
)
BROWS = ((105, 33, 133), (334, 263, 362))  # middle of the brow, corners of the eye below it
SMALLEST = 512  # pixels; smaller pictures are enlarged before they are tracked


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """points: float64 [478, 3] pixels of the given picture, depth in the same scale;
    scores: ARKit name -> 0 to 1;
    pose: float64 [4, 4], the head's transform from the canonical face to the camera."""

    points: Points
    scores: dict[str, float]
    pose: NDArray[np.float64]

    def between(self, a: int, b: int) -> float:
        """Pixels, in the plane of the picture."""
        return float(np.linalg.norm(self.points[a, :2] - self.points[b, :2]))

    @property
    def height(self) -> float:
        """Forehead to chin, pixels."""
        return self.between(FOREHEAD, CHIN)

    @property
    def aperture(self) -> float:
        """Between the inner lips, as a share of the face's height."""
        return self.between(INNER_UP, INNER_LOW) / self.height

    @property
    def width(self) -> float:
        """Between the corners of the mouth, as a share of the face's height."""
        return self.between(*CORNERS) / self.height

    @property
    def eye_opening(self) -> float:
        """Eye aspect ratio (Soukupova and Cech 2016), mean of both eyes."""
        ratios = [
            sum(self.between(*pair) for pair in pairs) / (2 * self.between(outer, inner))
            for outer, inner, *pairs in EYES
        ]
        return float(np.mean(ratios))

    @property
    def brow_height(self) -> float:
        """Brow over the eye's corners, as a share of the face's height, mean of both."""
        heights = []
        for brow, outer, inner in BROWS:
            along = self.points[inner, :2] - self.points[outer, :2]
            to = self.points[brow, :2] - self.points[outer, :2]
            cross = along[0] * to[1] - along[1] * to[0]
            heights.append(abs(cross) / np.linalg.norm(along))
        return float(np.mean(heights)) / self.height

    @property
    def angles(self) -> tuple[float, float, float]:
        """Yaw, pitch, roll in degrees, with the signs of the axes headYaw, headPitch, headRoll."""
        r = self.pose[:3, :3]
        yaw = np.degrees(np.arctan2(r[0, 2], r[2, 2]))
        pitch = np.degrees(np.arcsin(np.clip(r[1, 2], -1, 1)))
        roll = np.degrees(np.arctan2(-r[1, 0], r[1, 1]))
        return float(yaw), float(pitch), float(roll)

    def observed(self, at: float, picture: Rgb) -> Observed:
        """For `following.follow`. at: seconds; picture: the one that the face was found in."""
        height, width = picture.shape[:2]
        light, redness = colours(picture, self.points[:, :2] / (width, height))
        return Observed(at, self.scores, self.angles, light, redness)


class FaceTracker:
    """model: the file face_landmarker.task. most: faces that are looked for in a picture. video:
    the pictures are those of one film, in order, and each is looked at from where the face was.
    Raises FileNotFoundError if the file is not there, or is another."""

    def __init__(self, model: Path, most: int = 1, video: bool = False) -> None:
        # Only here: mediapipe is an extra of its own.
        from mediapipe import Image, ImageFormat
        from mediapipe.tasks.python import BaseOptions, vision

        if not model.is_file():
            raise FileNotFoundError(
                f"{model} is no file, expected MediaPipe's face_landmarker.task"
            )
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model)),
            running_mode=vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE,
            num_faces=most,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        try:
            self._landmarker = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError):
            raise FileNotFoundError(
                f"{model} is another file, expected MediaPipe's face_landmarker.task"
            ) from None
        self._video = video
        self._image: Callable[[Rgb], Any] = partial(Image, ImageFormat.SRGB)

    def track(self, picture: Rgb, at: float = 0.0) -> TrackedFace | None:
        """The face in a picture, or None where none is found. at: of a film, seconds, growing."""
        return next(iter(self.track_all(picture, at)), None)

    def track_all(self, picture: Rgb, at: float = 0.0) -> list[TrackedFace]:
        """The faces in a picture, the surest first. at: as of `track`."""
        h, w = picture.shape[:2]
        if (enlarge := -(-SMALLEST // w)) > 1:
            large = PilImage.fromarray(picture).resize((w * enlarge, h * enlarge))
            picture = np.asarray(large)
        image = self._image(np.ascontiguousarray(picture))
        if self._video:
            found = self._landmarker.detect_for_video(image, round(1000 * at))
        else:
            found = self._landmarker.detect(image)
        return [
            TrackedFace(
                np.array([(p.x * w, p.y * h, p.z * w) for p in marks]),
                {c.category_name: float(c.score) for c in scores},
                np.array(pose),
            )
            for marks, scores, pose in zip(
                found.face_landmarks,
                found.face_blendshapes,
                found.facial_transformation_matrixes,
                strict=True,
            )
        ]
