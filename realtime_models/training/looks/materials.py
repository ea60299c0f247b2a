"""Materials by region: skin, lips, cloth, eyes, teeth and gums, strands, glasses. Blender only."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image

from latentcam.realtime_models.training.looks.eyes import paint
from latentcam.realtime_models.training.looks.people import Person
from latentcam.realtime_models.training.looks.wear import Piece

THROAT = 0.12  # radiance of the back of the mouth, of its colour


class Nodes:
    """A material's node tree, built by calls. Inputs are values or output sockets."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()

    def add(self, kind: str, settings: dict[str, Any] | None = None, **inputs: Any) -> Any:
        """A node with properties and inputs (spaces in names are _); returns the node."""
        node = self.tree.nodes.new(kind)
        for key, value in (settings or {}).items():
            setattr(node, key, value)
        for key, value in inputs.items():
            self.set(node, key.replace("_", " "), value)
        return node

    def set(self, node: Any, key: str | int, value: Any) -> None:
        """Link or set an input."""
        socket = node.inputs[key]
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif hasattr(socket.default_value, "__len__") and np.ndim(value) == 1:
            wide = len(socket.default_value)
            socket.default_value = (*value, 1.0)[:wide] if len(value) < wide else value
        else:
            socket.default_value = value

    def image(self, path: Path, data: bool = False) -> Any:
        """A texture node of a picture."""
        picture = bpy.data.images.load(str(path), check_existing=True)
        if data:
            picture.colorspace_settings.name = "Non-Color"
        return self.add("ShaderNodeTexImage", {"image": picture})

    def math(self, operation: str, *values: Any, clamp: bool = False) -> Any:
        """The output of a math node."""
        node = self.add("ShaderNodeMath", {"operation": operation, "use_clamp": clamp})
        for i, value in enumerate(values):
            self.set(node, i, value)
        return node.outputs[0]

    def blend(self, mode: str, share: Any, a: Any, b: Any) -> Any:
        """The output of a colour mix node."""
        node = self.add("ShaderNodeMix", {"data_type": "RGBA", "blend_type": mode})
        self.set(node, 0, share)
        self.set(node, 6, a)
        self.set(node, 7, b)
        return node.outputs[2]

    def done(self, shader: Any) -> Any:
        """Finish with this shader's output; returns the material."""
        output = self.add("ShaderNodeOutputMaterial")
        self.tree.links.new(shader, output.inputs[0])
        return self.material


