"""The stage: Blender's path tracer with one person on it. Blender (GPL) is imported here only."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
import mathutils
import numpy as np
import numpy.typing as npt

from latentcam.realtime_models.training.looks import materials
from latentcam.realtime_models.training.looks.expression import Expression, expression_from_x
from latentcam.realtime_models.training.looks.eyes import ball
from latentcam.realtime_models.training.looks.hair import Strands
from latentcam.realtime_models.training.looks.people import Figure
from latentcam.realtime_models.training.looks.rig import Turn, rotation
from latentcam.realtime_models.training.whole import whole

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

WIDTH = 0.37  # metres across the picture, at the eyes
FIELD = 14.0  # degrees: a long lens
AIM = np.array([0.0, 0.0, -0.022])  # the picture's middle, from the eyes


class Stage:
    """Camera, light and at most one person; poses are set, pictures rendered.

    size: pixels; samples: per pixel, denoised.
    """

    def __init__(self, cache: Path, size: int, samples: int, threads: int = 2) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.cache = cache
        self.scene = bpy.context.scene
        self.objects: dict[str, Any] = {}
        self.figure: Figure | None = None
        self._camera()
        self._render_settings(size, samples, threads)
        self.lights: list[Any] = []

    def _camera(self) -> None:
        camera = bpy.data.cameras.new("camera")
        camera.angle = math.radians(FIELD)
        holder = bpy.data.objects.new("camera", camera)
        self.scene.collection.objects.link(holder)
        self.scene.camera = holder
        distance = WIDTH / 2 / math.tan(math.radians(FIELD) / 2)
        holder.location = AIM + np.array([0.0, -distance, 0.012])
        toward = mathutils.Vector(AIM) - holder.location
        holder.rotation_euler = toward.to_track_quat("-Z", "Y").to_euler()

    def _render_settings(self, size: int, samples: int, threads: int) -> None:
        scene, cycles = self.scene, self.scene.cycles
        scene.render.engine = "CYCLES"
        cycles.device = "CPU"
        cycles.samples = samples
        cycles.use_adaptive_sampling = False
        cycles.use_denoising = samples > 1
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
        cycles.denoising_prefilter = "ACCURATE"  # fast ones smear strands
        cycles.denoising_quality = "BALANCED"
        cycles.max_bounces = 4
        cycles.diffuse_bounces = 1
        cycles.glossy_bounces = 2
        cycles.transmission_bounces = 3
        cycles.transparent_max_bounces = 6
        cycles.sample_clamp_indirect = 3.0
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.blur_glossy = 1.0
        cycles.use_light_tree = False
        scene.cycles_curves.shape = "RIBBONS"
        scene.cycles_curves.subdivisions = 1
        render = scene.render
        render.resolution_x = render.resolution_y = size
        render.film_transparent = True
        render.use_persistent_data = True
        render.threads_mode, render.threads = "FIXED", threads
        render.image_settings.file_format = "OPEN_EXR"
        render.image_settings.color_mode = "RGBA"
        render.image_settings.color_depth = "32"
        scene.view_settings.view_transform = "AgX"
        scene.view_settings.look = "AgX - High Contrast"

    # Light

    def light(self, setting: dict[str, float]) -> None:
        """Key, fill, two rims and the room's own light; see `people.Light`."""
        for lamp in self.lights:
            data = lamp.data
            bpy.data.objects.remove(lamp)
            bpy.data.lights.remove(data)
        self.lights = []
        warm, side = setting["warmth"], setting["side"]
        key = np.array([1.0, 0.965 - 0.05 * warm, 0.92 - 0.12 * warm])
        cool = np.array([0.84, 0.92, 1.0])
        # A wide window beside the camera, a wide bright wall on the other side, a light desk.
        # Only the window shines back from eyes and hair: the rest would veil pupils and grey
        # black hair.
        self._lamp((-0.60 * side, -1.15, setting["height"]), 0.62, 17 * setting["key"], key)
        self._lamp((0.95 * side, -1.05, 0.05), 1.2, 8.5 * setting["fill"], cool, shines=False)
        warm_desk = (1.0, 0.95, 0.90)
        self._lamp((0.0, -0.85, -0.60), 0.8, 2.8 * setting["fill"], warm_desk, shines=False)
        self._lamp((0.75 * side, 0.75, 0.55), 0.5, 4 * setting["rim"], (1.0, 0.97, 0.93))
        self._lamp((-0.8 * side, 0.7, 0.4), 0.5, 3 * setting["rim"], cool)
        world = bpy.data.worlds.get("room") or bpy.data.worlds.new("room")
        self.scene.world = world
        world.use_nodes = True
        background = world.node_tree.nodes["Background"]
        background.inputs[0].default_value = (0.62, 0.60, 0.58, 1)
        background.inputs[1].default_value = 0.32 * setting["ambient"]
        self.scene.view_settings.exposure = setting["exposure"] + 0.22

    def _lamp(
        self, place: Any, size: float, power: float, colour: Any, shines: bool = True
    ) -> None:
        data = bpy.data.lights.new("lamp", "AREA")
        data.shape = "RECTANGLE"
        data.size, data.size_y = size, size * 1.25
        data.energy = power
        data.color = tuple(float(c) for c in colour)
        lamp = bpy.data.objects.new("lamp", data)
        lamp.location = place
        toward = mathutils.Vector((0, 0, -0.05)) - lamp.location
        lamp.rotation_euler = toward.to_track_quat("-Z", "Y").to_euler()
        lamp.visible_glossy = shines
        self.scene.collection.objects.link(lamp)
        self.lights.append(lamp)

    # People

    def dress(self, figure: Figure) -> None:
        """Put another person on the stage, at rest."""
        for item in self.objects.values():
            data = item.data
            bpy.data.objects.remove(item)
            if isinstance(data, bpy.types.Mesh):
                bpy.data.meshes.remove(data)
            else:
                bpy.data.hair_curves.remove(data)
        self.objects = {}
        for kind in (bpy.data.materials, bpy.data.images):
            for unused in list(kind):
                kind.remove(unused)
        self.figure = figure
        bank, rig, person = figure.bank, figure.rig, figure.person
        mouth = materials.mouth(self.cache)
        self._mesh("head", rig.rest["head"], bank["head_faces"], bank["head_uv"],
                   materials.skin(self.cache, person),
                   {"cover": figure.cover, "wet": figure.wet})  # fmt: skip
        front = float(rig.rest["up"][:, 1].min())
        for key in ("up", "down"):
            deep = np.clip((rig.rest[key][:, 1] - front - 0.016) / 0.034, 0, 1)
            self._mesh(key, rig.rest[key], bank[f"{key}_faces"], bank[f"{key}_uv"], mouth,
                       {"throat": deep})  # fmt: skip
        gland = materials.gland()
        for key in ("gland_l", "gland_r"):
            self._mesh(key, rig.rest[key], bank[f"{key}_faces"], bank[f"{key}_uv"], gland)
        iris = materials.eye(self.cache, person, float(rig.eyes[:, 3].mean()))
        for i, key in enumerate(("eye_l", "eye_r")):
            one = ball(float(rig.eyes[i, 3]), person.iris_size)
            self._mesh(key, one.points, one.faces, one.uv[one.faces], iris)
        for key, strands in figure.strands.items():
            self._curves(key, strands, materials.strand(person, key))
        for key, piece in figure.pieces.items():
            self._mesh(key, piece.points, piece.faces, piece.uv, materials.piece(person, piece))
        self.pose(np.zeros(24, np.float32))

    def _mesh(
        self,
        name: str,
        points: F64,
        faces: Any,
        uv: Any,
        material: Any,
        attributes: dict[str, F64] | None = None,
    ) -> None:
        mesh = bpy.data.meshes.new(name)
        mesh.vertices.add(len(points))
        mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
        mesh.loops.add(faces.size)
        mesh.loops.foreach_set("vertex_index", faces.astype(np.int32).ravel())
        mesh.polygons.add(len(faces))
        starts = np.arange(0, faces.size, faces.shape[1], dtype=np.int32)
        mesh.polygons.foreach_set("loop_start", starts)
        layer = mesh.uv_layers.new(name="uv")
        flipped = np.array(uv, np.float32).reshape(-1, 2)
        flipped[:, 1] = 1 - flipped[:, 1]
        layer.data.foreach_set("uv", flipped.ravel())
        mesh.update(calc_edges=True)
        mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
        for key, values in (attributes or {}).items():
            mesh.attributes.new(key, "FLOAT", "POINT")
            mesh.attributes[key].data.foreach_set("value", values.astype(np.float32))
        mesh.materials.append(material)
        item = bpy.data.objects.new(name, mesh)
        self.scene.collection.objects.link(item)
        self.objects[name] = item

    def _curves(self, name: str, strands: Strands, material: Any) -> None:
        curves = bpy.data.hair_curves.new(name)
        count, steps = strands.points.shape[:2]
        curves.add_curves([steps] * count)
        curves.points.foreach_set("position", strands.points.astype(np.float32).ravel())
        curves.points.foreach_set("radius", strands.radius.astype(np.float32).ravel())
        shade = curves.attributes.new("shade", "FLOAT", "CURVE")
        shade.data.foreach_set("value", strands.shade.astype(np.float32))
        curves.materials.append(material)
        item = bpy.data.objects.new(name, curves)
        self.scene.collection.objects.link(item)
        self.objects[name] = item

    def pose(self, x: F32, sunk: float = 0.0) -> None:
        """Let the person on the stage do what the control vector says. sunk: metres by which the
        lower teeth and the tongue are lower than they should be."""
        assert self.figure is not None
        figure, rig = self.figure, self.figure.rig
        expression = expression_from_x(x)
        posed = figure.posed(expression)
        for key, points in posed.meshes.items():
            if key == "down":
                points = points - (0.0, 0.0, sunk)
            mesh = self.objects[key].data
            mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
            mesh.update()
        for key, points in posed.strands.items():
            curves = self.objects[key].data
            curves.points.foreach_set("position", points.astype(np.float32).ravel())
            curves.update_tag()
        for key in posed.rigid:
            self.objects[key].matrix_world = _matrix(posed.head)
        self._eyes(expression, posed.head, rig.eyes)

    def _eyes(self, expression: Expression, head: Turn, eyes: F64) -> None:
        yaw, pitch = expression.gaze
        look = rotation("z", yaw) @ rotation("x", -pitch)
        for i, key in enumerate(("eye_l", "eye_r")):
            # Eyes that look at something close by still point outwards: the line of sight
            # leaves the eye some 5 degrees beside its axis (angle kappa).
            outward = rotation("z", 3.2 if i == 0 else -3.2)
            turn = Turn(head.matrix @ look @ outward, np.zeros(3), head(eyes[i : i + 1, :3])[0])
            self.objects[key].matrix_world = _matrix(turn)

    def render(self, path: Path) -> None:
        """Render to a PNG with alpha, straight; the file appears whole or not at all.

        The denoiser leaves alpha as noisy as the samples are few; edges are smoothed here.
        """
        raw = path.with_name(f".{path.stem}.raw.exr")
        self.scene.render.filepath = str(raw)
        bpy.ops.render.render(write_still=True)
        loaded = bpy.data.images.load(str(raw))
        width, height = loaded.size
        pixels = np.empty(width * height * 4, np.float32)
        loaded.pixels.foreach_get(pixels)
        bpy.data.images.remove(loaded)
        raw.unlink()
        pixels = softened(pixels.reshape(height, width, 4))
        image = bpy.data.images.new("done", width, height, alpha=True, float_buffer=True)
        image.alpha_mode = "PREMUL"
        image.pixels.foreach_set(pixels.ravel())
        settings = self.scene.render.image_settings
        settings.file_format, settings.color_depth = "PNG", "8"
        with whole(path) as part:
            image.save_render(str(part), scene=self.scene)
        settings.file_format, settings.color_depth = "OPEN_EXR", "32"
        bpy.data.images.remove(image)


def softened(pixels: F32) -> F32:
    """Premultiplied RGBA [h, w, 4] whose edges are smooth where alpha is fractional or noisy."""
    alpha = np.clip(pixels[..., 3], 0, 1)
    colour = np.clip(pixels[..., :3], 0, 8)
    spread = np.concatenate([colour, alpha[..., None]], -1)
    for axis in (0, 1):
        padded = np.pad(spread, [(2, 2) if a == axis else (0, 0) for a in range(3)], mode="edge")
        spread = np.zeros_like(spread)
        for i, weight in enumerate((1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)):
            spread = spread + weight * np.take(padded, np.arange(i, i + alpha.shape[axis]), axis)
    soft = spread[..., 3]
    inside = (alpha >= 1.0) & (soft > 0.995)
    return np.where(inside[..., None], pixels, spread).astype(np.float32)


def _matrix(turn: Turn) -> Any:
    full = np.eye(4)
    full[:3, :3] = turn.matrix
    full[:3, 3] = turn(np.zeros((1, 3)))[0]
    return mathutils.Matrix(full.tolist())
