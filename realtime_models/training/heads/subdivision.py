"""One Catmull-Clark step, as sparse matrices that are applied to every pose anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from latentcam.realtime_models.training.heads.makehuman import I32


@dataclass(frozen=True, slots=True)
class Subdivision:
    """Finer faces, and the matrices that make their vertices and texture coordinates.

    Face i of the coarse mesh becomes faces i, i + n, i + 2n, i + 3n.
    """

    positions: Any  # sparse float32 [fine vertices, coarse vertices]
    uvs: Any  # sparse float32 [fine uvs, coarse uvs]
    faces: I32  # [4n, 4]
    uv_faces: I32  # [4n, 4]


def _edges(faces: I32) -> tuple[I32, I32, I32]:
    """Unique edges [e, 2], the edge of each face side [n, 4], the number of faces per edge [e]."""
    sides = np.stack([faces, np.roll(faces, -1, 1)], -1).reshape(-1, 2)
    edges, inverse, counts = np.unique(
        np.sort(sides, 1), axis=0, return_inverse=True, return_counts=True
    )
    sides_edge = inverse.reshape(faces.shape)
    return edges.astype(np.int32), sides_edge.astype(np.int32), counts.astype(np.int32)


def _averages(rows: Any, columns: Any, shape: tuple[int, int]) -> Any:
    """A matrix whose row i is the mean of the columns paired with i."""
    matrix = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
    return sp.diags(1.0 / np.maximum(np.asarray(matrix.sum(1)).ravel(), 1.0)) @ matrix


def _split(faces: I32, sides: I32, vertices: int, edges: int) -> I32:
    """Four quads per face; edge points follow the vertices and face points come last."""
    centre = np.arange(len(faces)) + vertices + edges
    side = sides + vertices
    quads = [np.stack([faces[:, k], side[:, k], centre, side[:, (k - 1) % 4]], 1) for k in range(4)]
    return np.concatenate(quads).astype(np.int32)


def subdivide(faces: I32, vertices: int, uv_faces: I32, uvs: int) -> Subdivision:
    """Refine a mesh of true quads whose vertices are all in use.

    Rules of Catmull and Clark with smooth open borders:
    https://en.wikipedia.org/wiki/Catmull-Clark_subdivision_surface
    """
    count = len(faces)
    face_of_corner = np.repeat(np.arange(count), 4)
    edges, sides, edge_faces = _edges(faces)
    ends = edges.reshape(-1)
    edge_of_end = np.repeat(np.arange(len(edges)), 2)
    face_points = _averages(face_of_corner, faces.reshape(-1), (count, vertices))
    middles = _averages(edge_of_end, ends, (len(edges), vertices))
    around = _averages(sides.reshape(-1), face_of_corner, (len(edges), count)) @ face_points
    border = edge_faces != 2
    inner = sp.diags((~border).astype(float))
    edge_points = inner @ (0.5 * middles + 0.5 * around) + sp.diags(border.astype(float)) @ middles

    valence = np.maximum(np.bincount(faces.reshape(-1), minlength=vertices), 1)
    faces_mean = _averages(faces.reshape(-1), face_of_corner, (vertices, count)) @ face_points
    edges_mean = _averages(ends, edge_of_end, (vertices, len(edges))) @ middles
    same = sp.identity(vertices, format="csr")
    smooth = (
        sp.diags(1.0 / valence) @ faces_mean
        + sp.diags(2.0 / valence) @ edges_mean
        + sp.diags((valence - 3.0) / valence) @ same
    )
    on_border = np.zeros(vertices, bool)
    on_border[edges[border].reshape(-1)] = True
    rim = np.flatnonzero(border)
    rim_mean = _averages(edges[border].reshape(-1), np.repeat(rim, 2), (vertices, len(edges)))
    crease = 0.5 * same + 0.5 * (rim_mean @ middles)
    moved = (
        sp.diags((~on_border).astype(float)) @ smooth + sp.diags(on_border.astype(float)) @ crease
    )

    uv_edges, uv_sides, _ = _edges(uv_faces)
    uv_middles = _averages(
        np.repeat(np.arange(len(uv_edges)), 2), uv_edges.reshape(-1), (len(uv_edges), uvs)
    )
    uv_centres = _averages(face_of_corner, uv_faces.reshape(-1), (count, uvs))
    return Subdivision(
        sp.vstack([moved, edge_points, face_points]).tocsr().astype(np.float32),
        sp.vstack([sp.identity(uvs), uv_middles, uv_centres]).tocsr().astype(np.float32),
        _split(faces, sides, vertices, len(edges)),
        _split(uv_faces, uv_sides, uvs, len(uv_edges)),
    )
