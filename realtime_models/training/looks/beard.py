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
    jaw = np.clip((line - z) / 0.015, 0, 1) * np.clip((z + 0.128) / 0.016, 0, 1)
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
    count = 12000 if length > 0.004 else 9000
    corner, share, root, normal, place = _roots(skull, density(skull.model, moustache), count, rng)
    above = place[:, 2] > -0.066
    sideways = np.sign(place[:, 0]) * np.where(above, 0.7, 0.15)
    comb = np.stack([sideways, np.full(count, -0.15), np.full(count, -1.0)], 1)
    comb += rng.standard_normal((count, 3)) * 0.18
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


def brows(skull: Skull, seed: int) -> Beard:
    """Brows of a drawn face: one full stroke each, thick inside, pointed outside."""
    rng = np.random.default_rng(seed + 78)
    x, z = np.abs(skull.model[:, 0]), skull.model[:, 2]
    middle = np.interp(x, [0.010, 0.022, 0.038, 0.054], [0.0208, 0.0234, 0.0232, 0.0178])
    half = np.interp(x, [0.008, 0.012, 0.036, 0.056], [0.0020, 0.0034, 0.0030, 0.0008])
    inside = (np.abs(z - middle) < half + 0.002) & (x > 0.009) & (x < 0.056)
    where = inside * (skull.model[:, 1] < 0.03)
    corner, share, root, normal, place = _roots(skull, where.astype(np.float64), 6000, rng)
    x = np.abs(place[:, 0])
    off = np.abs(
        place[:, 2] - np.interp(x, [0.010, 0.022, 0.038, 0.054], [0.0208, 0.0234, 0.0232, 0.0178])
    )
    kept = off < np.interp(x, [0.008, 0.012, 0.036, 0.056], [0.0020, 0.0034, 0.0030, 0.0008])
    kept &= (x > 0.010) & (x < 0.055)
    corner, share, root, normal, x = corner[kept], share[kept], root[kept], normal[kept], x[kept]
    rise = np.interp(x, [0.010, 0.022, 0.038, 0.054], [0.9, 0.45, -0.1, -0.5])
    comb = np.stack([np.sign(root[:, 0]), np.full(len(x), 0.25), rise], 1)
    comb += rng.standard_normal(comb.shape) * 0.10
    tangent = comb - (comb * normal).sum(1, keepdims=True) * normal
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    along = np.linspace(0, 1, 4)[None, :, None]
    path = (
        root[:, None]
        + 0.0006 * normal[:, None]
        + 0.0060 * along * (tangent[:, None] + 0.16 * (1 - along) * normal[:, None])
    )
    radius = np.tile(0.00022 * np.linspace(1, 0.5, 4), (len(x), 1))
    return Beard(path, radius, corner, share)


def _roots(
    skull: Skull, weight: F64, count: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int32], F64, F64, F64, F64]:
    """(corners, shares, points, normals, places on the model head) of `count` roots."""
    faces = skull.faces
    likely = skull.area * weight[faces].mean(1)
    corner = faces[rng.choice(len(faces), count, p=likely / likely.sum())]
    share = rng.dirichlet(np.ones(3), count)

    def at(values: F64) -> F64:
        return np.asarray((share[..., None] * values[corner]).sum(1))

    normal = at(skull.normals)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return corner, share, at(skull.points), normal, at(skull.model)
