"""`latentcam avatar`: which packs there are, what one says about itself, whether it is intact; and
further actions, each a module that is found in a table, as commands are."""

from __future__ import annotations

import argparse
import json
import textwrap
from functools import partial
from importlib import import_module
from pathlib import Path

import msgspec
import numpy as np

from latentcam.realtime_models.avatar_pack import load_card
from latentcam.realtime_models.decoders.auto import DECODERS
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.opened import open_pack
from latentcam.realtime_models.pack_places import (
    SHIPPED,
    find_pack,
    installed_packs,
    remove_pack,
    user_packs,
)
from latentcam.realtime_models.resolutions import AUTO, resolutions
from latentcam.server.commands.options import Help, NewParser

TRAINING = "latentcam.realtime_models.training"
MORE = {
    "sample": ("latentcam.server.commands.avatar_sample", "a sheet of new faces"),
    "mix": ("latentcam.server.commands.avatar_mix", "a sheet of faces with others' styles"),
    "morph": ("latentcam.server.commands.avatar_morph", "a video from face to face"),
    "import": (f"{TRAINING}.imports.command", "make a pack of a StyleGAN2 of another project"),
    "calibrate": (f"{TRAINING}.latents.calibrate_command", "find a pack's named axes by tracking"),
    "distil": (f"{TRAINING}.latents.distil_command", "a small generator in a large one's place"),
    "enrol": ("latentcam.server.commands.avatar_enrol", "your own face, from video or photos"),
    "forget": ("latentcam.server.commands.avatar_forget", "delete all that is known of a face"),
    "stylise": ("latentcam.server.commands.avatar_stylise", "a pack in the style of a picture"),
    "basis": (f"{TRAINING}.latents.basis_command", "directions in W: global, and local at a face"),
}
"""Action -> its module, and what it does in a few words."""

SHOWN = ("licence", "provenance", "consent")


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        formatter_class=Help,
        description="Avatar packs: those that came with latentcam, and those in your data folder.",
        epilog=f"A pack that is put into {user_packs()} is installed under its folder's name.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="name the installed packs")
    listed.set_defaults(run=list_packs)
    shown = actions.add_parser("show", help="what a pack says of itself")
    shown.add_argument("avatar", help="name or folder of a pack")
    shown.add_argument("--json", action="store_true", help="the whole card, for programs")
    shown.set_defaults(run=show)
    checked = actions.add_parser(
        "check", help="read a pack whole, draw each of its faces", formatter_class=Help
    )
    checked.add_argument("avatar", help="name or folder of a pack")
    checked.add_argument("--decoder", default="auto", choices=DECODERS)
    checked.set_defaults(run=check)
    removed = actions.add_parser("remove", help="delete a pack from your data folder")
    removed.add_argument("avatar", metavar="NAME")
    removed.set_defaults(run=remove)
    for name, (module, words) in MORE.items():
        new_action = partial(actions.add_parser, name, help=words, formatter_class=Help)
        import_module(module).add(new_action)
    return parser


def list_packs(args: argparse.Namespace) -> None:
    """A line per pack; for one that cannot be read, the line says why."""
    for folder in installed_packs():
        try:
            card = load_card(folder)
        except AvatarPackError as error:
            print(f"{folder.name:20} cannot be used: {error}")
            continue
        side = card.generator.resolution
        place = "came with latentcam" if folder.parent == SHIPPED else str(folder)
        print(
            f"{folder.name:20} {side}x{side}, {len(card.identities)} faces, "
            f"{megabytes(folder):.1f} MB, {place}"
        )


def show(args: argparse.Namespace) -> None:
    """The card, for people or in full. Raises what `main` tells the user."""
    folder = find_pack(args.avatar)
    card = load_card(folder)
    if args.json:
        print(json.dumps(msgspec.to_builtins(card), indent=1, ensure_ascii=False))
        return
    config = card.generator
    side = config.resolution
    rows = {"name": card.name, "folder": str(folder)}
    rows |= {field: getattr(card, field) for field in SHOWN}
    rows["faces"] = ", ".join(card.identities)
    rows["picture"] = f"{side}x{side}, {config.macs / 1e9:.2f} GMAC in {len(config.layers)} layers"
    rows["picture"] += ", with alpha" if config.channels == 4 else ""
    rows["resolutions"] = ", ".join(resolutions(card))
    rows["axes"] = ", ".join(axis.name for axis in card.axes)
    for part in ("generator", "light", "motion", "identities"):
        weights = getattr(card.files, part)
        if weights is None:
            continue
        lender = f", borrowed from {weights.borrow}" if weights.borrow else ""
        rows[part] = f"SHA-256 {weights.digest[:16]}…{lender}"
    for name, words in rows.items():
        # A card is somebody else's text: control sequences for the terminal are shown as text.
        plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in words)
        lines = textwrap.wrap(plain, 84, break_long_words=False, break_on_hyphens=False) or [""]
        print(f"{name:12}  {lines[0]}", *(f"{'':14}{line}" for line in lines[1:]), sep="\n")


def check(args: argparse.Namespace) -> int:
    """Read all of it and draw all of its faces at every resolution, at rest and with every axis at
    its ends; 1 if something is wrong with a picture. Raises what `main` tells the user."""
    opened = open_pack(args.avatar, args.decoder, resolution=AUTO)
    avatar, blank = opened.avatar, []
    for name in opened.pack.card.identities:
        anchor = avatar.anchor(name)
        moves = [{}, *({axis.name: axis.high} for axis in avatar.basis.axes)]
        for values in moves if name == opened.pack.card.identities[0] else moves[:1]:
            ws = avatar.basis.move(anchor, avatar.basis.control(values))[None]
            for decoder in avatar.decoders:
                if np.ptp(decoder.decode(ws)) == 0:
                    said = (name, *values, decoder.resolution if avatar.decoders[1:] else "")
                    blank.append(" ".join(said).strip())
    if blank:
        print(f"one colour only, no face: {', '.join(blank)}")
        return 1
    print(f"{args.avatar}: digests match, {len(opened.pack.card.identities)} faces drawn")
    return 0


def remove(args: argparse.Namespace) -> None:
    """Delete it. Raises what `main` tells the user."""
    print(f"deleted {remove_pack(args.avatar)}")


def megabytes(folder: Path) -> float:
    """Of the files in a pack's folder; what it borrows lies elsewhere."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) / 1e6
