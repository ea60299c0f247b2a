"""The GPU side: an EGL context, programs, textures, meshes and the supersampled picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter

from latentcam.realtime_models.training.heads import shading
from latentcam.realtime_models.training.heads.camera import F64
from latentcam.realtime_models.training.heads.makehuman import F32, I32
from latentcam.realtime_models.training.heads.parts import Part

Rgb = npt.NDArray[np.uint8]
"""uint8 [H, W, 3]."""

SUPERSAMPLING = 2
SHADOW_SIZE = 512
MAX_TEXTURE = 1024


class Texture:
    """An image on the GPU.

    mean: its mean linear grey where it is opaque. face_colour, face_redness: of the cheek, if it
    is one of MakeHuman's skins; the renderer divides by them to reach a chosen skin tone.
    """

    def __init__(self, context: Any, path: Path) -> None:
        image = Image.open(path).convert("RGBA")
        if image.width > MAX_TEXTURE:
            height = image.height * MAX_TEXTURE // image.width
            image = image.resize((MAX_TEXTURE, height), Image.Resampling.LANCZOS)
        pixels = np.asarray(image)
        self.handle = context.texture(image.size, 4, pixels[::-1].tobytes())
        self.handle.build_mipmaps()
        self.handle.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        alpha = pixels[..., 3:] / 255.0
        linear = (pixels[..., :3] / 255.0) ** 2.2
        self.mean = float((linear * alpha).sum() / (3 * alpha.sum() + 1e-6))
        h, w = pixels.shape[:2]
        face = pixels[int(h * 0.43) : int(h * 0.6), int(w * 0.78) : int(w * 0.86), :3] / 255.0
        self.face_colour = np.median(face.reshape(-1, 3), 0) ** 2.2
        self.face_redness = float(np.median(face[..., 0] - 0.5 * (face[..., 1] + face[..., 2])))


class Mesh:
    """A Part on the GPU: moving positions and normals, fixed texture coordinates and occlusion."""

    def __init__(self, context: Any, part: Part, occlusion: F32 | None = None) -> None:
        """occlusion: [n] of the part's (refined) vertices, 1 is open."""
        self._context = context
        self._part = part
        self._count = len(part.seam_vertices)
        ao = np.ones(self._count) if occlusion is None else occlusion[part.seam_vertices]
        fixed = np.concatenate([part.uv, ao[:, None]], 1).astype(np.float32)
        self._fixed = context.buffer(fixed.tobytes())
        self._moving = context.buffer(reserve=self._count * 24, dynamic=True)
        self._vertex_arrays: dict[tuple[int, str], Any] = {}
        self._indices: dict[str, Any] = {}
        self.set_triangles("all", part.triangles)

    def set_triangles(self, name: str, triangles: I32) -> None:
        """Add a named list of triangles [t, 3], drawn in this order."""
        if name not in self._indices:
            self._indices[name] = self._context.buffer(triangles.astype(np.int32).tobytes())

    def upload(self, points: F32, normals: F32) -> None:
        """Set this pose's positions and normals, [n, 3] each, of the part's refined vertices."""
        moving = np.empty((self._count, 6), np.float32)
        moving[:, :3] = points[self._part.seam_vertices]
        moving[:, 3:] = normals[self._part.seam_vertices]
        self._moving.write(moving.tobytes())

    def draw(self, program: Any, triangles: str = "all") -> None:
        """Draw the named triangles with a program."""
        key = (id(program), triangles)
        if key not in self._vertex_arrays:
            pieces = (
                (self._moving, {"in_pos": 3, "in_nrm": 3}),
                (self._fixed, {"in_uv": 2, "in_ao": 1}),
            )
            content = []
            for buffer, sizes in pieces:  # a program may have dropped an input that it ignores
                names = [name for name in sizes if name in program]
                layout = " ".join(
                    f"{size}f" if name in program else f"{size * 4}x"
                    for name, size in sizes.items()
                )
                if names:
                    content.append((buffer, layout, *names))
            self._vertex_arrays[key] = self._context.vertex_array(
                program, content, self._indices[triangles]
            )
        self._vertex_arrays[key].render()