def skin(cache: Path, person: Person) -> Any:
    """Skin under cloth: both in one material, parted by the cloth's mask."""
    n = Nodes("skin")
    # The stylised have soft, painted skin.
    folder = "soft" if person.painted else "bare"
    bare = n.image(cache / folder / f"{person.skin}.jpg").outputs[0]
    regions = n.image(cache / "regions" / f"{person.skin}.png", data=True).outputs[0]
    parts = n.add("ShaderNodeSeparateColor", Color=regions)
    rough, lips, red = (parts.outputs[i] for i in range(3))
    colour = n.add("ShaderNodeHueSaturation", Saturation=person.saturation, Color=bare).outputs[0]
    colour = n.blend("MULTIPLY", 1.0, colour, (*person.tone, 1.0))
    colour = n.blend("MULTIPLY", lips, colour, (*person.lips, 1.0))
    cover = n.add("ShaderNodeAttribute", {"attribute_name": "cover"}).outputs["Fac"]
    colour = n.blend("MIX", n.math("MULTIPLY", cover, 0.93), colour, (*hair_colour(person), 1.0))
    flush = n.math("MULTIPLY", red, 0.75 if person.painted else 0.40)
    colour = n.blend("MULTIPLY", flush, colour, (1.0, 0.80, 0.78, 1.0))
    # Pores and blotches, in the atlas so that they stay on the skin.
    place = n.add("ShaderNodeUVMap", {"uv_map": "uv"}).outputs[0]
    pores = n.add("ShaderNodeTexNoise", Vector=place, Scale=420.0, Detail=2.0).outputs[0]
    blotch = n.add("ShaderNodeTexNoise", Vector=place, Scale=38.0, Detail=3.0).outputs[0]
    mottled = n.math("MULTIPLY_ADD", blotch, 0.22, 0.89)
    mottled = n.math("MULTIPLY", mottled, n.math("MULTIPLY_ADD", pores, 0.16, 0.92))
    tint = n.add("ShaderNodeCombineColor", Red=1.0, Green=mottled, Blue=mottled).outputs[0]
    colour = n.blend("MULTIPLY", 0.15 if person.painted else 0.8, colour, tint)
    relief = n.image(cache / "bump" / f"{person.skin}.jpg", data=True).outputs[0]
    strength = 0.0 if person.painted else 1.25
    normal = n.add("ShaderNodeNormalMap", Strength=strength, Color=relief).outputs[0]
    normal = n.add(
        "ShaderNodeBump",
        Strength=0.02 if person.painted else 0.30,
        Distance=0.0009,
        Height=pores,
        Normal=normal,
    ).outputs[0]
    if person.age:
        lines = n.image(cache / "wrinkles.png", data=True).outputs[0]
        normal = n.add(
            "ShaderNodeBump", {"invert": True}, Strength=min(1.0, 0.9 * person.age),
            Distance=0.0013, Height=lines, Normal=normal,
        ).outputs[0]  # fmt: skip
        colour = n.blend(
            "MULTIPLY", n.math("MULTIPLY", lines, 0.45 * person.age), colour, (0.62, 0.45, 0.42, 1)
        )
        spots = n.add("ShaderNodeTexNoise", Vector=place, Scale=70.0, Detail=1.0).outputs[0]
        spots = n.math("MULTIPLY_ADD", spots, 9.0, -6.0, clamp=True)
        colour = n.blend(
            "MULTIPLY", n.math("MULTIPLY", spots, 0.30 * person.age), colour, (0.7, 0.52, 0.42, 1)
        )
    wet = n.add("ShaderNodeAttribute", {"attribute_name": "wet"}).outputs["Fac"]
    colour = n.blend("MIX", n.math("MULTIPLY", wet, 0.55), colour, (0.50, 0.20, 0.16, 1.0))
    rough = n.math("MULTIPLY_ADD", wet, -0.34, rough)
    roughness = n.math("ADD", rough, n.math("MULTIPLY_ADD", pores, 0.22, -0.11))
    flesh = n.add(
        "ShaderNodeBsdfPrincipled",
        Base_Color=colour, Roughness=roughness, Normal=normal, IOR=1.4,
        Specular_IOR_Level=n.math("MULTIPLY_ADD", lips, 0.15, person.shine),
        Subsurface_Weight=n.math("MULTIPLY_ADD", cover, -0.6, 0.65), Subsurface_Scale=0.0042,
    )  # fmt: skip
    n.set(flesh, "Subsurface Radius", (1.0, 0.42, 0.26))
    return n.done(_clothed(n, cache, person, flesh.outputs[0]))


def pigment_colour(melanin: float, redness: float) -> tuple[float, float, float]:
    """What hair of this pigment looks like, linear RGB: black at 1, blond at 0.3."""
    dark, fair = np.array([0.008, 0.0065, 0.006]), np.array([0.40, 0.245, 0.115])
    share = min(1.0, max(0.0, (melanin - 0.3) / 0.68))
    mixed = fair * (dark / fair) ** share
    mixed = mixed * np.array([1.0, 1 - 0.45 * redness, 1 - 0.7 * redness]) * (1 + 0.3 * redness)
    return (float(mixed[0]), float(mixed[1]), float(mixed[2]))


def hair_colour(person: Person) -> tuple[float, float, float]:
    """The strands' colour together, for the skin between their roots."""
    light = np.array(pigment_colour(person.melanin, person.redness)) * 0.8
    light = light * (1 - person.grey) + person.grey * np.array([0.32, 0.31, 0.30])
    return (float(light[0]), float(light[1]), float(light[2]))


