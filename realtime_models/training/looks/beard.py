"""Beards and moustaches as short strands that move with the jaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latentcam.realtime_models.training.looks.skull import Skull

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Beard:
    """points [n, k, 3] at rest; corner int [n, 3] and share [n, 3] say where each is rooted."""

    points: F64
    radius: F64
    corner: npt.NDArray[np.int32]
    share: F64


def density(model: F64, moustache: bool, cheeks: float = 0.0) -> F64:
    """How densely a beard grows at places on the model head, 0 to 1."""
    x, y, z = np.abs(model[..., 0]), model[..., 1], model[..., 2]
    line = np.interp(x, [0.0, 0.026, 0.034, 0.055, 0.066, 0.074],
                     [-0.084, -0.082, -0.062, -0.044 + cheeks, -0.020 + cheeks, 0.0])  # fmt: skip
    jaw = np.clip((line - z) / 0.008, 0, 1) * np.clip((z + 0.128) / 0.016, 0, 1)
    jaw = jaw * np.clip((0.078 - y) / 0.012, 0, 1)
    lip = np.clip((x / 0.031) ** 2 + ((z + 0.0695) / 0.0125) ** 2 - 1, 0, 1)
    upper = np.clip((0.033 - x) / 0.006, 0, 1) * np.clip((-0.0475 - z) / 0.003, 0, 1)
    upper = upper * np.clip((z + 0.066) / 0.004, 0, 1) * (y < -0.02)
    goatee = np.clip((0.016 - x) / 0.008, 0, 1) * (z < -0.082) * (z > -0.1) * (y < 0.0)
    full = np.maximum(jaw, goatee)
    if moustache:
        full = np.maximum(full, upper)
    return np.asarray(full * np.clip(lip * 3, 0, 1) * (y < 0.08))


def grow(skull: Skull, length: float, moustache: bool, seed: int) -> Beard:
    """Strands of about this length in metres: 0.002 is stubble, 0.02 a full beard."""
    rng = np.random.default_rng(seed + 77)
    faces = skull.faces
    weight = skull.area * density(skull.model, moustache)[faces].mean(1)
    count = 7000 if length > 0.004 else 9000
    face = rng.choice(len(faces), count, p=weight / weight.sum())
    share = rng.dirichlet(np.ones(3), count)
    corner = faces[face]

    def at(values: F64) -> F64:
        return np.asarray((share[..., None] * values[corner]).sum(1))

    root, normal, place = at(skull.points), at(skull.normals), at(skull.model)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    above = place[:, 2] > -0.066
    sideways = np.sign(place[:, 0]) * np.where(above, 0.7, 0.15)
    comb = np.stack([sideways, np.full(count, -0.15), np.full(count, -1.0)], 1)
    comb += rng.standard_normal((count, 3)) * 0.30
    grown = length * rng.uniform(0.6, 1.1, count) * np.where(above, 0.6, 1.0)
    grown *= np.clip(0.35 + 0.65 * (-0.05 - place[:, 2]) / 0.04, 0.35, 1.0)
    steps = 5
    path = [root - 0.0004 * normal]
    for k in range(1, steps):
        tangent = comb - (comb * normal).sum(1, keepdims=True) * normal
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        lean = 0.25 + 0.75 * k / steps
        direction = (1.1 - 0.7 * k / steps) * normal + lean * tangent
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        path.append(path[-1] + direction * (grown / (steps - 1))[:, None])
    points = np.stack(path, 1)
    radius = np.tile(0.00010 * np.linspace(1, 0.4, steps), (count, 1))
    return Beard(points, radius, corner, share)
