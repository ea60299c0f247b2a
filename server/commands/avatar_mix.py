"""`latentcam avatar mix`: a sheet of style mixing, as figure 3 of the StyleGAN paper: faces across
the top, and below, for each band of resolutions, what they become with another face's styles."""

from __future__ import annotations

import argparse

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.generator.mixing import BANDS, mixed
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

MOST = 12  # faces across, and down


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The action's parser."""
    sheet = output_options("the sheet, .jpg or .png")
    parser = new_parser(parents=[pack_options(), decoder_options(), sheet])
    parser.add_argument("into", metavar="A", help="faces by name or seed, such as Nora,7")
    parser.add_argument("taken", metavar="B", help="faces whose styles are taken")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the sheet. Raises what `main` tells the user."""
    check_name(args.out)
    check_new(args.out, args.force)
    opened = open_pack(args.avatar, args.decoder)
    config = opened.pack.card.generator
    across, down = (faces_of(opened.avatar, text) for text in (args.into, args.taken))
    with orderly():
        sources = drawn(opened.avatar, [*across, *down])
        rows = [[None, *sources[: len(across)]]]
        for band in BANDS:
            for taken, source in zip(down, sources[len(across) :], strict=True):
                latents = [mixed(config, into, taken, band) for into in across]
                rows.append([source, *drawn(opened.avatar, latents)])
        write_sheet(args.out, rows)
    print(f"{args.out}: below the faces of A, those of B give {', then '.join(BANDS)} styles")


def faces_of(avatar: Avatar, text: str) -> list[Latent]:
    """The latents of names and seeds between commas. Raises UsageError."""
    names = text.split(",")
    if len(names) > MOST:
        raise UsageError(f"{len(names)} faces are named, expected at most {MOST}")
    try:
        return [avatar.anchor(name.strip()) for name in names]
    except ValueError as error:
        raise UsageError(str(error)) from None
