"""A tiny seeded avatar pack, built in code: every test that needs a face uses this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from latentcam.realtime_models.avatar_pack import (
    FORMAT,
    Card,
    generator_shapes,
    motion_shapes,
    sha256,
)
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.motion.model import MotionConfig

GENERATOR = GeneratorConfig(
    z_dim=8,
    w_dim=12,
    mapping_layers=2,
    resolution=32,
    channel_base=256,
    channel_max=16,
    subpixel=2,
)


def tiny_card(**changes: Any) -> Card:
    fields: dict[str, Any] = {
        "format": FORMAT,
        "name": "tiny",
        "licence": "Apache-2.0",
        "provenance": "random numbers",
        "consent": "nobody is shown",
        "retrain": (),
        "generator": GENERATOR,
        "int8": (),
        "int8_crowded": (),
        "truncation_psi": 0.7,
        "motion": MotionConfig(axes=("jawOpen", "mouthPucker"), hidden=8, layers=1),
        "articulation": 1.0,
        "axes": FACE_AXES,
        "identities": ("Ada", "Bo"),
        "digests": {},
    }
    return Card(**{**fields, **changes})


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


def write_pack(
    folder: Path,
    card: Card | None = None,
    generator: dict[str, NDArray[Any]] | None = None,
    motion: dict[str, NDArray[Any]] | None = None,
) -> Path:
    """A whole pack on disk, with any part replaced. Returns the folder."""
    card = card or tiny_card()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(generator or random_tensors(generator_shapes(card)), folder / "generator.safetensors")
    save_file(motion or random_tensors(motion_shapes(card), 1), folder / "motion.safetensors")
    digests = {path.name: sha256(path) for path in folder.glob("*.safetensors")}
    card = msgspec.structs.replace(card, digests=digests)
    (folder / "card.json").write_bytes(msgspec.json.format(msgspec.json.encode(card)))
    return folder
