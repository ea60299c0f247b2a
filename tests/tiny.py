"""A tiny seeded avatar pack, built in code: every test that needs a face uses this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from latentcam.realtime_models.avatar_pack import sha256
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.card import (
    FORMAT,
    Calibration,
    Card,
    Files,
    Light,
    Weights,
    generator_shapes,
    identities_shapes,
    light_shapes,
    motion_shapes,
)
from latentcam.realtime_models.generator.layers import GeneratorConfig, MouthBox, stylegan2
from latentcam.realtime_models.motion.lstm import weight_shapes
from latentcam.realtime_models.motion.model import MotionConfig
from latentcam.realtime_models.training.write_pack import (
    unwritten,
    write_card,
    write_textures,
)

SIZES: dict[str, Any] = {
    "z_dim": 8,
    "w_dim": 12,
    "mapping_layers": 2,
    "resolution": 32,
    "channel_base": 256,
    "channel_max": 16,
    "subpixels": 1,
}
GENERATOR = stylegan2(**SIZES)
MOUTH = MouthBox(32, 52, 20, 44)
RED = 200  # of 255: a face of `half_pack` in its upper half; its lower half is transparent
WORDS = ("--licence", "CC0-1.0", "--provenance", "random numbers", "--consent", "nobody is shown")
"""Of make_pack, which asks for them."""


def tiny_generator(**changes: Any) -> GeneratorConfig:
    """`GENERATOR` in other sizes."""
    return stylegan2(**{**SIZES, **changes})


def tiny_card(**changes: Any) -> Card:
    fields: dict[str, Any] = {
        "format": FORMAT,
        "name": "tiny",
        "licence": "Apache-2.0",
        "provenance": "random numbers",
        "consent": "nobody is shown",
        "retrain": (),
        "files": unwritten(),
        "generator": GENERATOR,
        "int8": (),
        "int8_crowded": (),
        "truncation_psi": 0.7,
        "motion": MotionConfig(axes=("jawOpen", "mouthPucker"), hidden=8, layers=1),
        "calibration": Calibration.straight(1.0, ("jawOpen", "mouthPucker")),
        "axes": FACE_AXES,
        "identities": ("Ada", "Bo"),
    }
    return Card(**{**fields, **changes})


def clear_card(**changes: Any) -> Card:
    """Of a pack whose pictures, of 64 pixels, have alpha."""
    generator = tiny_generator(resolution=64, subpixels=2, channels=4)
    return tiny_card(**{"name": "clear", "generator": generator, **changes})


def worn_card(**changes: Any) -> Card:
    """Of a pack with alpha whose faces have textures, at rest and with an open mouth."""
    generator = tiny_generator(resolution=64, subpixels=2, channels=4, flow=8, mouth=MOUTH)
    fields = {"name": "worn", "generator": generator, "files": unwritten(textures=True)}
    return tiny_card(**{**fields, **changes})


def smooth_pictures(
    count: int, channels: int, side: int, rows: int | None = None
) -> NDArray[np.uint8]:
    """uint8 [count, channels, rows, side]: waves, so that a hundredth of a pixel is no level. rows:
    None: as many as there are columns."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[: rows or side, :side] / side
    waves = [np.sin(6 * (a * x + b * y + c)) for a, b, c in rng.random((count * channels, 3))]
    pictures = np.uint8(np.rint(127.5 + 100 * np.array(waves)))
    return pictures.reshape(count, channels, rows or side, side)


LIGHT = stylegan2(**{**SIZES, "channel_base": 128, "channels": 4})


def three_card(**changes: Any) -> Card:
    """Of a pack whose pictures have 64 pixels or 32, and whose light branch draws 32."""
    light = Light(LIGHT.resolution, LIGHT.layers)
    return clear_card(
        **{"name": "three", "smaller": (32,), "light": light, "files": unwritten(True), **changes}
    )


def random_tensors(
    shapes: dict[str, tuple[int, ...]], seed: int = 0
) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in shapes.items():
        scale = 1.0 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        tensors[name] = (rng.standard_normal(shape) * scale).astype(np.float32)
        if name.endswith("affine.bias") or name == "input.std":
            tensors[name] = np.ones(shape, np.float32)
        if name == "output.weight":  # lips that visibly follow
            tensors[name] *= 20
        if name in ("identities", "basis"):  # faces and moves that can be told apart
            tensors[name] = rng.standard_normal(shape).astype(np.float32)
    return tensors


def mood_weights(count: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Of a model of so many moods, which has learned nothing."""
    rng = np.random.default_rng(seed)
    shapes = weight_shapes(count + 1, 6, 1, count + 2)
    drawn = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return {
        **drawn,
        "input.mean": np.zeros(count + 1, np.float32),
        "input.std": np.ones(count + 1, np.float32),
    }


def write_moods(path: Path, labels: tuple[str, ...]) -> Path:
    """What `--moods` takes."""
    save_file(mood_weights(len(labels)), path, {"labels": json.dumps(labels)})
    return path


def write_pack(
    folder: Path,
    card: Card | None = None,
    generator: dict[str, NDArray[Any]] | None = None,
    motion: dict[str, NDArray[Any]] | None = None,
    identities: NDArray[Any] | None = None,
) -> Path:
    """A whole pack on disk, with any part replaced, as float32. Returns the folder."""
    card = card or tiny_card()
    folder.mkdir(parents=True, exist_ok=True)
    if identities is None:
        identities = random_tensors(identities_shapes(card), 2)["identities"]
    parts: dict[str, dict[str, NDArray[Any]]] = {
        "generator": generator or random_tensors(generator_shapes(card)),
        "motion": motion or random_tensors(motion_shapes(card), 1),
        "identities": {"identities": identities},
    }
    if card.light:
        parts["light"] = dict(random_tensors(light_shapes(card), 3))
    written: dict[str, Weights] = {}
    for name, tensors in parts.items():
        path = folder / f"{name}.safetensors"
        save_file(tensors, path)
        written[name] = Weights(sha256(path))
    if card.files.textures:
        channels, rows, side = card.generator.texture_shape
        pictures = smooth_pictures(len(card.identities), channels, side, rows)
        written["textures"] = write_textures(folder, pictures)
    write_card(folder, msgspec.structs.replace(card, files=Files(**written)))
    return folder


def half_pack(folder: Path) -> Path:
    """A pack whose faces are a red half: their first layer to RGB alone draws, what the first
    convolution hands on of a constant whose upper half is 1."""
    tensors = random_tensors(generator_shapes(clear_card()))
    for name in tensors:
        if "_rgb." in name or name.startswith("synthesis.convs.b4_conv.affine.weight"):
            tensors[name] = np.full_like(tensors[name], float(name.endswith("affine.bias")))
    tensors["synthesis.const"][:] = 0
    tensors["synthesis.const"][:, 0, :2] = 1
    first = "synthesis.convs.b4_conv"
    tensors[f"{first}.weight"][:] = 0
    tensors[f"{first}.weight"][0, 0, 1, 1] = 1  # hands on its first channel, times the root of 2
    tensors[f"{first}.bias"][:] = 0
    levels = np.array([RED, 0, 0, 255], np.float32)
    tensors["synthesis.convs.b4_rgb.weight"][:, 0, 0, 0] = levels / 127.5 / np.sqrt(2)
    tensors["synthesis.convs.b4_rgb.bias"][:] = -1
    return write_pack(folder, clear_card(), generator=dict(tensors))
