"""Lashes on the rims of the lids; they follow every pose of the lids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from latentcam.realtime_models.training.looks.rig import Bank, Rig

F64 = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

RADIUS = 0.00011  # of a lash at its root; wider than life, for few samples


@dataclass(frozen=True, slots=True, eq=False)
class Rims:
    """Three rings of vertices around an eye, from the inner edge of the rim outwards, [3, 30],
    in order around the eye; upper: bool [30]."""

    rings: Indices
    upper: npt.NDArray[np.bool_]


def rims(bank: Bank) -> tuple[Rims, Rims]:
    """The rims of (left, right) lids, found as the rings around the holes for the eyes."""
    faces = bank["head_faces"].astype(np.int64)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges.sort(1)
    unique, uses = np.unique(edges, axis=0, return_counts=True)
    points = bank["head_rest"].mean(0)
    middle = bank["eyes"].mean(0)
    near: dict[int, list[int]] = {}
    for a, b in unique.tolist():
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    border = np.unique(unique[uses == 1])
    found = []
    for eye in middle:
        hole = border[np.linalg.norm(points[border] - eye[:3], axis=1) < 0.025]
        rings, seen = [hole], set(hole.tolist())
        for _ in range(3):
            ring = {n for v in rings[-1].tolist() for n in near[v]} - seen
            seen |= ring
            rings.append(np.array(sorted(ring)))
        ordered = []
        base = _around(points, rings[1], eye)
        for ring in rings[1:]:
            angles = _around(points, ring, eye)
            order = [int(ring[np.abs(np.angle(np.exp(1j * (angles - a)))).argmin()])
                     for a in np.sort(base)]  # fmt: skip
            ordered.append(order)
        closing = bank["head_shapes"][:, bank.shape_names.index("LeyeClose")].mean(0)
        closing = closing + bank["head_shapes"][:, bank.shape_names.index("ReyeClose")].mean(0)
        moves = np.zeros(len(points))
        moves[bank["head_moved"]] = closing[:, 2]
        rows = np.array(ordered)
        found.append(Rims(rows, moves[rows[1]] < -0.0012))
    return found[0], found[1]


def _around(points: F64, ring: Indices, eye: F64) -> F64:
    return np.asarray(np.arctan2(points[ring, 2] - eye[2] - 0.001, points[ring, 0] - eye[0]))


class Lashes:
    """Lashes of both eyes as strands; `points(head)` places them on posed vertices."""

    def __init__(self, bank: Bank, rig: Rig, thick: float, rng: np.random.Generator) -> None:
        del rig
        self.steps = 6
        both = rims(bank)
        self._moist = [(rim.rings[k], wet) for rim in both for k, wet in ((0, 1.0), (1, 0.45))]
        parts = []
        for rim in both:
            count = rim.rings.shape[1]
            for upper, lashes, length in ((True, int(120 * thick), 0.0082),
                                          (False, int(48 * thick), 0.0042)):  # fmt: skip
                inside = np.flatnonzero(rim.upper == upper)
                pick = rng.choice(inside, lashes)
                after = (pick + 1) % count
                share = rng.random(lashes)
                spread = rng.standard_normal((lashes, 2)) * 0.16
                parts.append(
                    (
                        rim.rings[:, pick],
                        rim.rings[:, after],
                        share,
                        spread,
                        length * rng.uniform(0.7, 1.05, lashes),
                        np.full(lashes, upper),
                    )
                )
        self.first = np.concatenate([p[0] for p in parts], 1)
        self.second = np.concatenate([p[1] for p in parts], 1)
        self.share = np.concatenate([p[2] for p in parts])[:, None]
        self.spread = np.concatenate([p[3] for p in parts])
        self.length = np.concatenate([p[4] for p in parts])
        self.upper = np.concatenate([p[5] for p in parts])

    def points(self, head: F64) -> F64:
        """Strands [n, 6, 3] for the posed vertices of the head."""
        inner, edge, outer = (
            head[self.first[k]] * (1 - self.share) + head[self.second[k]] * self.share
            for k in range(3)
        )
        forwards = _unit(edge - inner)
        away = _unit(outer - edge)
        along = _unit(head[self.second[1]] - head[self.first[1]] + 1e-7)
        fan = self.spread[:, :1] * along + self.spread[:, 1:] * 0.4 * away
        path = [edge]
        for k in range(1, self.steps):
            share = k / (self.steps - 1)
            curl = np.where(self.upper, 0.15 + 1.1 * share, 0.25 + 0.5 * share)[:, None]
            step = _unit(forwards + curl * away + fan)
            path.append(path[-1] + step * (self.length / (self.steps - 1))[:, None])
        return np.stack(path, 1)

    def wet(self, count: int) -> F64:
        """How moist each of the head's vertices is, [count]: the rims of the lids."""
        moist = np.zeros(count)
        for ring, amount in self._moist:
            moist[ring] = amount
        return moist

    def radius(self) -> F64:
        """float64 [n, 6]."""
        return np.tile(RADIUS * np.linspace(1, 0.25, self.steps), (len(self.length), 1))


def _unit(vectors: F64) -> F64:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9))
