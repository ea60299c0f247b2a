"""Path-trace training pictures.

`python -m latentcam.realtime_models.training.looks.render --cache DIR --out DIR`

Writes, under --out,
    <number>.png            RGBA, straight alpha, no background
    factors/<group>.json    of every group of pictures: who (name, z), how (xs), size, samples
What a picture shows depends on the seed and its number alone; with --motion it is the next of the
control vectors in that file, which makes a clip of one person; with --rest it is everybody of the
cast at rest, as <name>.png, and with an open mouth, as <name>.open.png. Pictures that exist are
kept, each appears whole or not at all, so a run may be killed at any moment and started again.

`pack.py` turns a folder into the shards that the generator is trained on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.looks.expression import OPEN, SUNK, control
from latentcam.realtime_models.training.looks.identity import cast_z
from latentcam.realtime_models.training.looks.sampling import Group, group
from latentcam.realtime_models.training.whole import whole


def picture(out: Path, number: int) -> Path:
    """Where a picture lies."""
    return out / f"{number:06d}.png"


def write_factors(
    out: Path, index: int, numbers: range, what: Group, about: dict[str, int]
) -> None:
    """Write the factors of a group, whole or not at all."""
    path = out / "factors" / f"{index:05d}.json"
    if path.exists():
        return
    found = {
        "pictures": [picture(out, n).name for n in numbers],
        "name": what.name,
        "z": [float(v) for v in what.z],
        "xs": [[round(float(v), 5) for v in x] for x in what.xs],
        **about,
    }
    with whole(path) as part:
        part.write_text(json.dumps(found))


def clip(path: Path, name: str, seed: int = 0) -> Group:
    """A named person, or with "" somebody sampled, with the control vectors of a .npy file, float32
    [n, 24].

    Raises ValueError if the file holds anything else.
    """
    xs = np.load(path, allow_pickle=False)
    if xs.ndim != 2 or xs.shape[1] != len(FACE_AXES) or not np.isfinite(xs).all():
        raise ValueError(
            f"{path} holds numbers of shape {xs.shape}, expected finite [n, {len(FACE_AXES)}]"
        )
    z = cast_z(name) if name else group(seed, 0, 1, cast_share=0.0).z
    return Group(name, z, xs.astype(np.float32))


def main() -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True, help="made by bank.py and skins.py")
    parser.add_argument("--out", type=Path, required=True, help="the folder of pictures")
    parser.add_argument("--count", type=int, default=2400)
    parser.add_argument("--first", type=int, default=0, help="number of the first picture")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--samples", type=int, default=8, help="per pixel; 1: not denoised")
    parser.add_argument("--poses", type=int, default=12, help="pictures of one person at a time")
    parser.add_argument("--cast-share", type=float, default=0.7)
    parser.add_argument("--only", nargs="+", default=(), choices=list(CAST), metavar="NAME")
    parser.add_argument(
        "--motion",
        type=Path,
        help=".npy of control vectors: a clip of the one of --only, or of somebody sampled",
    )
    parser.add_argument(
        "--rest", action="store_true", help="the cast, or those of --only, for textures"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    played = None
    if options.motion:
        if len(options.only) > 1:
            parser.error(f"got {len(options.only)} names with --motion, expected one at most")
        try:
            played = clip(options.motion, "".join(options.only), options.seed)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        options.first, options.count = 0, len(played.xs)
        options.poses = options.count
    if options.rest and options.motion:
        parser.error("got --rest and --motion, expected one of them")
    try:
        import bpy  # noqa: F401
    except ImportError:
        print("Blender is not here: pip install 'bpy==5.0.1' (Python 3.11)", file=sys.stderr)
        return 2
    # Only here, so that the command line answers without Blender.
    from latentcam.realtime_models.training.looks.identity import identity
    from latentcam.realtime_models.training.looks.people import Figure, light_of
    from latentcam.realtime_models.training.looks.rig import Bank
    from latentcam.realtime_models.training.looks.scene import Stage

    bank = Bank(options.cache)
    (options.out if options.rest else options.out / "factors").mkdir(parents=True, exist_ok=True)
    stage = Stage(options.cache, options.size, options.samples, options.threads)
    if options.rest:
        for name in options.only or CAST:
            person = identity(cast_z(name))
            poses = {f"{name}.png": control({}), f"{name}.open.png": control(OPEN)}
            poses = {file: x for file, x in poses.items() if not (options.out / file).exists()}
            if poses:
                stage.dress(Figure(bank, person))
                stage.light(light_of(person))
            for file, x in poses.items():
                stage.pose(x, SUNK if x.any() else 0.0)
                stage.render(options.out / file)
                print(file, flush=True)
        return 0
    about = {"size": options.size, "samples": options.samples, "seed": options.seed}
    last = options.first + options.count
    for index in range(options.first // options.poses, -(-last // options.poses)):
        numbers = range(index * options.poses, (index + 1) * options.poses)
        wanted = [n for n in numbers if options.first <= n < last]
        missing = [n for n in wanted if not picture(options.out, n).exists()]
        if not missing:
            continue
        what = played or group(options.seed, index, options.poses, options.cast_share, options.only)
        # First the factors: a picture without them would be lost.
        write_factors(options.out, index, numbers, what, about)
        start, cpu = time.perf_counter(), time.process_time()
        person = identity(what.z)
        stage.dress(Figure(bank, person))
        stage.light(light_of(person))
        for number in missing:
            stage.pose(what.xs[number - numbers.start])
            stage.render(picture(options.out, number))
        wall = (time.perf_counter() - start) / len(missing)
        busy = (time.process_time() - cpu) / len(missing)
        print(
            f"group {index} {what.name or 'sampled'}: {len(missing)} pictures, "
            f"{wall:.1f} s and {busy:.1f} CPU s each",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
