"""The surface that hair grows on, and how densely."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from latentcam.realtime_models.training.looks.bank import azimuth_of, hairline
from latentcam.realtime_models.training.looks.styles import Style

F64 = npt.NDArray[np.float64]

CROWN = np.array([0.008, 0.125, 0.110])
"""The whorl that hair grows away from, from the eyes."""


class Skull:
    """The surface that hair grows on and must not enter."""

    def __init__(self, points: F64, faces: npt.NDArray[np.int32], model: F64, scalp: F64) -> None:
        self.points, self.faces, self.model, self.scalp = points, faces, model, scalp
        a, b, c = (points[faces[:, i]] for i in range(3))
        across = np.cross(b - a, c - a)
        normal = np.zeros_like(points)
        for i in range(3):
            np.add.at(normal, faces[:, i], across)
        self.normals = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        self.area = np.linalg.norm(across, axis=1) / 2
        # Nothing is worn inside of the mouth.
        x, y, z = points.T
        mouth = (np.abs(x) < 0.030) & (y > -0.030) & (y < 0.08) & (z > -0.092) & (z < -0.045)
        self._outside = np.flatnonzero(~mouth)
        self._tree = cKDTree(points[self._outside])

    def height(self, points: F64) -> tuple[F64, F64]:
        """(distance over the surface, its normal) of points [..., 3]."""
        near = self._outside[self._tree.query(points, k=4)[1]]
        offset = points[..., None, :] - self.points[near]
        normals = self.normals[near]
        distance = (offset * normals).sum(-1)
        weight = 1 / (np.linalg.norm(offset, axis=-1) + 1e-4)
        weight /= weight.sum(-1, keepdims=True)
        normal = (weight[..., None] * normals).sum(-2)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
        return (weight * distance).sum(-1), normal

    def over(self, style: Style) -> F64:
        """Height of every vertex over the hairline of a style; -1 on the face."""
        azimuth = azimuth_of(self.model)
        over = self.model[:, 2] - hairline(azimuth, style.receding, style.temples)
        return np.where(self.scalp > 0, over, -1.0)

    def cover(self, style: Style, over: F64 | None = None) -> F64:
        """How densely hair grows at every vertex, 0 to 1: thin at the hairline."""
        over = self.over(style) if over is None else over
        density = np.clip((over + 0.001) / 0.010, 0, 1) ** 1.3
        if style.thin:
            from_crown = np.linalg.norm(self.model - CROWN, axis=1)
            density = density * (1 - style.thin * np.exp(-((from_crown / 0.055) ** 2)))
        return density

    def roots(
        self, count: int, style: Style, rng: np.random.Generator
    ) -> tuple[F64, F64, F64, F64]:
        """(points, normals, over, places on the model skull) of `count` roots, thin at the line."""
        over = self.over(style)
        density = self.cover(style, over)[self.faces].mean(1)
        weight = self.area * density * (over[self.faces].min(1) > -0.5)
        face = rng.choice(len(self.faces), count, p=weight / weight.sum())
        share = rng.dirichlet(np.ones(3), count)
        corner = self.faces[face]

        def mix(values: F64) -> F64:
            return np.asarray((share[..., None] * values[corner]).sum(1))

        normal = mix(self.normals)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        return mix(self.points), normal, (share * over[corner]).sum(1), mix(self.model)
