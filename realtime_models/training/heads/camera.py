"""Projections, as 4x4 matrices that act on columns; OpenGL's clip space."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
"""float64 [4, 4] here."""

NEAR, FAR = 1.0, 60.0


def perspective(field_of_view: float) -> F64:
    """A square picture with this angle of view in degrees."""
    zoom = 1 / np.tan(np.radians(field_of_view) / 2)
    depth = NEAR - FAR
    return np.array(
        [
            [zoom, 0, 0, 0],
            [0, zoom, 0, 0],
            [0, 0, (FAR + NEAR) / depth, 2 * FAR * NEAR / depth],
            [0, 0, -1, 0],
        ]
    )


def orthographic(reach: float, near: float = 0.1, far: float = 12.0) -> F64:
    """A square view that reaches this far to each side."""
    matrix = np.diag([1 / reach, 1 / reach, -2 / (far - near), 1.0])
    matrix[2, 3] = -(far + near) / (far - near)
    return matrix


def look_at(camera: Any, target: Any) -> F64:
    """From camera to target, with y up unless one looks along y. Both are points [3]."""
    back = np.asarray(camera, np.float64) - target
    back /= np.linalg.norm(back)
    right = np.cross((0, 1, 0) if abs(back[1]) < 0.9 else (1, 0, 0), back)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = right, np.cross(back, right), back
    matrix[:3, 3] = -matrix[:3, :3] @ camera
    return matrix
