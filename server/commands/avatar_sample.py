"""`latentcam avatar sample`: a sheet of new faces, one row a seed, one column a truncation."""

from __future__ import annotations

import argparse

from latentcam.realtime_models.generator.latents import sample_z, truncated, w_to_ws, z_to_w
from latentcam.realtime_models.opened import open_pack
from latentcam.server.commands.options import (
    NewParser,
    decoder_options,
    output_options,
    pack_options,
)
from latentcam.server.commands.sheet import check_name, drawn, write_sheet
from latentcam.server.commands.speech import check_new
from latentcam.server.endings import orderly
from latentcam.server.errors import UsageError

MOST = 256  # pictures on a sheet


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The action's parser."""
    sheet = output_options("the sheet, .jpg or .png")
    parser = new_parser(parents=[pack_options(), decoder_options(), sheet])
    parser.add_argument("--seeds", default="0-7", help="such as 0-7 or 3,14,15; a row each")
    parser.add_argument(
        "--psi", type=float, nargs="+", default=[0.0, 0.5, 0.7, 1.0],
        help="truncations, 0 (the mean face) to 1.5; a column each",
    )  # fmt: skip
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the sheet. Raises what `main` tells the user."""
    check_name(args.out)
    check_new(args.out, args.force)
    seeds = seeds_of(args.seeds)
    for psi in args.psi:
        if not 0.0 <= psi <= 1.5:
            raise UsageError(f"--psi is {psi:g}, expected 0 to 1.5")
    if len(seeds) * len(args.psi) > MOST:
        raise UsageError(f"that is {len(seeds) * len(args.psi)} pictures, expected at most {MOST}")
    opened = open_pack(args.avatar, args.decoder)
    card, tensors = opened.pack.card, opened.pack.generator
    latents = []
    for seed in seeds:
        ws = w_to_ws(
            card.generator, z_to_w(card.generator, tensors, sample_z(card.generator, seed))
        )
        latents += [
            truncated(ws, tensors["mapping.w_avg"], psi, card.truncation_cutoff) for psi in args.psi
        ]
    with orderly():
        pictures, wide = drawn(opened.avatar, latents), len(args.psi)
        write_sheet(args.out, [pictures[i : i + wide] for i in range(0, len(pictures), wide)])
    print(f"{args.out}: seeds {args.seeds} from the top, psi {args.psi} from the left")


def seeds_of(text: str) -> list[int]:
    """The numbers of "0-7,12". Raises UsageError."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        ends = [first, last] if dash else [first, first]
        if not all(end.isascii() and end.isdigit() and len(end) <= 18 for end in ends):
            raise UsageError(f"--seeds is {text[:80]!r}, expected such as 0-7 or 3,14,15")
        low, high = map(int, ends)
        if not low <= high < low + MOST:
            raise UsageError(f"--seeds has {part}, expected at most {MOST}, smallest first")
        seeds += range(low, high + 1)
    return seeds
