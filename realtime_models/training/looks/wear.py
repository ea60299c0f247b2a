"""Things worn: glasses, a head scarf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from latentcam.realtime_models.training.looks.rig import Rig
    from latentcam.realtime_models.training.looks.skull import Skull

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A mesh that is worn; kind: its material. weights [n, 2] of (neck, head), None: of the head.

    uv is per corner, [f, k, 2].
    """

    points: F64
    faces: npt.NDArray[np.int32]
    uv: F64
    kind: str
    weights: F64 | None = None


FRAMES = {
    "round": (0.0225, 0.0225, 2.0, 0.0010),
    "square": (0.0265, 0.0200, 4.5, 0.0017),
    "soft": (0.0255, 0.0215, 2.8, 0.0014),
}
"""Half width, half height, how square, radius of the wire."""


def _tube(path: F64, radius: float, closed: bool, around: int = 8) -> tuple[F64, F64]:
    """A tube along a path: points, faces of four."""
    count = len(path)
    if closed:
        tangent = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    else:
        tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent, np.array([0.13, 0.97, 0.21]))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(tangent, side)
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)
    ring = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * other[:, None]
    points = (path[:, None] + radius * ring).reshape(-1, 3)
    faces = []
    for i in range(count if closed else count - 1):
        k = (i + 1) % count
        for a in range(around):
            b = (a + 1) % around
            faces.append((i * around + a, i * around + b, k * around + b, k * around + a))
    return points, np.array(faces, np.int32)


def glasses(rig: Rig, style: str) -> dict[str, Piece]:
    """Frame and lenses, fitted to the eyes and the bridge of the nose."""
    wide, high, square, wire = FRAMES[style]
    head = rig.rest["head"]
    near = (np.abs(head[:, 0]) < 0.052) & (np.abs(head[:, 0]) > 0.012)
    near &= (head[:, 2] > -0.022) & (head[:, 2] < 0.018)
    front = min(float(head[near, 1].min()) - 0.003, -0.027)
    points: list[F64] = []
    faces: list[F64] = []

    def add(piece: tuple[F64, F64]) -> None:
        faces.append(piece[1] + sum(len(p) for p in points))
        points.append(piece[0])

    lens_points: list[F64] = []
    lens_faces: list[tuple[int, int, int]] = []
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    x = np.sign(c) * np.abs(c) ** (2 / square) * wide
    z = np.sign(s) * np.abs(s) ** (2 / square) * high
    middle = max(float(np.abs(rig.eyes[:, 0]).mean()) + 0.0005, wide + 0.0085)
    for sign in (1, -1):
        wrap = 0.10 * np.abs(x + 0.02) * (x > -0.02)
        rim = np.stack([sign * (middle + x), front + wrap, z - 0.003], 1)
        add(_tube(rim, wire, closed=True))
        base = int(sum(len(p) for p in lens_points))
        lens_points.append(np.concatenate([rim, rim.mean(0, keepdims=True)]))
        lens_faces += [(base + i, base + (i + 1) % 64, base + 64) for i in range(64)]
        hinge = np.array([sign * (middle + wide + 0.001), front + 0.10 * wide + 0.003, 0.006])
        # Along the temple, before the ear, and down behind it.
        side = head[(np.abs(head[:, 2] - 0.01) < 0.010) & (head[:, 1] < 0.055)]
        beside = float(np.abs(side[:, 0]).max()) + 0.001
        bend = np.array([sign * beside, 0.066, 0.012])
        ear = np.array([sign * (beside + 0.001), 0.084, -0.002])
        along = np.concatenate([np.linspace(hinge, bend, 12), np.linspace(bend, ear, 8)[1:]])
        add(_tube(along, wire * 1.15, closed=False))
    bridge = np.linspace(-1, 1, 12)
    reach = middle - wide
    arch = np.stack([reach * bridge, np.full(12, front), 0.004 + 0.003 * (1 - bridge**2)], 1)
    add(_tube(arch, wire * 1.1, closed=False))
    frame = np.concatenate(points)
    quads = np.concatenate(faces).astype(np.int32)
    glass = np.concatenate(lens_points)
    triangles = np.array(lens_faces, np.int32)
    return {
        "frame": Piece(frame, quads, np.zeros((*quads.shape, 2)), "frame"),
        "lens": Piece(glass, triangles, np.zeros((*triangles.shape, 2)), "lens"),
    }


