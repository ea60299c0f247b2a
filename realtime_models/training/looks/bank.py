"""The heads, read once into a compact form.

`python -m latentcam.realtime_models.training.looks.bank --help`

42 heads share one UV layout and one topology, but every file has its own order of vertices. A
vertex is found again by its UV coordinates; vertices that coincide in all heads are welded.

Frame: metres; the origin lies midway between the eyes; x to the head's left, y backwards, z up.
`bank.npz` holds, for H heads,
    names        str [H]
    <m>_rest     float32 [H, n, 3]   m: head, up (teeth), down (and tongue), gland_l, gland_r
    <m>_faces    int32 [f, 3], <m>_uv float32 [f, 3, 2] (per corner)
    head_shapes  float16 [H, 65, s, 3] on the vertices head_moved int32 [s]; shape_names
    down_shapes  float16 [H, 31, n, 3]; down_names
    weights      float32 [n, 7] of the joints JOINTS; joints float32 [H, 7, 3]
    eyes         float32 [H, 2, 4]   centre and radius, left first
    scalp        float32 [n]         0 face, 1 where hair may hide what the head is like
`skins/<name>.png` and `normals/<name>.png` hold the textures of each.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from latentcam.realtime_models.training.looks.glb import Glb

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

JOINTS = ("Spine2", "Neck", "Head", "LeftShoulder", "LeftArm", "RightShoulder", "RightArm")
"""The joints that a head-and-shoulders picture can show; all others count as their ancestors."""

BALD = (
    "AIAN_F_1", "AIAN_F_2", "AIAN_M_1", "AIAN_M_2", "Asian_F_2", "Asian_F_3", "Black_F_2",
    "Hispanic_F_3", "MENA_F_2", "White_F_1", "White_F_3", "X_NHPI_F_3", "Black_M_2",
)  # fmt: skip
"""Heads without hair modelled on the skull: they wear a wig or nothing."""

_MESHES = {
    "head": "H_DDS_HighRes", "up": "h_TeethUp", "down": "h_TeethDown",
    "gland_l": "h_L_gland", "gland_r": "h_R_gland",
}  # fmt: skip


def _world(nodes: list[dict[str, Any]]) -> list[F64]:
    """The world matrix of every node, [4, 4]."""
    parent = {child: i for i, node in enumerate(nodes) for child in node.get("children", [])}

    def local(node: dict[str, Any]) -> F64:
        x, y, z, w = node.get("rotation", (0, 0, 0, 1))
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        ) * np.array(node.get("scale", (1, 1, 1)))
        matrix[:3, 3] = node.get("translation", (0, 0, 0))
        return matrix

    def world(i: int) -> F64:
        own = local(nodes[i])
        return world(parent[i]) @ own if i in parent else own

    return [world(i) for i in range(len(nodes))]


def _upright(points: F64) -> F64:
    """glTF's y up, z forwards to ours: z up, y backwards."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)


