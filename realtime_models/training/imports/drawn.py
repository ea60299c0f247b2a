"""Shards of pictures that an avatar pack draws, to train a generator on where there are no renders.

`python -m latentcam.realtime_models.training.imports.drawn --out SHARDS`

Sampled people, each in a few motions, by the pack's own decoder. A shard is what `looks.pack`
writes, with the pack's z for who it is. The same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.errors import AvatarPackError, BackendUnavailable
from latentcam.realtime_models.generator.latents import z_to_ws
from latentcam.realtime_models.opened import Opened, open_pack
from latentcam.realtime_models.resolutions import resolutions
from latentcam.realtime_models.training.looks.sampling import sample_x
from latentcam.realtime_models.training.whole import whole

MOTIONS = 4  # of a person
FRAME = (0.17, 0.09, 0.83, 0.75)  # left, top, right, bottom: as near as faces in FFHQ are


def shard(opened: Opened, number: int, count: int, size: int) -> dict[str, NDArray[Any]]:
    """The arrays of one shard, of `count` pictures; the same number is the same pictures."""
    avatar, pack = opened.avatar, opened.pack
    card = pack.card
    rng = np.random.default_rng([number, 3])
    rows = [card.axes.index(axis) for axis in FACE_AXES]
    images = np.empty((count, size, size, 4), np.uint8)
    zs = np.empty((count, card.generator.z_dim), np.float32)
    xs = np.stack([sample_x(rng) for _ in range(count)])
    for i in range(count):
        if i % MOTIONS == 0:
            z = rng.standard_normal(card.generator.z_dim).astype(np.float32)
            psi, cutoff = card.truncation_psi, card.truncation_cutoff
            anchor = z_to_ws(card.generator, pack.generator, z, psi, cutoff)
        x = np.zeros(len(card.axes), np.float32)
        x[rows] = xs[i]
        picture = avatar.render(anchor, x)
        height, width, channels = picture.shape
        form = "RGBa" if channels == 4 else "RGB"  # a pack's colours are multiplied by alpha
        drawn = Image.frombytes(form, (width, height), picture.tobytes())
        left, top, right, bottom = (width * edge for edge in FRAME)
        near = drawn.resize((size, size), Image.Resampling.BOX, (left, top, right, bottom))
        images[i] = np.asarray(near.convert("RGBA"))
        zs[i] = z
    return {"images": images, "z": zs, "x": xs, "curated": np.full(count, -1, np.int16)}


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", default="studio", help="name or folder of an avatar pack")
    parser.add_argument("--out", type=Path, required=True, help="the folder of shards")
    parser.add_argument("--count", type=int, default=12_000, help="pictures in all")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--shard", type=int, default=1000, help="pictures per shard")
    args = parser.parse_args(argv)
    for name in ("count", "size", "shard"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} is {getattr(args, name)}, expected 1 or more")
    try:
        sizes = resolutions(load_pack(args.avatar).card)
        opened = open_pack(args.avatar, resolution=[one for one in sizes if one.isdigit()][-1])
    except (AvatarPackError, BackendUnavailable) as error:
        parser.error(str(error))
    if lacking := [axis.name for axis in FACE_AXES if axis not in opened.pack.card.axes]:
        parser.error(f"{args.avatar} lacks the axis {lacking[0]}, expected an avatar with all axes")
    args.out.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, args.count, args.shard)):
        path = args.out / f"shard_{number:05d}.npz"
        if path.exists():
            continue
        arrays = shard(opened, number, min(args.shard, args.count - first), args.size)
        with whole(path) as part:
            np.savez(part, allow_pickle=False, **arrays)
        print(f"{path.name}: {len(arrays['images'])} pictures", flush=True)


if __name__ == "__main__":
    main()
