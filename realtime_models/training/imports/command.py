"""`latentcam avatar import`: a StyleGAN2 of another project becomes a pack."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_pack, sha256
from latentcam.realtime_models.pack_places import CARD, find_pack
from latentcam.realtime_models.training.imports.errors import ForeignFileError
from latentcam.realtime_models.training.imports.make import (
    Words,
    import_network,
    published_by_nvidia,
    write_imported,
)

NON_COMMERCIAL = (
    "Names in the file say that NVIDIA published it ({word}): such weights are for research and "
    "evaluation, not for commercial use."
)


def add(new_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """The action's parser."""
    parser = new_parser(
        description="Reads NVIDIA's pickles (stylegan2-ada-pytorch, the StyleGAN2 of stylegan3) "
        "and rosinality's checkpoints. No code in the file is run.",
    )
    parser.add_argument("file", type=Path, help="ffhq.pkl, checkpoint.pt and the like")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new pack")
    parser.add_argument("--licence", required=True, help="of the weights, in words or by SPDX name")
    parser.add_argument("--consent", required=True, help="who is shown, and that they agreed")
    parser.add_argument("--provenance", default="", help="what the network was trained on")
    parser.add_argument(
        "--class", type=int, dest="label", metavar="N", help="of a conditional network"
    )
    parser.add_argument("--psi", type=float, default=0.7, help="truncation of sampled faces")
    parser.add_argument("--cutoff", type=int, help="rows of the latent that are truncated")
    parser.add_argument("--faces", type=int, default=8, help="how many sampled faces get a name")
    parser.add_argument("--base", default=DEFAULT_PACK, help="pack that lends its motion model")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Import it. Raises what `main` tells the user."""
    for option in ("licence", "consent"):
        if not getattr(args, option).strip():
            raise ForeignFileError(f"--{option} is empty, expected words that say it")
    if not 1 <= args.faces <= 1000:
        raise ForeignFileError(f"--faces is {args.faces}, expected 1 to 1000")
    if (args.out / CARD).exists():
        raise ForeignFileError(f"{args.out} is a pack already, expected a new folder")
    base, lender = load_pack(args.base), find_pack(args.base).name
    imported = import_network(args.file, args.label)
    digest = sha256(args.file)[:16]
    provenance = f"Imported from {args.file.name} (SHA-256 {digest}…), {imported.form}."
    if args.label is not None:
        provenance += f" Class {args.label}."
    if word := published_by_nvidia(args.file, imported):
        provenance += f" {NON_COMMERCIAL.format(word=word)}"
        print(f"latentcam: {NON_COMMERCIAL.format(word=word)}", file=sys.stderr)
    words = Words(
        args.licence.strip(),
        f"{provenance} {args.provenance.strip()}".strip(),
        args.consent.strip(),
    )
    try:
        card = write_imported(
            imported, args.out, words, base, lender,
            psi=args.psi, cutoff=args.cutoff, seeds=range(args.faces),
        )  # fmt: skip
    except ValueError as error:
        raise ForeignFileError(str(error)) from None
    except OSError as error:
        raise ForeignFileError(f"{args.out} cannot be written: {error.strerror}") from None
    config = card.generator
    print(
        f"{args.out}: {config.resolution}x{config.resolution}, {config.macs / 1e9:.2f} GMAC in "
        f"{len(config.layers)} layers, {config.num_ws} rows of w, {len(card.identities)} faces"
    )
