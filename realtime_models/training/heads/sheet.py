"""Labelled contact sheets to look at.

`python -m latentcam.realtime_models.training.heads.sheet --help`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.training.heads.expression import VISEMES, control, sample_x
from latentcam.realtime_models.training.heads.identity import (
    CURATED,
    Z_DIM,
    Identity,
    curated_z,
    identity_from_z,
)
from latentcam.realtime_models.training.heads.makehuman import F32, MissingAssetsError
from latentcam.realtime_models.training.heads.renderer import HeadRenderer

Cell = tuple[str, Identity, F32]
"""What to write, who, and how."""


def curated() -> Iterator[Cell]:
    """Every curated face, at rest and talking."""
    faces = {name: identity_from_z(curated_z(name)) for name in CURATED}
    for name, face in faces.items():
        yield name, face, control({})
    rng = np.random.default_rng(1)
    for name, face in faces.items():
        yield name, face, sample_x(rng)


def random(count: int = 32, seed: int = 1) -> Iterator[Cell]:
    """Sampled faces, each with a sampled control vector."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        z = rng.standard_normal(Z_DIM).astype(np.float32)
        yield f"{i}", identity_from_z(z), sample_x(rng)


def visemes() -> Iterator[Cell]:
    """Every viseme on four curated faces."""
    for face in list(CURATED)[:4]:
        identity = identity_from_z(curated_z(face))
        for name, values in VISEMES.items():
            yield name, identity, control(values)


def axes() -> Iterator[Cell]:
    """A row for every axis, on four curated faces: both ends of its range, or half and all of it
    where rest is one end. Then lips that are told to close over a jaw that opens."""
    faces = {name: identity_from_z(curated_z(name)) for name in list(CURATED)[:4]}
    for axis in FACE_AXES:
        low = axis.low if axis.low < 0 else axis.high / 2
        for name, face in faces.items():
            for value in (low, axis.high):
                yield f"{name} {axis.name} {value:g}", face, control({axis.name: value})
    for jaws in ((0.15, 0.3), (0.45, 0.6)):
        for name, face in faces.items():
            for jaw in jaws:
                yield (
                    f"{name} jaw {jaw} closed",
                    face,
                    control({"jawOpen": jaw, "mouthClose": 1.0}),
                )


KINDS = {"axes": axes, "visemes": visemes, "curated": curated, "random": random}
COLUMNS = {"axes": 8, "visemes": len(VISEMES), "curated": 6, "random": 8}


def draw_sheet(renderer: HeadRenderer, cells: Iterator[Cell], columns: int) -> Image.Image:
    """The cells in rows, with their labels."""
    tiles = []
    for label, identity, x in cells:
        tile = Image.fromarray(renderer.render(identity, x))
        ImageDraw.Draw(tile).text((5, 4), label, fill=(255, 255, 120))
        tiles.append(tile)
    size = tiles[0].width
    sheet = Image.new("RGB", (columns * size, -(-len(tiles) // columns) * size))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % columns * size, i // columns * size))
    return sheet


def main() -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True, help="MakeHuman's repositories")
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")
    parser.add_argument("--kind", choices=sorted(KINDS), default="curated")
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    try:
        renderer = HeadRenderer(options.assets, options.size)
    except MissingAssetsError as error:
        print(error, file=sys.stderr)
        return 2
    draw_sheet(renderer, KINDS[options.kind](), COLUMNS[options.kind]).save(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