class _Mesh:
    """A skinned mesh of one file, in bind pose, in the world."""

    def __init__(self, glb: Glb, name: str, world: list[F64]) -> None:
        names = [mesh["name"] for mesh in glb.json["meshes"]]
        index = names.index(name)
        primitive = glb.json["meshes"][index]["primitives"][0]
        attributes = primitive["attributes"]
        node = next(n for n in glb.json["nodes"] if n.get("mesh") == index)
        skin = glb.json["skins"][node["skin"]]
        inverse = glb.accessor(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        matrices = np.stack([world[n] @ inverse[i] for i, n in enumerate(skin["joints"])])
        self.joints = glb.accessor(attributes["JOINTS_0"]).astype(int)
        weights = glb.accessor(attributes["WEIGHTS_0"]).astype(float)
        self.weights = weights / weights.sum(1, keepdims=True)
        self.joint_nodes = skin["joints"]
        blend = np.einsum("vk,vkab->vab", self.weights, matrices[self.joints])
        position = glb.accessor(attributes["POSITION"]).astype(float)
        self.rest = _upright(np.einsum("vab,vb->va", blend[:, :3, :3], position) + blend[:, :3, 3])
        self.shapes: F64 = np.zeros((0, len(position), 3))
        targets = primitive.get("targets", [])
        if targets:
            deltas = np.stack([glb.accessor(t["POSITION"]) for t in targets])
            self.shapes = _upright(np.einsum("vab,tvb->tva", blend[:, :3, :3], deltas))
        extras = glb.json["meshes"][index].get("extras", {})
        self.shape_names = [
            n.split(".")[-1].removesuffix("_h") for n in extras.get("targetNames", [])
        ]
        self.uv = glb.accessor(attributes["TEXCOORD_0"]).astype(np.float64)
        self.faces = glb.accessor(primitive["indices"]).astype(np.int64).reshape(-1, 3)
        grid = np.round(self.uv * 65535).astype(np.int64)
        self.key = grid[:, 0] * 65536 + grid[:, 1]


class _Layout:
    """The common order of a mesh: keys of its UV vertices, welded vertices, triangles."""

    def __init__(self, meshes: list[_Mesh], keep: npt.NDArray[np.bool_]) -> None:
        first = meshes[0]
        faces = first.faces[keep[first.faces].all(1)]
        self.keys = np.unique(first.key[faces])
        places = np.concatenate([m.rest[self._first(m)] for m in meshes], 1)
        _, self.vertex, self.weld = np.unique(
            np.round(places, 6), axis=0, return_index=True, return_inverse=True
        )
        self.weld = self.weld.reshape(-1)
        corner = np.searchsorted(self.keys, first.key[faces])
        self.uv = first.uv[self._first(first)][corner]
        self.faces = self.weld[corner]
        solid = np.array([len(set(face)) == 3 for face in self.faces.tolist()])
        self.faces, self.uv = self.faces[solid], self.uv[solid]

    def _first(self, mesh: _Mesh) -> Ints:
        """Of every key, a vertex of this mesh."""
        order = np.argsort(mesh.key, kind="stable")
        return order[np.searchsorted(mesh.key[order], self.keys)]

    def pick(self, mesh: _Mesh) -> Ints:
        """Of every welded vertex, a vertex of this mesh."""
        return self._first(mesh)[self.vertex]


def hairline(azimuth: F64, front: float = 0.0, temple: float = 0.0) -> F64:
    """Height over the eyes at which hair begins; azimuth in radians, 0 in front, pi behind.

    front and temple raise it there, in metres (receding hair).
    """
    degrees = np.abs(np.degrees(azimuth))
    angles = np.array([0, 25, 42, 54, 64, 72, 84, 95, 104, 112, 125, 145, 180])
    heights = np.array(
        [68, 68, 63, 44, 22, -8, -8, 26, 24, 4, -32, -58, -66],
        dtype=np.float64,
    )  # fmt: skip
    raised = heights / 1000 + front * np.exp(-((angles / 28.0) ** 2))
    raised += temple * np.exp(-(((angles - 44) / 16.0) ** 2))
    return np.interp(degrees, angles, raised)


SKULL = np.array([0.0, 0.075, 0.03])
"""The middle of the skull, from the eyes."""


def azimuth_of(points: F64) -> F64:
    """Angle around the skull, 0 in front, pi behind, positive to the head's left."""
    away = points - SKULL
    return np.asarray(np.arctan2(away[..., 0], -away[..., 1]))


def _unmodel_hair(rest: F64, names: list[str], scalp: F32, weights: F32) -> None:
    """Give every head a bald skull, in place: that of the bald heads, fitted to its face."""
    men = ["_M_" in n for n in names]
    bald = [n in BALD for n in names]
    region = scalp > 0
    fit = (weights[:, 2] > 0.5) & ~region & (rest.mean(0)[:, 2] > -0.06)
    for h in range(len(names)):
        if bald[h]:
            continue
        like = [i for i in range(len(names)) if bald[i] and men[i] == men[h]]
        model = rest[like].mean(0)
        ones = np.concatenate([model, np.ones((len(model), 1))], 1)
        affine = np.linalg.lstsq(ones[fit], rest[h][fit], rcond=None)[0]
        guess = ones @ affine
        border = np.flatnonzero(fit)[::3]
        error = (rest[h] - guess)[border]
        for v in np.flatnonzero(region):
            distance = np.linalg.norm(guess[border] - guess[v], axis=1)
            near = np.exp(-distance / 0.008)
            pull = (near @ error) / (near.sum() + 1e-4 * len(border) * np.exp(-4.0))
            new = guess[v] + pull * np.exp(-distance.min() / 0.03)
            rest[h, v] += scalp[v] * (new - rest[h, v])


def _sphere(points: F64) -> F64:
    """Least-squares sphere through points: centre and radius."""
    system = np.concatenate([2 * points, np.ones((len(points), 1))], 1)
    x = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    return np.append(x[:3], np.sqrt(x[3] + (x[:3] ** 2).sum()))


def build(heads: Path, out: Path) -> None:
    """Read all heads of a folder and write bank.npz and the textures."""
    paths = sorted((heads / "valid").glob("*.glb")) or sorted(heads.glob("*.glb"))
    if not paths:
        raise FileNotFoundError(f"no .glb in {heads} or {heads / 'valid'}")
    files: list[dict[str, _Mesh]] = []
    joints, eyes, names = [], [], []
    for folder in ("skins", "normals"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for path in paths:
        glb = Glb(path)
        name = path.stem.removesuffix("_Casual")
        names.append(name)
        world = _world(glb.json["nodes"])
        files.append({key: _Mesh(glb, value, world) for key, value in _MESHES.items()})
        place = {n["name"]: world[i][:3, 3] for i, n in enumerate(glb.json["nodes"])}
        joints.append(_upright(np.array([place[j] for j in JOINTS])))
        balls = [_Mesh(glb, f"h_{side}_eye", world).rest for side in "LR"]
        eyes.append(np.array([_sphere(ball) for ball in balls]))
        material = glb.json["materials"][0]
        colour = material["pbrMetallicRoughness"]["baseColorTexture"]["index"]
        normal = material["normalTexture"]["index"]
        for folder, index in (("skins", colour), ("normals", normal)):
            picture = Image.open(io.BytesIO(glb.texture(index))).convert("RGB")
            picture.save(out / folder / f"{name}.png", compress_level=1)
    arrays: dict[str, npt.NDArray[Any]] = {"names": np.array(names)}
    middle = np.array([e[:, :3].mean(0) for e in eyes])
    for key in _MESHES:
        meshes = [f[key] for f in files]
        keep = np.ones(len(meshes[0].rest), bool)
        if key == "head":
            keep = (meshes[0].rest[:, 2] > 1.1) & (np.abs(meshes[0].rest[:, 0]) < 0.5)
        layout = _Layout(meshes, keep)
        picks = [layout.pick(m) for m in meshes]
        rest = np.stack([m.rest[p] for m, p in zip(meshes, picks, strict=True)])
        rest -= middle[:, None]
        arrays[f"{key}_faces"] = layout.faces.astype(np.int32)
        arrays[f"{key}_uv"] = layout.uv.astype(np.float32)
        if key in ("head", "down"):
            shapes = np.stack([m.shapes[:, p] for m, p in zip(meshes, picks, strict=True)])
            if key == "head":
                moved = np.flatnonzero(np.abs(shapes).max((0, 1, 3)) > 2e-5)
                arrays["head_moved"] = moved.astype(np.int32)
                shapes = shapes[:, :, moved]
                weights = _weights(files[0]["head"], picks[0], paths[0])
                arrays["weights"] = weights
                model = rest[[i for i, n in enumerate(names) if n in BALD]].mean(0)
                over = model[:, 2] - hairline(azimuth_of(model))
                scalp = np.clip((over + 0.012) / 0.012, 0, 1) * (weights[:, 2] > 0.05)
                ear = (np.abs(model[:, 0]) > 0.068) & (np.abs(model[:, 1] - 0.085) < 0.03)
                scalp[ear & (model[:, 2] < 0.022)] = 0
                arrays["scalp"] = scalp.astype(np.float32)
                _unmodel_hair(rest, names, arrays["scalp"], weights)
            arrays[f"{key}_shapes"] = shapes.astype(np.float16)
            arrays["shape_names" if key == "head" else "down_names"] = np.array(
                meshes[0].shape_names
            )
        arrays[f"{key}_rest"] = rest.astype(np.float32)
    arrays["joints"] = (np.array(joints) - middle[:, None]).astype(np.float32)
    centred = np.array(eyes)
    centred[:, :, :3] -= middle[:, None]
    arrays["eyes"] = centred.astype(np.float32)
    np.savez(out / "bank.npz", **arrays)  # type: ignore[arg-type]


def _weights(mesh: _Mesh, pick: Ints, path: Path) -> F32:
    """Weights of JOINTS, [n, 7]: a joint that is not among them counts as its next ancestor."""
    nodes = Glb(path).json["nodes"]
    parent = {child: i for i, node in enumerate(nodes) for child in node.get("children", [])}
    names = [node["name"] for node in nodes]
    column = np.zeros(len(mesh.joint_nodes), int)
    for i, node in enumerate(mesh.joint_nodes):
        while names[node] not in JOINTS and node in parent:
            node = parent[node]
        column[i] = JOINTS.index(names[node]) if names[node] in JOINTS else 0
    weights = np.zeros((len(pick), len(JOINTS)), np.float32)
    for k in range(mesh.joints.shape[1]):
        np.add.at(
            weights, (np.arange(len(pick)), column[mesh.joints[pick, k]]), mesh.weights[pick, k]
        )
    return weights


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--heads", type=Path, required=True, help="the folder of .glb heads")
    parser.add_argument("--out", type=Path, required=True, help="the cache folder")
    options = parser.parse_args()
    build(options.heads, options.out)


if __name__ == "__main__":
    main()
