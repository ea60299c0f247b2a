"""Drawable meshes: the body itself, and proxies (eyes, teeth, hair, clothes) that follow it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from latentcam.realtime_models.training.heads.makehuman import (
    F32,
    I32,
    BoolArray,
    Clothing,
    Obj,
)
from latentcam.realtime_models.training.heads.rig import skin
from latentcam.realtime_models.training.heads.subdivision import subdivide

FaceFilter = Callable[[F32], BoolArray]
"""Corners of faces [f, 4, 3] -> which faces to keep [f]."""


class Part:
    """A mesh split at its texture seams, ready for the GPU.

    source: which vertices of the given mesh it uses. seam_vertices [n] maps the GPU's vertices to
    the (subdivided) mesh's; uv [n, 2]; triangles [t, 3] and triangle_source [t, 3] (vertices of
    `source` order of the face that each triangle came from).
    """

    def __init__(self, mesh: Obj, keep: BoolArray, refine: bool = False) -> None:
        self.source, inverse = np.unique(mesh.faces[keep], return_inverse=True)
        faces = inverse.reshape(-1, 4).astype(np.int32)
        used_uvs, uv_inverse = np.unique(mesh.uv_faces[keep], return_inverse=True)
        uv_faces = uv_inverse.reshape(-1, 4).astype(np.int32)
        uvs = mesh.uvs[used_uvs]
        coarse = faces
        count = len(self.source)
        self._refine: Any = None
        if refine and not (faces[:, 2] == faces[:, 3]).any():
            fine = subdivide(faces, count, uv_faces, len(uvs))
            self._refine = fine.positions
            faces, uv_faces, uvs = fine.faces, fine.uv_faces, fine.uvs @ uvs
            count = fine.positions.shape[0]
        pairs, split = np.unique(
            np.stack([faces.reshape(-1), uv_faces.reshape(-1)], 1), axis=0, return_inverse=True
        )
        self.seam_vertices: I32 = pairs[:, 0].astype(np.int32)
        self.uv: F32 = uvs[pairs[:, 1]].astype(np.float32)
        quads = split.reshape(-1, 4)
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        origin = np.tile(np.arange(len(quads)) % len(coarse), 2)
        solid = (triangles[:, 1] != triangles[:, 2]) & (triangles[:, 0] != triangles[:, 2])
        self.triangles: I32 = triangles[solid].astype(np.int32)
        self.triangle_source: I32 = coarse[origin[solid]]
        self._faces = faces
        self._around = sp.csr_matrix(
            (np.ones(faces.size, np.float32), (faces.reshape(-1), np.repeat(range(len(faces)), 4))),
            shape=(count, len(faces)),
        )

    def build(self, vertices: F32) -> tuple[F32, F32]:
        """Vertices of `source` [n, 3] -> positions and unit normals of the (refined) mesh."""
        points = vertices if self._refine is None else self._refine @ vertices
        a, b, c, d = (points[self._faces[:, k]] for k in range(4))
        normals = self._around @ np.cross(c - a, d - b)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        return points, normals


class Proxy:
    """A mesh pinned to the base mesh. Fit it on the unposed head, then skin it like the head."""

    def __init__(
        self,
        mesh: Obj,
        clothing: Clothing,
        weights: Any,
        refine: bool = False,
        keep: FaceFilter | None = None,
    ) -> None:
        """weights: the rig's skin weights of the base mesh."""
        mask = np.ones(len(mesh.faces), bool) if keep is None else keep(mesh.vertices[mesh.faces])
        self.part = Part(mesh, mask, refine)
        self.hidden = clothing.hidden
        source = self.part.source
        self._clothing = replace(
            clothing,
            index=clothing.index[source],
            weight=clothing.weight[source],
            offset=clothing.offset[source],
        )
        index, weight = self._clothing.index, self._clothing.weight
        pinned = sp.csr_matrix(
            (
                np.maximum(weight, 0).reshape(-1),
                (np.repeat(range(len(index)), 3), index.reshape(-1)),
            ),
            shape=(len(index), weights.shape[0]),
        )
        bones = pinned @ weights
        total = np.maximum(np.asarray(bones.sum(1)).ravel(), 1e-9)
        self._bones = (sp.diags(1 / total) @ bones).tocsr().astype(np.float32)

    def fit(self, base: F32) -> F32:
        """The proxy on an unposed head, [n, 3]."""
        return self._clothing.fit(base)

    def pose(self, base: F32, transforms: F32) -> tuple[F32, F32]:
        """Positions and normals on a posed head."""
        return self.part.build(skin(self._bones, transforms, self.fit(base)))
