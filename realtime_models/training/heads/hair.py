"""Hair styles: MakeHuman's hair meshes, some of them mirrored, or combed out of the face."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from latentcam.realtime_models.training.heads.makehuman import F32, Clothing, Obj

AXIS_Z, HALF_WIDTH, HALF_DEPTH = 0.3, 0.88, 1.25
"""The head as an upright elliptic cylinder, in dm on MakeHuman's base mesh."""

HAIRLINE, BROWS = 8.1, 7.6
"""Heights in dm on the base mesh: where a fringe begins to open, and where it is fully open."""

CHIN = 6.5
"""The height down to which a combed fringe closes again a little, round the cheek."""

OPENING, CHEEK, REACH = -58.0, -36.0, -110.0
"""Angles in degrees from straight ahead: where a combed fringe ends at the brows and at the chin,
and where hair stays put."""


@dataclass(frozen=True, slots=True)
class Style:
    """How MakeHuman's hair of this name is worn.

    parting: None leaves the hair as it is; else the fringe to the left of this angle (degrees from
    straight ahead, positive to the viewer's right) is combed to the side, out of brows and eyes.
    mirrored: left and right change places after that.
    soft_edge: strands that are seen edge-on fade; at temples that would bare the skin.
    gloss: how much light it throws back.
    """

    asset: str
    parting: float | None = None
    mirrored: bool = False
    soft_edge: bool = False
    gloss: float = 1.0


STYLES: dict[str, Style] = {
    "crop": Style("short01", gloss=0.35),
    "tousled": Style("short02", gloss=0.6),
    "sleek": Style("short04", gloss=0.5),
    "swept": Style("short03", 35.0, gloss=0.8),
    "swept_right": Style("short03", 35.0, mirrored=True, gloss=0.8),
    "long": Style("long01", soft_edge=True),
    "bob": Style("bob02", 25.0),
    "bob_right": Style("bob02", 25.0, mirrored=True),
    "tied": Style("ponytail01", gloss=0.8),
    "afro": Style("afro01", gloss=0.15),
}
"""Name of a style -> how it is made."""


def styled(style: Style, mesh: Obj, hair: Clothing, base: F32) -> tuple[Obj, Clothing]:
    """MakeHuman's hair, as worn. base: vertices [n, 3] of the base mesh, symmetric in x."""
    if style.parting is not None:
        fitted = hair.fit(base)
        combed = comb(fitted, style.parting)
        hair = replace(hair, offset=hair.offset + (combed - fitted) / hair.scale(base))
    if style.mirrored:
        flip = np.array([-1, 1, 1], np.float32)
        _, twins = cKDTree(base).query(base * flip)
        hair = replace(hair, index=twins[hair.index].astype(np.int32), offset=hair.offset * flip)
        # Other windings, so that normals still point outwards.
        faces, uv_faces = mesh.faces[:, [1, 0, 3, 2]], mesh.uv_faces[:, [1, 0, 3, 2]]
        mesh = replace(mesh, vertices=mesh.vertices * flip, faces=faces, uv_faces=uv_faces)
    return mesh, hair


def comb(points: F32, parting: float) -> F32:
    """Turn the fringe to the left of the parting round the head. points: [n, 3]."""
    x, y, z = points.astype(np.float64).T
    across, ahead = x / HALF_WIDTH, (z - AXIS_Z) / HALF_DEPTH
    radius, angle = np.hypot(across, ahead), np.degrees(np.arctan2(across, ahead))
    share = np.clip((HAIRLINE - y) / (HAIRLINE - BROWS), 0, 1)
    end = np.interp(y, (CHIN, BROWS - 0.4), (CHEEK, OPENING))
    edge = parting + share * share * (3 - 2 * share) * (end - parting)
    turned = edge + (angle - parting) * (REACH - edge) / (REACH - parting)
    angle = np.radians(np.where((angle > REACH) & (angle < parting), turned, angle))
    width, depth = radius * np.sin(angle) * HALF_WIDTH, radius * np.cos(angle) * HALF_DEPTH
    return np.stack([width, y, depth + AXIS_Z], 1).astype(np.float32)