def _clothed(n: Nodes, cache: Path, person: Person, flesh: Any) -> Any:
    colour = n.image(cache / "skins" / f"{person.clothes}.png").outputs[0]
    mask = n.image(cache / "cloth" / f"{person.clothes}.png", data=True).outputs[0]
    if person.cloth is not None:
        grey = n.add("ShaderNodeRGBToBW", Color=colour).outputs[0]
        ramp = n.math("MULTIPLY_ADD", grey, 0.9, 0.35)
        colour = n.blend(
            "MULTIPLY", 1.0, (*person.cloth, 1.0),
            n.add("ShaderNodeCombineColor", Red=ramp, Green=ramp, Blue=ramp).outputs[0],
        )  # fmt: skip
    place = n.add("ShaderNodeUVMap", {"uv_map": "uv"}).outputs[0]
    weave = n.add("ShaderNodeTexNoise", Vector=place, Scale=700.0, Detail=1.0).outputs[0]
    relief = n.image(cache / "normals" / f"{person.clothes}.png", data=True).outputs[0]
    normal = n.add("ShaderNodeNormalMap", Strength=1.2, Color=relief).outputs[0]
    normal = n.add(
        "ShaderNodeBump", Strength=0.35, Distance=0.0008, Height=weave, Normal=normal
    ).outputs[0]
    fabric = n.add(
        "ShaderNodeBsdfPrincipled",
        Base_Color=colour, Roughness=0.92, Normal=normal, Specular_IOR_Level=0.12,
        Sheen_Weight=0.25, Sheen_Roughness=0.5,
    )  # fmt: skip
    mix = n.add("ShaderNodeMixShader")
    n.set(mix, 0, mask)
    n.set(mix, 1, flesh)
    n.set(mix, 2, fabric.outputs[0])
    return mix.outputs[0]


def mouth(cache: Path) -> Any:
    """Teeth, gums and tongue."""
    n = Nodes("mouth")
    colour = n.image(cache / "mouth.png").outputs[0]
    shader = n.add(
        "ShaderNodeBsdfPrincipled",
        Base_Color=colour, Roughness=0.22, Specular_IOR_Level=0.5,
        Subsurface_Weight=0.35, Subsurface_Scale=0.0015,
    )  # fmt: skip
    n.set(shader, "Subsurface Radius", (1.0, 0.6, 0.45))
    # So few bounces leave the back of the mouth black, where it is dark and red.
    depth = n.add("ShaderNodeAttribute", {"attribute_name": "throat"}).outputs["Fac"]
    glow = n.math("MULTIPLY", depth, THROAT)
    glow = n.add("ShaderNodeEmission", Color=(0.42, 0.085, 0.065, 1.0), Strength=glow)
    both = n.add("ShaderNodeAddShader")
    n.tree.links.new(shader.outputs[0], both.inputs[0])
    n.tree.links.new(glow.outputs[0], both.inputs[1])
    return n.done(both.outputs[0])


def gland() -> Any:
    """The pink corner of the eye."""
    n = Nodes("gland")
    shader = n.add(
        "ShaderNodeBsdfPrincipled", Base_Color=(0.55, 0.22, 0.18, 1.0), Roughness=0.15,
        Subsurface_Weight=0.5, Subsurface_Scale=0.002,
    )  # fmt: skip
    return n.done(shader.outputs[0])


def eye(cache: Path, person: Person, radius: float) -> Any:
    """Eyeball with a wet coat.

    The painted iris goes through a file of its own name: of pictures that live in memory alone,
    Cycles with persistent data shows the last person's where the new one took its address.
    """
    n = Nodes("eye")
    pupil = 0.46 if person.painted else 0.36
    about = f"{person.iris} {radius:.6f} {person.iris_size} {person.seed} {pupil}"
    path = cache / "irises" / f"{zlib.crc32(about.encode()):08x}.png"
    if not path.exists():
        pixels = paint(person.iris, radius, person.iris_size, seed=person.seed + 1, pupil=pupil)
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(f".{path.stem}.{os.getpid()}.png")
        # sRGB's curve, IEC 61966-2-1. The mesh's uv is turned over, as the heads' are.
        curve = np.where(pixels < 0.0031308, 12.92 * pixels, 1.055 * pixels ** (1 / 2.4) - 0.055)
        Image.fromarray((255 * np.clip(curve, 0, 1) + 0.5).astype(np.uint8)).save(part)
        part.rename(path)
    colour = n.image(path).outputs[0]
    shader = n.add(
        "ShaderNodeBsdfPrincipled",
        Base_Color=colour, Roughness=0.35, Specular_IOR_Level=0.3,
        Coat_Weight=1.0, Coat_Roughness=0.02, Coat_IOR=1.38,
        Subsurface_Weight=0.12, Subsurface_Scale=0.002,
    )  # fmt: skip
    return n.done(shader.outputs[0])