def head_scarf(skull: Skull) -> Piece:
    """A scarf: a hood from around the face to the back of the head, and a cape to the shoulders."""
    turn = np.linspace(0, 2 * np.pi, 97)[:-1]
    edge = np.stack([0.0665 * np.sin(turn), 0.012 + 0 * turn, -0.016 + 0.088 * np.cos(turn)], 1)
    edge[:, 1] += 0.030 * np.sin(turn) ** 2 - 0.035 * np.clip(np.cos(turn), 0, 1)
    edge = _at_height(skull, edge, 0.0004)
    # Below the jaw it hangs instead of running back, or one would look into a dark fold.
    hang = np.clip((-0.03 - edge[:, 2:]) / 0.05, 0, 1)
    back = np.array([0.0, 0.20, 0.02]) - hang * np.array([0.0, 0.05, 0.13])
    middle = np.array([0.0, 0.06, 0.0])
    rows = [edge + 0.0]
    count = 34
    for k in range(1, count):
        share = k / (count - 1)
        far = 1 - (1 - share) ** 1.4
        along = edge * (1 - far) + back * far - middle
        length = np.linalg.norm(along, axis=1, keepdims=True)
        point = middle + along / length * np.maximum(length, 0.10)
        low = np.clip((-0.03 - point[:, 2]) / 0.05, 0, 1)
        gap = 0.0035 + (0.013 - 0.006 * low) * np.clip(share * 5, 0, 1)
        rows.append(_at_height(skull, point, gap))
    hood = np.stack(rows)
    fold = np.sin(3 * turn[None] + np.linspace(0, 60, count)[:, None])
    hood += _outwards(hood, middle) * (0.0011 * fold * np.linspace(0, 1, count)[:, None])[..., None]
    hood = _smoothed(hood, 3)
    down = np.linspace(0, 1, 30)
    rows = []
    for share in down:
        radius = 0.050 + 0.030 * np.clip(share * 4, 0, 1) + 0.075 * share**1.6
        point = np.stack(
            [
                1.15 * radius * np.sin(turn),
                0.052 - radius * 0.80 * np.cos(turn),
                -0.088
                - 0.150 * share
                - 0.02 * share * np.cos(turn)
                # Higher behind the jaw, where the hood ends.
                + 0.075 * (1 - share) ** 2 * np.clip(1 - np.cos(turn), 0, 1) ** 0.4,
            ],
            1,
        )
        height, out = skull.height(point)
        pushed = point + np.maximum(0.014 - height, 0)[:, None] * out
        # Its upper edge is tucked under the hood, but for under the chin.
        tucked = np.clip(1 - share / 0.35, 0, 1) * np.clip(1.5 - 1.5 * np.cos(turn), 0, 1)
        close = _at_height(skull, point, 0.002 + 0.012 * min(1.0, share / 0.35))
        rows.append(pushed + tucked[:, None] * (close - pushed))
    cape = _smoothed(np.stack(rows), 6)
    wave = np.sin(turn[None] * 2 + down[:, None] * 26 + 0.8 * np.sin(3 * turn[None]))
    cape += (
        _outwards(cape, np.array([0.0, 0.05, -0.12]))
        * (0.0032 * wave * np.sin(np.pi * down)[:, None])[..., None]
    )
    points: list[F64] = []
    faces: list[list[int]] = []
    uv: list[list[tuple[float, float]]] = []
    for sheet in (hood, cape):
        high, wide = sheet.shape[:2]
        base = sum(len(p) for p in points)
        points.append(sheet.reshape(-1, 3))
        for i in range(high - 1):
            for k in range(wide):
                right = (k + 1) % wide
                quad = [i * wide + k, i * wide + right, (i + 1) * wide + right, (i + 1) * wide + k]
                faces.append([base + q for q in quad])
                uv.append(
                    [
                        (k / wide, i / high),
                        ((k + 1) / wide, i / high),
                        ((k + 1) / wide, (i + 1) / high),
                        (k / wide, (i + 1) / high),
                    ]
                )
    cloth = np.concatenate(points)
    # What would lie within the head would be seen through an open mouth.
    corners = np.array(faces, np.int32)
    middles = cloth[corners].mean(1)
    x, y, z = middles.T
    within = (np.abs(x) < 0.045) & (y > -0.030) & (y < 0.085) & (z > -0.100) & (z < -0.020)
    # Under the chin the cape begins, on the skin.
    of_hood = np.arange(len(corners)) < (count - 1) * len(turn)
    mouth = (z > np.where(np.abs(x) < 0.022, -0.1, -0.085)) & (np.abs(x) < 0.033)
    within &= of_hood | mouth | (skull.height(middles)[0] < -0.004)
    with_head = np.clip((cloth[:, 2] + 0.15) / 0.07, 0, 1)
    with_neck = np.clip((cloth[:, 2] + 0.20) / 0.06, 0, 1) * (1 - with_head)
    weights = np.stack([with_neck, with_head], 1)
    return Piece(cloth, corners[~within], np.array(uv)[~within], "scarf", weights)


def _outwards(points: F64, middle: F64) -> F64:
    away = points - middle
    return np.asarray(away / np.linalg.norm(away, axis=-1, keepdims=True))


def _at_height(skull: Skull, points: F64, gap: F64 | float) -> F64:
    """Points moved along the surface's normals to this height over it."""
    for _ in range(4):
        height, out = skull.height(points)
        points = points + (np.clip(gap - height, -0.03, 0.03))[:, None] * out
    return points


def _smoothed(sheet: F64, times: int) -> F64:
    """A sheet [rows, around, 3] smoothed within, its first and last row kept."""
    for _ in range(times):
        inner = sheet[1:-1]
        near = sheet[:-2] + sheet[2:] + np.roll(inner, 1, 1) + np.roll(inner, -1, 1)
        sheet = np.concatenate([sheet[:1], 0.4 * inner + 0.15 * near, sheet[-1:]])
    return sheet
