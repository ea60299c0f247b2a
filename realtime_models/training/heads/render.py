"""Render shards of training pictures: `python -m latentcam.realtime_models.training.heads.render`.

A shard is an uncompressed .npz with
    images   uint8   [n, size, size, 3]
    z        float32 [n, Z_DIM]   who, see `identity.py`
    x        float32 [n, 24]      how, in the order of FACE_AXES
    curated  int16   [n]          index into CURATED, -1 for a sampled identity
What is in it depends on the seed and on its index alone. Shards that exist are kept, so a run
that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from latentcam.realtime_models.training.heads.expression import AXES, sample_x
from latentcam.realtime_models.training.heads.identity import (
    CURATED,
    Z_DIM,
    curated_z,
    identity_from_z,
)
from latentcam.realtime_models.training.heads.makehuman import Assets, MissingAssetsError

if TYPE_CHECKING:
    from latentcam.realtime_models.training.heads.renderer import HeadRenderer


def render_shard(
    renderer: HeadRenderer, index: int, count: int, options: argparse.Namespace
) -> Path:
    """Render one shard of `count` pictures and write it whole or not at all."""
    rng = np.random.default_rng([options.seed, index])
    names = list(CURATED)
    images = np.empty((count, options.size, options.size, 3), np.uint8)
    zs = np.empty((count, Z_DIM), np.float32)
    xs = np.stack([sample_x(rng, options.turned_share, options.sweep) for _ in range(count)])
    chosen = np.empty(count, np.int16)
    for first in range(0, count, options.per_identity):
        group = slice(first, min(first + options.per_identity, count))
        pick = int(rng.integers(len(names))) if rng.random() < options.curated_share else -1
        z = curated_z(names[pick]) if pick >= 0 else rng.standard_normal(Z_DIM).astype(np.float32)
        identity = identity_from_z(z)
        zs[group] = z
        chosen[group] = pick
        for i in range(group.start, group.stop):
            images[i] = renderer.render(identity, xs[i])
    path = shard_path(options.out, index)
    part = path.with_name(f".{path.stem}.part.npz")
    np.savez(part, images=images, z=zs, x=xs, curated=chosen)
    part.rename(path)
    return path


def shard_path(out: Path, index: int) -> Path:
    """Where a shard lies."""
    return out / f"shard_{index:05d}.npz"


def work(options: argparse.Namespace, jobs: list[tuple[int, int]]) -> None:
    """Render shards, as (index, count), with a renderer of one's own."""
    # Only here, so that the command line answers without OpenGL.
    from latentcam.realtime_models.training.heads.renderer import HeadRenderer

    renderer = HeadRenderer(options.assets, options.size)
    for index, count in jobs:
        start = time.perf_counter()
        path = render_shard(renderer, index, count, options)
        rate = count / (time.perf_counter() - start)
        print(f"{path.name}: {count} images, {rate:.1f} images/s in this process", flush=True)


def main() -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, required=True, help="MakeHuman's repositories")
    parser.add_argument("--out", type=Path, required=True, help="the folder of shards")
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--curated-share", type=float, default=0.5)
    parser.add_argument(
        "--turned-share", type=float, default=0.2, help="of heads turned by any angle, however far"
    )
    parser.add_argument(
        "--sweep", nargs="+", default=(), choices=list(AXES), metavar="AXIS",
        help="move nothing but one of these axes; default: the whole of what faces do",
    )  # fmt: skip
    parser.add_argument("--per-identity", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--shard", type=int, default=256, help="pictures per shard")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    options = parser.parse_args()
    try:
        Assets(options.assets)
    except MissingAssetsError as error:
        print(error, file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = [
        (index, min(options.shard, options.images - index * options.shard))
        for index in range(-(-options.images // options.shard))
        if not shard_path(options.out, index).exists()
    ]
    # llvmpipe reads its number of threads at the start of a process; so do the BLAS libraries.
    for variable in ("LP_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=work, args=(options, jobs[i :: options.workers]))
        for i in range(options.workers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return max(abs(process.exitcode or 0) for process in processes)


if __name__ == "__main__":
    sys.exit(main())
