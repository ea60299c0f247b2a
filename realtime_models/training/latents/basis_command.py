"""`latentcam avatar basis`: which directions W has, everywhere and at a point, and which of both
keeps a face itself."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack
from latentcam.realtime_models.generator.latents import sample_z
from latentcam.realtime_models.training.latents.errors import LatentsError

if TYPE_CHECKING:
    from latentcam.realtime_models.training.latents.bases import GlobalBasis, Jacobians

SPECTRA = 3  # points whose spectrum is drawn
WALKED = 4  # directions of each basis, from each of as many faces


def add(new_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """The action's parser."""
    parser = new_parser(
        description="Writes principal components of W, local bases at sampled faces, plots of both "
        "spectra, and a sheet of walks along each. Prints what was found as JSON.",
    )
    parser.add_argument("--avatar", default=DEFAULT_PACK, help="name or folder of an avatar pack")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is found")
    parser.add_argument("--samples", type=int, default=100_000, help="of w; up to millions")
    parser.add_argument("--components", type=int, default=32, help="how many are written")
    parser.add_argument("--seed", type=int, default=0, help="the first sampled face")
    parser.add_argument("--compare", action="store_true", help="walk along both; takes minutes")
    parser.add_argument("--judge", type=Path, help="folder of dlib's models: is it the same face?")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Find and write them. Raises what `main` tells the user."""
    from latentcam.realtime_models.training.latents.bases import Jacobians, global_basis, sample_w
    from latentcam.realtime_models.training.latents.sheets import save_spectra
    from latentcam.realtime_models.training.weights import save_weights

    pack = load_pack(args.avatar)
    config, tensors = pack.card.generator, pack.generator
    if not 1 <= args.components <= config.w_dim:
        raise LatentsError(
            f"--components is {args.components}, expected 1 to {config.w_dim}, as long as w is"
        )
    if args.samples <= args.components or args.seed < 0:
        raise LatentsError(
            f"--samples is {args.samples} and --seed {args.seed}, expected more samples than "
            "components and a seed of 0 or more"
        )
    args.out.mkdir(parents=True, exist_ok=True)
    everywhere = global_basis(sample_w(config, tensors, args.samples), args.components)
    found: dict[str, object] = {
        "samples": args.samples,
        "components for 90 % of the variance": int((everywhere.explained < 0.9).sum()) + 1,
        "explained": [round(float(share), 4) for share in everywhere.explained[:16]],
    }
    shares = {f"{args.samples} samples of w": everywhere.explained}
    save_spectra(args.out / "explained.png", shares, "Share of the variance of W")
    jacobians = Jacobians(config, tensors)
    seeds = range(args.seed, args.seed + SPECTRA)
    here = {seed: jacobians.at(sample_z(config, seed)) for seed in seeds}
    save_spectra(
        args.out / "spectrum.png",
        {f"seed {seed}": basis.stretch for seed, basis in here.items()},
        "Singular values of the mapping network's Jacobian",
    )
    found["singular values"] = len(here[args.seed].stretch)
    found["of them below 1 % of the largest"] = [basis.flat for basis in here.values()]
    written = {"global": everywhere.columns, "mean": everywhere.mean}
    written |= {f"local {seed}": basis.columns for seed, basis in here.items()}
    save_weights(written, args.out / "directions.safetensors")
    if args.compare:
        found["walks"] = compare(pack, everywhere, jacobians, args)
    print(json.dumps(found))


def compare(
    pack: AvatarPack, everywhere: GlobalBasis, jacobians: Jacobians, args: argparse.Namespace
) -> dict[str, dict[str, float | None]]:
    """Walk from sampled faces along the first directions of both bases."""
    from latentcam.realtime_models.training.latents.faces import Faces, Identities
    from latentcam.realtime_models.training.latents.sheets import save_sheet
    from latentcam.realtime_models.training.latents.walks import walked

    faces, identities = Faces(pack), Identities(args.judge)
    told: dict[str, dict[str, float | None]] = {}
    for name in ("global", "local"):
        done, rows = [], {}
        for seed in range(args.seed, args.seed + WALKED):
            z = sample_z(pack.card.generator, seed)
            for index in range(min(WALKED, args.components)):
                walk = (
                    everywhere.walk(jacobians.w(z), index)
                    if name == "global"
                    else jacobians.walk(z, index)
                )
                if (one := walked(walk, faces.draw, identities)) is not None:
                    done.append(one)
                    rows[f"{seed}, {index}"] = one.pictures
        if rows:
            save_sheet(args.out / f"{name}.jpg", rows, 96)
        apart = [one.identity for one in done if one.identity is not None]
        told[name] = {
            "walks": len(done),
            "identity": round(float(np.mean(apart)), 4) if apart else None,
            "roughness": round(float(np.mean([one.roughness for one in done])), 4)
            if done
            else None,
        }
    return told