def strand(person: Person, key: str) -> Any:
    """Hair by its pigment; beards are a little lighter and redder, lashes black."""
    n = Nodes(key)
    melanin, redness = person.melanin, person.redness
    if key == "beard":
        melanin, redness = melanin * 0.97, min(1.0, redness + 0.08)
    if key == "brows":
        melanin = min(0.9, melanin + 0.08)
    if key == "lashes":
        melanin, redness = max(0.8, melanin), 0.2
    shader = n.add("ShaderNodeBsdfHairPrincipled", {"parametrization": "COLOR", "model": "CHIANG"})
    random = n.add("ShaderNodeHairInfo").outputs["Random"]
    pigment = pigment_colour(melanin, redness)
    spread = 0.25 if melanin > 0.85 else 0.45
    light = n.math("MULTIPLY_ADD", random, spread, 1 - spread / 2)
    lock = n.add("ShaderNodeAttribute", {"attribute_name": "shade"}).outputs["Fac"]
    light = n.math("MULTIPLY", light, lock)
    tint = n.add("ShaderNodeCombineColor", Red=light, Green=light, Blue=light).outputs[0]
    colour = n.blend("MULTIPLY", 1.0, (*pigment, 1.0), tint)
    if person.grey and key != "lashes":
        # Every strand is grey or not; few are between.
        shifted = n.math("FRACT", n.math("MULTIPLY", random, 17.0))
        share = n.math("LESS_THAN", shifted, person.grey)
        colour = n.blend("MIX", share, colour, (0.52, 0.505, 0.49, 1.0))
    n.set(shader, "Color", colour)
    n.set(shader, "IOR", 1.45)
    n.set(shader, "Roughness", 0.55 if key == "beard" else 0.30)
    n.set(shader, "Radial Roughness", 0.40)
    n.set(shader, "Random Roughness", 0.2)
    return n.done(shader.outputs[0])


def piece(person: Person, worn: Piece) -> Any:
    """What is worn, by its kind."""
    n = Nodes(worn.kind)
    if worn.kind == "lens":
        clear = n.add("ShaderNodeBsdfTransparent", Color=(0.97, 0.98, 0.98, 1.0))
        gloss = n.add("ShaderNodeBsdfGlossy", Roughness=0.02)
        fresnel = n.add("ShaderNodeFresnel", IOR=1.25)
        mix = n.add("ShaderNodeMixShader")
        n.set(mix, 0, fresnel.outputs[0])
        n.set(mix, 1, clear.outputs[0])
        n.set(mix, 2, gloss.outputs[0])
        return n.done(mix.outputs[0])
    if worn.kind == "frame":
        shader = n.add(
            "ShaderNodeBsdfPrincipled", Base_Color=(*person.glasses_colour, 1.0), Roughness=0.25
        )
        return n.done(shader.outputs[0])
    place = n.add("ShaderNodeUVMap", {"uv_map": "uv"}).outputs[0]
    weave = n.add("ShaderNodeTexNoise", Vector=place, Scale=160.0, Detail=2.0).outputs[0]
    normal = n.add("ShaderNodeBump", Strength=0.3, Distance=0.001, Height=weave).outputs[0]
    shader = n.add(
        "ShaderNodeBsdfPrincipled", Base_Color=(*(person.scarf or (0.3, 0.3, 0.3)), 1.0),
        Roughness=0.85, Normal=normal, Sheen_Weight=0.3, Specular_IOR_Level=0.15,
        # So few bounces leave its folds black.
        Emission_Color=(*(person.scarf or (0.3, 0.3, 0.3)), 1.0), Emission_Strength=0.12,
    )  # fmt: skip
    return n.done(shader.outputs[0])
