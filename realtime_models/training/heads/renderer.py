"""A picture of a face: `HeadRenderer` turns an identity and a control vector into pixels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moderngl
import numpy as np

from latentcam.realtime_models.training.heads.camera import look_at, orthographic, perspective
from latentcam.realtime_models.training.heads.canvas import Canvas, Mesh, Rgb, assign
from latentcam.realtime_models.training.heads.expression import (
    TARGETS,
    Expression,
    expression_from_x,
)
from latentcam.realtime_models.training.heads.hair import STYLES, styled
from latentcam.realtime_models.training.heads.identity import Colour, Identity
from latentcam.realtime_models.training.heads.makehuman import (
    F32,
    Assets,
    BoolArray,
    Clothing,
    Obj,
    Target,
    load_clothing,
    load_obj,
    load_target,
)
from latentcam.realtime_models.training.heads.parts import Part, Proxy
from latentcam.realtime_models.training.heads.rig import Rig, skin
from latentcam.realtime_models.training.heads.sculpt import RACES

VIEW_WIDTH = 2.8
"""Width of the picture at the face, in dm; it holds the largest hair."""

EYE_HEIGHT = 0.505
"""Where the eyes are in every picture, as a share of its height from below."""

FIELD_OF_VIEW = 22.0
LIGHT_REACH = 2.3
LEFT_EYE = slice(14598, 14670)
RIGHT_EYE = slice(14670, 14742)
LIPS, DEPTHS = (474, 493), (468, 494)
"""Base vertices: one of each lip whose mean height places the mouth, and one for its depth."""

LIP_SHADE = 4.0
"""How much further forward than they are pursed lips count, for the shade behind them."""


@dataclass(slots=True)
class _Set:
    """What is kept of an identity between pictures."""

    identity: Identity
    base: F32  # the head at rest, unposed
    index: Any  # vertices that expressions move
    deltas: Any  # [targets, moved vertices, 3] mixed over races
    proxies: dict[str, str]  # role -> key of the proxy
    eyes: F32  # the point between the eyes


@dataclass(frozen=True, slots=True)
class _Landmarks:
    """Where things are in a pose; eyes and mouth before the head's own turn."""

    head_inverse: F32  # [4, 4]
    eyes: tuple[F32, F32]
    mouth: F32


