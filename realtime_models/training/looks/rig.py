"""A mixed head as numbers: rest, shapes and skeleton blended from the bank, posed by weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from latentcam.realtime_models.training.looks.bank import JOINTS

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

ARMS_DOWN = 66.0  # degrees from the T that the heads were modelled in
SHOULDERS_DOWN = 9.0


class Bank:
    """`bank.npz` in memory, see `bank.py`. Raises FileNotFoundError with the command to run."""

    def __init__(self, folder: Path) -> None:
        path = folder / "bank.npz"
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is missing: run "
                f"python -m latentcam.realtime_models.training.looks.bank --out {folder}"
            )
        with np.load(path) as stored:
            self.arrays: dict[str, npt.NDArray[Any]] = {name: stored[name] for name in stored}
        self.folder = folder
        self.names: list[str] = self.arrays["names"].tolist()
        self.shape_names: list[str] = self.arrays["shape_names"].tolist()
        self.down_names: list[str] = self.arrays["down_names"].tolist()

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.arrays[name]

    def mixed(self, name: str, mixture: F64) -> F64:
        """The mixture, float64 [H], of an array whose first axis is the heads."""
        used = np.flatnonzero(np.abs(mixture) > 1e-4)
        stored = self.arrays[name]
        return np.asarray(sum(mixture[h] * stored[h].astype(np.float64) for h in used))


def rotation(axis: str, degrees: float) -> F64:
    """Right-handed rotation about x, y or z, [3, 3]."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if axis == "x":
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == "y":
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


@dataclass(frozen=True, slots=True)
class Turn:
    """Rotation about a point: p -> matrix @ (p - centre) + centre + shift."""

    matrix: F64
    centre: F64
    shift: F64

    def __call__(self, points: F64) -> F64:
        return (points - self.centre) @ self.matrix.T + self.centre + self.shift

    def after(self, other: Turn) -> Turn:
        """self(other(p)) as one."""
        moved = self(other(other.centre[None]))[0]
        return Turn(self.matrix @ other.matrix, other.centre, moved - other.centre)


STILL = Turn(np.eye(3), np.zeros(3), np.zeros(3))


class Rig:
    """One identity's head: rest shape at its own arms-down pose, shapes, joints, eyes."""

    def __init__(self, bank: Bank, mixture: F64, scale: float = 1.0, distinct: float = 0.0) -> None:
        """distinct: how much farther than the mixture from the mean head, as in a caricature."""
        self.bank = bank
        far = (1 + distinct) * mixture - distinct / len(mixture)
        self.rest = {
            key: bank.mixed(f"{key}_rest", far) * scale
            for key in ("head", "up", "down", "gland_l", "gland_r")
        }
        self.shapes = bank.mixed("head_shapes", mixture) * scale  # [65, s, 3]
        self.down_shapes = bank.mixed("down_shapes", mixture) * scale  # [31, n, 3]
        self.joints = bank.mixed("joints", far) * scale
        self.eyes = bank.mixed("eyes", far) * scale  # [2, 4]
        self.moved: Ints = bank["head_moved"]
        self.weights = bank["weights"].astype(np.float64)
        self.rest["head"] = self._lower_arms(self.rest["head"])

    def _lower_arms(self, points: F64) -> F64:
        joint = dict(zip(JOINTS, self.joints, strict=True))
        result = np.zeros_like(points)
        column = {name: i for i, name in enumerate(JOINTS)}
        central = [column[name] for name in ("Spine2", "Neck", "Head")]
        result += self.weights[:, central].sum(1)[:, None] * points
        for side, sign in (("Left", 1.0), ("Right", -1.0)):
            shoulder = Turn(
                rotation("y", sign * SHOULDERS_DOWN), joint[f"{side}Shoulder"], np.zeros(3)
            )
            arm = shoulder.after(
                Turn(rotation("y", sign * ARMS_DOWN), joint[f"{side}Arm"], np.zeros(3))
            )
            for name, turn in ((f"{side}Shoulder", shoulder), (f"{side}Arm", arm)):
                result += self.weights[:, column[name], None] * turn(points)
        return result

    def expressed(self, weights: Mapping[str, float], extra: F64 | None = None) -> F64:
        """The head's vertices [n, 3] with shapes at these weights, not turned."""
        points = self.rest["head"].copy()
        for name, weight in weights.items():
            points[self.moved] += weight * self.shapes[self.bank.shape_names.index(name)]
        if extra is not None:
            points += extra
        return points

    def lower_teeth(self, weights: Mapping[str, float]) -> F64:
        """Lower teeth and tongue [n, 3] with shapes at these weights, not turned."""
        points = self.rest["down"].copy()
        for name, weight in weights.items():
            points += weight * self.down_shapes[self.bank.down_names.index(name)]
        return points

    def head_turn(self, yaw: float, pitch: float, roll: float) -> tuple[Turn, Turn]:
        """(neck, head) for a head turned by degrees: a third in the neck, the rest above it.

        yaw: to the viewer's right, which is the head's left. pitch: up. roll: clockwise as seen.
        """
        neck_at, head_at = self.joints[1], self.joints[2]

        def part(share: float) -> F64:
            return (
                rotation("z", share * yaw)
                @ rotation("x", -share * pitch)
                @ rotation("y", share * roll)
            )

        neck = Turn(part(0.35), neck_at, np.zeros(3))
        return neck, neck.after(Turn(part(0.65), head_at, np.zeros(3)))

    def skinned(self, points: F64, weights: F64, neck: Turn, head: Turn) -> F64:
        """Vertices turned with neck and head; weights [n, 2] of (neck, head), the rest stays."""
        still = 1 - weights.sum(1)
        turned = weights[:, :1] * neck(points) + weights[:, 1:] * head(points)
        return np.asarray(still[:, None] * points + turned)
