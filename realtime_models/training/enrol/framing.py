"""Bring a person's pictures to where the pack shows faces.

Each picture is moved, and scaled, so that the still parts of the face lie where the pack's own
faces have them when their heads are turned like this: what remains is what the axes must explain.
The turn of the head in the picture's plane is left to its axis, but for a camera, or a photo, that
is askew throughout. Filters run forwards and backwards, so nothing comes late.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from latentcam.realtime_models.arrays import Rgb

Array = NDArray[np.float64]

PLACE_SMOOTH = 1.0  # frames, standard deviation: a tracker's noise, not a head's sway
SCALE_SMOOTH = 8.0  # a head comes nearer slowly
AXES_SMOOTH = 0.7  # lips and lids are quick


@dataclass(frozen=True, slots=True)
class Placement:
    """place [2, 3]: from a picture's pixels to shares of the side of the pack's."""

    place: Array

    def bring(self, picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
        """The picture [h, w, c] in the pack's frame [side, side, c]; edges are continued."""
        return self._warp(picture, side, cv2.BORDER_REPLICATE)

    def known(self, shape: tuple[int, ...], side: int) -> NDArray[np.uint8]:
        """uint8 [side, side]: 255 where the picture shows something, 0 beyond its edges."""
        return self._warp(np.full(shape[:2], 255, np.uint8), side, cv2.BORDER_CONSTANT)

    def above(self, side: int) -> NDArray[np.bool_]:
        """[side, side]: beyond the picture's upper edge."""
        turn, shift = self.place[:, :2] * side, self.place[:, 2] * side
        row = np.linalg.inv(turn)[1]  # of the picture, for each pixel of the pack's
        y, x = np.mgrid[:side, :side] + 0.0
        return np.asarray(row[0] * (x - shift[0]) + row[1] * (y - shift[1]) < 0, np.bool_)

    def _warp(self, picture: NDArray[np.uint8], side: int, border: int) -> NDArray[np.uint8]:
        matrix = self.place * side
        scale = float(np.sqrt(np.abs(np.linalg.det(matrix[:, :2]))))
        if scale < 0.7:  # area averaging first: a 4K portrait would alias
            height, width = (max(1, round(scale * length)) for length in picture.shape[:2])
            small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            shrunk = np.asarray(small, np.uint8)
            fx, fy = picture.shape[1] / shrunk.shape[1], picture.shape[0] / shrunk.shape[0]
            # Centres of pixels are at halves.
            matrix = matrix @ np.array(
                [[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1]], np.float64
            )
            picture = shrunk
        flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
        done = cv2.warpAffine(picture, matrix, (side, side), flags=flags, borderMode=border)
        return np.asarray(done, np.uint8)


def smooth(values: NDArray[np.floating], shots: NDArray[np.int64], width: float) -> Array:
    """values [n, ...], filtered along n within each shot, without lag."""
    done = np.array(values, np.float64)
    for shot in np.unique(shots):
        inside = shots == shot
        if inside.sum() > 2:
            done[inside] = gaussian_filter1d(done[inside], width, axis=0, mode="nearest")
    return done


def shots_of(points: Array, source: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers the takes: a new one where the source changes, or the face jumps.

    points: [n, p, 2] pixels of consecutive frames.
    """
    size = np.ptp(points, axis=1).max(axis=1)  # of the face
    jumps = np.zeros(len(points), bool)
    moved = np.linalg.norm(np.diff(points, axis=0), axis=2).mean(axis=1)
    jumps[1:] = (moved > 0.12 * size[1:]) | (np.diff(source) != 0)
    return np.cumsum(jumps)


def placements(
    points: Array, wanted: Array, shots: NDArray[np.int64], askew: Array
) -> list[Placement]:
    """points: [n, p, 2] pixels. wanted: [n, p, 2] shares of the side. askew: [n] degrees clockwise,
    by which pictures are turned back."""
    turn = np.deg2rad(askew)
    cos, sin = np.cos(turn), np.sin(turn)
    back = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)  # [n, 2, 2]
    upright = np.einsum("nij,npj->npi", back, points)
    centre, goal = upright.mean(axis=1), wanted.mean(axis=1)
    a, b = upright - centre[:, None], wanted - goal[:, None]
    scale = (a * b).sum(axis=(1, 2)) / (a * a).sum(axis=(1, 2))
    scale = np.exp(smooth(np.log(np.maximum(scale, 1e-6)), shots, SCALE_SMOOTH))
    shift = smooth(goal - scale[:, None] * centre, shots, PLACE_SMOOTH)
    matrices = scale[:, None, None] * back
    return [
        Placement(np.concatenate([m, s[:, None]], axis=1))
        for m, s in zip(matrices, shift, strict=True)
    ]


def face_pixels(points: Array) -> float:
    """How many pixels of the source a face's height takes, roughly: median over pictures."""
    return float(np.median(np.ptp(points[..., 1], axis=1)))


def laplacian_variance(picture: Rgb) -> float:
    """How much fine detail there is: little when it is blurred."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())