class Canvas:
    """Programs, textures and frame buffers of one picture size, in a context of its own."""

    def __init__(self, size: int) -> None:
        window: dict[str, Any] = {"standalone": True, "backend": "egl"}
        self.context: Any = moderngl.create_context(**window)
        context = self.context
        self._size = size
        self.programs = {
            name: context.program(vertex_shader=shading.VERTEX, fragment_shader=source)
            for name, source in shading.FRAGMENTS.items()
        }
        self.shadow_program = context.program(
            vertex_shader=shading.SHADOW_VERTEX, fragment_shader=shading.SHADOW_FRAGMENT
        )
        corners = context.buffer(np.array([-1, -1, 3, -1, -1, 3], np.float32).tobytes())
        self._backdrop, self._resolve = (
            context.vertex_array(
                context.program(vertex_shader=shading.SCREEN_VERTEX, fragment_shader=fragment),
                [(corners, "2f", "in_v")],
            )
            for fragment in (shading.BACKDROP_FRAGMENT, shading.RESOLVE_FRAGMENT)
        )
        fine = (size * SUPERSAMPLING,) * 2
        self._colour = context.texture(fine, 4)
        self._colour.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._fine = context.framebuffer([self._colour], context.depth_renderbuffer(fine))
        self._out = context.framebuffer([context.texture((size, size), 4)])
        self._shadow_map = context.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow_map.compare_func = "<="
        self._shadow_map.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow = context.framebuffer(depth_attachment=self._shadow_map)
        self._noise = self._make_noise()
        self._textures: dict[Path, Texture] = {}
        self.set({"tex": 0, "shadow_map": 1, "noise": 2})
        self.set(dict(shading.LIGHT))
        for name in ("key_dir", "fill_dir", "rim_dir"):
            direction = np.array(shading.LIGHT[name])
            self.set({name: direction / np.linalg.norm(direction)})
        self.key_direction = np.array(shading.LIGHT["key_dir"])
        self.key_direction /= np.linalg.norm(self.key_direction)

    def _make_noise(self) -> Any:
        """A tiling texture of smooth (red) and fine (green) noise, the same in every process."""
        rng = np.random.default_rng(0)
        smooth = gaussian_filter(rng.random((512, 512)), 1.6, mode="wrap")
        fine = 0.6 * gaussian_filter(rng.random((512, 512)), 0.7, mode="wrap")
        fine += 0.9 * gaussian_filter(rng.random((512, 512)), 1.4, mode="wrap")
        layers = [np.clip((x - x.mean()) / x.std() * 0.18 + 0.5, 0, 1) for x in (smooth, fine)]
        pixels = (np.stack(layers, -1) * 255).astype(np.uint8)
        texture = self.context.texture((512, 512), 2, pixels.tobytes())
        texture.build_mipmaps()
        texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        return texture

    def texture(self, path: Path) -> Texture:
        """The texture of a file, loaded once."""
        if path not in self._textures:
            self._textures[path] = Texture(self.context, path)
        return self._textures[path]

    def set(self, values: Mapping[str, Any]) -> None:
        """Set uniforms in every material that has them; a 4x4 array is a matrix."""
        for program in self.programs.values():
            assign(program, values)

    @contextmanager
    def shadow_pass(self, light_projection: F64) -> Iterator[Any]:
        """Draw what casts a shadow, with the program that this yields."""
        self._shadow.use()
        self._shadow.clear(depth=1.0)
        self.context.enable(moderngl.DEPTH_TEST)
        self.context.disable(moderngl.CULL_FACE | moderngl.BLEND)
        assign(self.shadow_program, {"light_projection": light_projection, "cut": 0.0})
        yield self.shadow_program

    @contextmanager
    def picture(self, backdrop: Mapping[str, Any]) -> Iterator[None]:
        """Draw solid materials in here, after the backdrop."""
        self._fine.use()
        self._fine.clear(0, 0, 0, 1, depth=1.0)
        self.context.disable(moderngl.DEPTH_TEST)
        assign(self._backdrop.program, backdrop)
        self._backdrop.render()
        self.context.enable(moderngl.DEPTH_TEST)
        self._shadow_map.use(1)
        self._noise.use(2)
        yield

    @contextmanager
    def blending(self) -> Iterator[None]:
        """Draw see-through materials in here, far to near."""
        self.context.enable(moderngl.BLEND)
        self.context.blend_func = (moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA)
        self._fine.depth_mask = False
        yield
        self._fine.depth_mask = True
        self.context.disable(moderngl.BLEND)

    def read(self) -> Rgb:
        """The finished picture, a fresh array."""
        self._out.use()
        self.context.disable(moderngl.DEPTH_TEST)
        self._colour.use(0)
        self._resolve.render()
        raw = self._out.read(components=3, alignment=1)
        pixels = np.frombuffer(raw, np.uint8).reshape(self._size, self._size, 3)
        return np.ascontiguousarray(pixels[::-1])


def assign(program: Any, values: Mapping[str, Any]) -> None:
    """Set those uniforms that a program has; a 4x4 array is a matrix."""
    for name, value in values.items():
        if name not in program:
            continue
        if isinstance(value, np.ndarray) and value.shape == (4, 4):
            program[name].write(np.ascontiguousarray(value.T, np.float32).tobytes())
        else:
            program[name].value = tuple(value) if isinstance(value, np.ndarray) else value