class HeadRenderer:
    """Renders heads at one size, in one studio light and one framing.

    The same identity and x give the same pixels. Not for use from several threads.
    """

    def __init__(self, assets: Path, size: int = 256) -> None:
        """assets: the folder of MakeHuman's repositories. Raises MissingAssetsError."""
        self._assets = Assets(assets)
        self._mesh: Obj = load_obj(self._assets.file("3dobjs/base.obj"))
        self._rig = Rig(self._assets, len(self._mesh.vertices))
        self._targets: dict[str, Target] = {}
        self._proxies: dict[str, Proxy] = {}
        self._meshes: dict[str, Mesh] = {}
        self._sets: OrderedDict[int, _Set] = OrderedDict()
        self._canvas = Canvas(size)
        self._names = list(TARGETS)
        corners = self._mesh.vertices[self._mesh.faces]
        seen = (corners[:, :, 1].min(1) > 4.2) & (np.abs(corners[:, :, 0]).max(1) < 2.4)
        self._body = Part(self._mesh, (self._mesh.groups == "body") & seen, refine=True)
        self._body_weights = self._rig.weights[self._body.source]
        self._meshes["body"] = Mesh(self._canvas.context, self._body, self._bake_occlusion())

    def render(self, identity: Identity, x: F32) -> Rgb:
        """The picture, uint8 [size, size, 3]. x: float32 [24] in the order of FACE_AXES."""
        return self.render_expression(identity, expression_from_x(x))

    def render_expression(self, identity: Identity, expression: Expression) -> Rgb:
        """The same for a pose that no control vector may reach."""
        prepared = self._prepare(identity)
        return self._draw(prepared, self._pose(prepared, expression))

    def _target(self, name: str) -> Target:
        if name not in self._targets:
            self._targets[name] = load_target(self._assets.file(f"targets/{name}.target"))
        return self._targets[name]

    def _morphed(self, weights: Mapping[str, float]) -> F32:
        base = self._mesh.vertices.copy()
        for name, weight in weights.items():
            target = self._target(name)
            base[target.index] += np.float32(weight) * target.delta
        return base

    def _prepare(self, identity: Identity) -> _Set:
        key = id(identity)
        if key in self._sets:
            self._sets.move_to_end(key)
            return self._sets[key]
        base = self._morphed(identity.targets)
        dense = np.zeros((len(self._names), len(base), 3), np.float32)
        for race, share in identity.races.items():
            for i, name in enumerate(self._names):
                target = self._target(f"expression/units/{race}/{name}")
                dense[i, target.index] += np.float32(share) * target.delta
        index = np.flatnonzero(np.abs(dense).max((0, 2)) > 0)
        prepared = _Set(
            identity,
            base,
            index,
            np.ascontiguousarray(dense[:, index]).reshape(len(self._names), -1),
            {
                "eyes": self._proxy("eyes/high-poly/high-poly"),
                "teeth": self._proxy("teeth/teeth_base/teeth_base"),
                "tongue": self._proxy("tongue/tongue01/tongue01", refine=True),
                "brow": self._proxy(f"eyebrows/{identity.brow}/{identity.brow}"),
                "lash": self._proxy("eyelashes/eyelashes01/eyelashes01"),
                "hair": self._hair(identity.hair),
                "cloth": self._proxy(f"clothes/{identity.clothes}/{identity.clothes}", refine=True),
            },
            (base[LEFT_EYE].mean(0) + base[RIGHT_EYE].mean(0)) / 2,
        )
        self._sets[key] = prepared  # holds the identity, so its id stays its own
        if len(self._sets) > 16:
            self._sets.popitem(last=False)
        return prepared

    def _proxy(self, name: str, refine: bool = False) -> str:
        """Load a proxy and its mesh once; returns its key."""
        if name in self._proxies:
            return name

        def above_chest(corners: F32) -> BoolArray:
            return np.asarray(corners[:, :, 1].min(1) > 3.9)

        clothes = name.startswith("clothes/")
        obj, clothing = self._clothing(name)
        keep = above_chest if clothes else None
        proxy = Proxy(obj, clothing, self._rig.weights, refine, keep)
        mesh = Mesh(self._canvas.context, proxy.part)
        if clothes:
            hidden = np.zeros(len(self._mesh.vertices), bool)
            hidden[proxy.hidden] = True
            covered = hidden[self._body.source][self._body.triangle_source].any(1)
            self._meshes["body"].set_triangles(name, self._body.triangles[~covered])
        self._proxies[name] = proxy
        self._meshes[name] = mesh
        return name

    def _clothing(self, name: str) -> tuple[Obj, Clothing]:
        """The files of a proxy."""
        path = self._assets.file(f"{name}.mhclo")
        clothing = load_clothing(path)
        return load_obj(path.parent / clothing.obj_name), clothing

    def _hair(self, name: str) -> str:
        """Load a hair style and its mesh once; returns its key."""
        key = f"hair/{name}"
        if key not in self._proxies:
            style, base = STYLES[name], self._mesh.vertices
            obj, clothing = self._clothing(f"hair/{style.asset}/{style.asset}")
            proxy = Proxy(*styled(style, obj, clothing, base), self._rig.weights)
            mesh = Mesh(self._canvas.context, proxy.part)
            # Sorted once from the inside out, which is far to near for the strands one sees.
            points = proxy.fit(base)[proxy.part.seam_vertices]
            distance = points[proxy.part.triangles].mean(1) - np.array([0.0, 7.4, 0.6])
            order = np.argsort(np.linalg.norm(distance, axis=1))
            mesh.set_triangles("outward", proxy.part.triangles[order])
            mesh.set_triangles("inward", proxy.part.triangles[order[::-1]])
            self._proxies[key], self._meshes[key] = proxy, mesh
        return key

    def _pose(self, prepared: _Set, expression: Expression) -> _Landmarks:
        """Upload every mesh in a pose."""
        vertices = prepared.base
        if expression.targets:
            weights = np.zeros(len(self._names), np.float32)
            for name, weight in expression.targets.items():
                weights[self._names.index(name)] = weight
            vertices = vertices.copy()
            vertices[prepared.index] += (weights @ prepared.deltas).reshape(-1, 3)
        transforms = self._rig.transforms(
            self._rig.joints(vertices), expression.units, expression.head, expression.gaze
        )
        source = self._body.source
        body = skin(self._body_weights, transforms, vertices[source])
        self._meshes["body"].upload(*self._body.build(body))
        for key in prepared.proxies.values():
            self._meshes[key].upload(*self._proxies[key].pose(vertices, transforms))
        head = np.eye(4, dtype=np.float32)
        head[:3] = transforms[self._rig.index["head"]].reshape(3, 4)
        eyes = (vertices[LEFT_EYE].mean(0), vertices[RIGHT_EYE].mean(0))
        # Lips that reach forward close round the light: teeth are as dark as if far behind them.
        lips = [prepared.base[list(LIPS), 1].mean(), prepared.base[list(DEPTHS), 2].mean()]
        reach = vertices[list(DEPTHS), 2].mean() - lips[1]
        mouth = np.array([0, lips[0], lips[1] + LIP_SHADE * max(reach, 0.0)], np.float32)
        return _Landmarks(np.linalg.inv(head).astype(np.float32), eyes, mouth)

    def _draw(self, prepared: _Set, landmarks: _Landmarks) -> Rgb:
        canvas, identity = self._canvas, prepared.identity
        keys = prepared.proxies
        distance = VIEW_WIDTH / 2 / np.tan(np.radians(FIELD_OF_VIEW) / 2)
        middle, head_inverse, eyes = prepared.eyes, landmarks.head_inverse, landmarks.eyes
        target = np.array([middle[0], middle[1] - VIEW_WIDTH * (EYE_HEIGHT - 0.5), 0.6])
        camera = target + np.array([0, 0.1, distance + 0.7])
        key_light = canvas.key_direction
        light = orthographic(LIGHT_REACH) @ look_at(target + 6 * key_light, target)
        skin_texture = canvas.texture(self._assets.file(identity.skin))
        hair_texture = canvas.texture(self._hair_file(STYLES[identity.hair].asset))
        cloth_texture = canvas.texture(
            self._assets.file(f"{identity.clothes}/{identity.clothes}_diffuse.png")
        )
        with canvas.shadow_pass(light) as program:
            self._meshes["body"].draw(program, keys["cloth"])
            self._meshes[keys["cloth"]].draw(program)
            hair_texture.handle.use(0)
            assign(program, {"cut": 0.5})
            self._meshes[keys["hair"]].draw(program, "outward")

        centre = np.linalg.inv(head_inverse) @ np.array([0, middle[1] + 0.25, 0.35, 1])
        radius = float(np.ptp(prepared.base[LEFT_EYE, 1])) / 2
        canvas.set(
            {
                "view_projection": perspective(FIELD_OF_VIEW) @ look_at(camera, target),
                "light_projection": light,
                "head_inverse": head_inverse,
                "camera": camera,
                "mouth": landmarks.mouth,
                "exposure": 1.0,
                "eye_left": eyes[0],
                "eye_right": eyes[1],
                "eye_radius": radius,
                "head_centre": centre[:3],
            }
        )
        tone, saturation = skin_factor(skin_texture.face_colour, identity.skin_tone)
        with canvas.picture(dict(identity.backdrop)):
            skin_texture.handle.use(0)
            self._material(
                "body",
                "skin",
                keys["cloth"],
                tint=tone,
                redness=skin_texture.face_redness,
                saturation=saturation,
                skin_tone=identity.skin_tone,
                dark=0.6 if "_dark" in identity.skin else 0.0,  # whose lips are not painted red
                oil=identity.skin_gloss,
                lip_tint=identity.lip_tint,
                lip_strength=identity.lip_strength,
                blush=identity.blush,
                stubble=identity.stubble,
            )
            canvas.texture(self._assets.file(identity.eye)).handle.use(0)
            self._material(
                keys["eyes"],
                "eye",
                tint=identity.iris_tint or (1, 1, 1),
                iris=0.0 if identity.iris_tint is None else 1.0,
            )
            canvas.texture(self._assets.file("teeth/materials/teeth.png")).handle.use(0)
            self._material(keys["teeth"], "teeth", tint=(1, 1, 1))
            canvas.texture(self._assets.file("tongue01/tongue01_diffuse.png")).handle.use(0)
            self._material(keys["tongue"], "tongue", tint=(0.85, 0.62, 0.62))
            cloth_texture.handle.use(0)
            self._material(
                keys["cloth"],
                "cloth",
                tint=identity.clothes_tint,
                mean=cloth_texture.mean,
                contrast=0.7 if "elegant" in identity.clothes else 0.12,  # a shirt under a jacket
            )
            # Pale hair shows every stroke of its texture.
            contrast = 0.85 - 2.0 * min(identity.hair_tint[2], 0.2)
            strands = {
                "tint": identity.hair_tint,
                "mean": hair_texture.mean,
                "contrast": contrast,
                "gloss": STYLES[identity.hair].gloss,
                "edge": 0.30 if STYLES[identity.hair].soft_edge else 0.02,
            }
            hair_texture.handle.use(0)
            self._material(keys["hair"], "hair", "inward", **strands)
        with canvas.blending():
            self._material(keys["eyes"], "cornea")
            brow = canvas.texture(self._assets.file(f"{identity.brow}/{identity.brow}.png"))
            brow.handle.use(0)
            self._material(keys["brow"], "strands", tint=identity.brow_tint, opacity=0.92)
            canvas.texture(self._assets.file("eyelashes01/eyelashes01.png")).handle.use(0)
            lash = (0.012, 0.009, 0.008)
            self._material(keys["lash"], "strands", tint=lash, opacity=identity.lash_opacity)
            hair_texture.handle.use(0)
            self._material(keys["hair"], "hair_edge", "outward", **strands)
        return canvas.read()

    def _material(self, mesh: str, material: str, triangles: str = "all", **values: Any) -> None:
        program = self._canvas.programs[material]
        assign(program, values)
        self._meshes[mesh].draw(program, triangles)

    def _hair_file(self, asset: str) -> Path:
        name = "afro" if asset == "afro01" else asset
        return self._assets.file(f"{name}_diffuse.png")

    def _bake_occlusion(self, directions: int = 40, size: int = 256) -> F32:
        """How open to the sky each vertex of an average head is, from depth maps all around."""
        names = [f"macrodetails/{race}-{sex}-young" for race in RACES for sex in ("male", "female")]
        even = dict.fromkeys(names, 1 / len(names))
        points, normals = self._body.build(self._morphed(even)[self._body.source])
        context = self._canvas.context
        depth = context.depth_texture((size, size))
        buffer = context.framebuffer(depth_attachment=depth)
        mesh = Mesh(context, self._body)
        mesh.upload(points, normals)
        centre = np.array([0, 6.9, 0.7])
        seen = np.zeros(len(points))
        total = np.zeros(len(points))
        program = self._canvas.shadow_program
        for i in range(directions):
            up = 1 - 1.7 * (i + 0.5) / directions
            turn, out = i * 2.39996, np.sqrt(1 - up * up)
            direction = np.array([out * np.cos(turn), up, out * np.sin(turn)])
            view = orthographic(2.2) @ look_at(centre + 6 * direction, centre)
            assign(program, {"light_projection": view, "cut": 0.0})
            buffer.use()
            buffer.clear(depth=1.0)
            context.enable(moderngl.DEPTH_TEST)
            mesh.draw(program)
            nearest = np.frombuffer(depth.read(), np.float32).reshape(size, size)
            place = (np.c_[points, np.ones(len(points))] @ view.T) * 0.5 + 0.5
            pixel = (place[:, :2] * size).astype(int).clip(0, size - 1)
            facing = np.clip(normals @ direction, 0, 1)
            seen += facing * (place[:, 2] < nearest[pixel[:, 1], pixel[:, 0]] + 0.006)
            total += facing
        occlusion = np.clip(seen / np.maximum(total, 1e-3) * 1.15 + 0.02, 0, 1)
        occlusion[total < 0.5] = 0.25
        return np.asarray(occlusion, np.float32)


def skin_factor(face: Any, tone: Colour) -> tuple[Any, float]:
    """What a skin texture is multiplied with, so that its face has the wanted tone; and how much
    of its own variation of hue is kept: less in the dark textures, which are painted red."""
    grey = float(face @ np.array([0.35, 0.5, 0.15]))
    saturation = 0.85 if grey > 0.2 else 0.45
    return np.clip(np.array(tone) / (grey + (face - grey) * saturation), 0.1, 8.0), saturation
