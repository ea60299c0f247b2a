"""Pictures into shards for training: `python -m latentcam.realtime_models.training.looks.pack`.

A shard is an uncompressed .npz with
    images   uint8   [n, size, size, 4]  RGBA, straight alpha
    z        float32 [n, Z_DIM]          who, see `identity.py`
    x        float32 [n, 24]             how, in the order of FACE_AXES
    curated  int16   [n]                 index into CAST, -1 for a sampled identity
as `training/generator/data.py` reads, but for the fourth channel.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.whole import whole

Row = tuple[Path, npt.NDArray[np.float32], npt.NDArray[np.float32], int]


def rows(folder: Path) -> Iterator[Row]:
    """(picture, z, x, curated) of every picture that is there and whose factors are known."""
    names = list(CAST)
    for path in sorted((folder / "factors").glob("[0-9]*.json")):
        about = json.loads(path.read_text())
        curated = names.index(about["name"]) if about["name"] else -1
        z = np.array(about["z"], np.float32)
        for name, x in zip(about["pictures"], about["xs"], strict=True):
            if (folder / name).exists():
                yield folder / name, z, np.array(x, np.float32), curated


def write(found: list[Row], path: Path, size: int) -> None:
    """One shard, whole or not at all."""
    images = np.empty((len(found), size, size, 4), np.uint8)
    for i, (picture, *_) in enumerate(found):
        with Image.open(picture) as opened:
            image = opened.convert("RGBA")
        if image.width != size:
            # Colours are weighted by alpha, or the black behind would show at the edges.
            image = image.convert("RGBa").resize((size, size), Image.Resampling.BOX).convert("RGBA")
        images[i] = np.asarray(image)
    with whole(path) as part:
        np.savez(
            part,
            images=images,
            z=np.stack([row[1] for row in found]),
            x=np.stack([row[2] for row in found]),
            curated=np.array([row[3] for row in found], np.int16),
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, required=True, help="made by render.py")
    parser.add_argument("--out", type=Path, required=True, help="the folder of shards")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--shard", type=int, default=256, help="pictures per shard")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = list(rows(options.pictures))
    for first in range(0, len(found), options.shard):
        path = options.out / f"shard_{first // options.shard:05d}.npz"
        write(found[first : first + options.shard], path, options.size)
        print(f"{path.name}: {len(found[first : first + options.shard])} pictures", flush=True)


if __name__ == "__main__":
    main()
