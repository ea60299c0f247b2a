"""The skeleton of the head: pose units, and linear blend skinning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from latentcam.realtime_models.training.heads.makehuman import F32, Assets

F64 = npt.NDArray[np.float64]
"""float64, any shape: rotations and transforms."""

NECK = (("neck01", 0.15), ("neck02", 0.20), ("neck03", 0.25), ("head", 0.40))
"""The bones that share a head turn, and the share of each."""

EYES = ("eye.L", "eye.R")
_Z_UP_TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def rotation(axis_angle: F64) -> F64:
    """The 3x3 matrix of a rotation vector in radians (Rodrigues)."""
    angle = float(np.linalg.norm(axis_angle))
    if angle < 1e-9:
        return np.eye(3)
    x, y, z = axis_angle / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def axis_angle(matrix: F64) -> F64:
    """The rotation vector in radians of a 3x3 matrix, for angles below half a turn."""
    angle = np.arccos(np.clip((np.trace(matrix) - 1) / 2, -1, 1))
    if angle < 1e-8:
        return np.zeros(3)
    skew = np.array(
        [matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]]
    )
    return np.asarray(angle / (2 * np.sin(angle)) * skew)


def head_rotation(yaw: float, pitch: float, roll: float) -> F64:
    """Degrees as in `realtime_models.axes`: right, up, and clockwise for the viewer."""
    turn = rotation(np.array([0, np.radians(yaw), 0]))
    nod = rotation(np.array([-np.radians(pitch), 0, 0]))
    tilt = rotation(np.array([0, 0, -np.radians(roll)]))
    return turn @ nod @ tilt


class Rig:
    """MakeHuman's default skeleton from the neck up; all below it is one bone that stays still."""

    def __init__(self, assets: Assets, vertices: int) -> None:
        skeleton = json.loads(assets.file("rigs/default.mhskel").read_text())
        bones = skeleton["bones"]

        def chain(bone: str) -> list[str]:
            names = [bone]
            while parent := bones[names[-1]]["parent"]:
                names.append(parent)
            return names

        kept = sorted((b for b in bones if "neck01" in chain(b)), key=lambda b: len(chain(b)))
        self.names = ["root", *kept]
        self.index = {name: i for i, name in enumerate(self.names)}
        self.parents = [-1] + [self.index.get(bones[bone]["parent"], 0) for bone in kept]
        joints = [skeleton["joints"][bones[bone]["head"]] for bone in kept]
        self.weights = self._weights(assets, vertices)
        rows = np.repeat(np.arange(len(joints)), [len(joint) for joint in joints])
        self._joint_matrix = sp.csr_matrix(
            (
                np.repeat([1 / len(joint) for joint in joints], [len(joint) for joint in joints]),
                (rows, np.concatenate(joints)),
            ),
            shape=(len(joints), vertices),
        ).astype(np.float32)
        self.units = self._units(assets)

    def _weights(self, assets: Assets, vertices: int) -> Any:
        """Sparse float32 [vertices, bones]; rows sum to 1."""
        table = json.loads(assets.file("rigs/default_weights.mhw").read_text())["weights"]
        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        for bone, pairs in table.items():
            for vertex, weight in pairs:
                rows.append(vertex)
                columns.append(self.index.get(bone, 0))
                values.append(weight)
        matrix = sp.csr_matrix((values, (rows, columns)), shape=(vertices, len(self.names)))
        loose = np.flatnonzero(np.asarray(matrix.sum(1)).ravel() < 1e-6)
        still = sp.csr_matrix((np.ones(len(loose)), (loose, loose * 0)), shape=matrix.shape)
        matrix = matrix + still
        return (sp.diags(1 / np.asarray(matrix.sum(1)).ravel()) @ matrix).tocsr().astype(np.float32)

    def _units(self, assets: Assets) -> dict[str, dict[str, F64]]:
        """Pose unit -> bone -> rotation vector at weight 1. One BVH frame is one unit."""
        names = json.loads(assets.file("poseunits/face-poseunits.json").read_text())["framemapping"]
        head, motion = assets.file("poseunits/face-poseunits.bvh").read_text().split("MOTION")
        channels: list[tuple[str, list[str]]] = []
        joint = ""
        for line in head.splitlines():
            words = line.split()
            if words and words[0] in ("ROOT", "JOINT"):
                joint = words[1]
            elif words and words[0] == "CHANNELS":
                channels.append((joint, words[2:]))
        frames = [line.split() for line in motion.splitlines()[3:] if line.strip()]
        units: dict[str, dict[str, F64]] = {}
        for name, frame in zip(names, frames, strict=False):
            values = iter(float(word) for word in frame)
            unit: dict[str, F64] = {}
            for bone, channel in channels:
                matrix = np.eye(3)
                for kind in channel:
                    value = next(values)
                    if kind.endswith("rotation"):
                        matrix = matrix @ rotation(
                            np.radians(value) * np.eye(3)["XYZ".index(kind[0])]
                        )
                vector = axis_angle(_Z_UP_TO_Y_UP @ matrix @ _Z_UP_TO_Y_UP.T)
                if bone in self.index and np.abs(vector).max() > 1e-4:
                    unit[bone] = vector
            units[name] = unit
        return units

    def joints(self, vertices: F32) -> F32:
        """The place of each bone's head on a mesh, [bones - 1, 3]; the still bone has none."""
        return np.asarray(self._joint_matrix @ vertices)

    def transforms(
        self,
        joints: F32,
        units: Mapping[str, float],
        head: tuple[float, float, float],
        gaze: tuple[float, float],
    ) -> F32:
        """One 3x4 matrix per bone, [bones, 12].

        units: weights of pose units; rotation vectors about one joint add up.
        head: yaw, pitch, roll in degrees. gaze: yaw, pitch in degrees, relative to the head.
        """
        vectors: dict[str, F64] = {}
        for unit, weight in units.items():
            for bone, vector in self.units[unit].items():
                vectors[bone] = vectors.get(bone, 0) + weight * vector
        turns = {bone: rotation(vector) for bone, vector in vectors.items()}
        for bone in EYES:
            turns[bone] = head_rotation(*gaze, 0.0)
        for bone, share in NECK:
            turns[bone] = head_rotation(*(share * angle for angle in head))
        matrices = np.zeros((len(self.names), 4, 4))
        matrices[0] = np.eye(4)
        for i in range(1, len(self.names)):
            parent = matrices[self.parents[i]]
            turn = turns.get(self.names[i])
            if turn is None:
                matrices[i] = parent
                continue
            local = np.eye(4)
            local[:3, :3] = turn
            local[:3, 3] = joints[i - 1] - turn @ joints[i - 1]
            matrices[i] = parent @ local
        return matrices[:, :3].reshape(-1, 12).astype(np.float32)


def skin(weights: Any, transforms: F32, vertices: F32) -> F32:
    """Move vertices [n, 3] by the blend of bone transforms that weights [n, bones] ask for."""
    blended = (weights @ transforms).reshape(-1, 3, 4)
    moved = np.einsum("nij,nj->ni", blended[:, :, :3], vertices) + blended[:, :, 3]
    return np.asarray(moved, np.float32)
