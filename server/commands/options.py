"""Options that several commands share, and how a command says that it cannot be carried out."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK
from latentcam.realtime_models.axes import MOODS, Axis
from latentcam.realtime_models.decoders.auto import DECODERS
from latentcam.realtime_models.motion.moods import NEUTRAL, MoodModel, load_moods
from latentcam.realtime_models.motion.performance import Settings
from latentcam.realtime_models.resolutions import AUTO
from latentcam.server.errors import UsageError
from latentcam.stream.timeline import Timeline

if TYPE_CHECKING:
    from latentcam.stream.backgrounds import Backgrounds

NewParser = Callable[..., argparse.ArgumentParser]
"""Takes what ArgumentParser takes, and knows the command's name."""


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults that say something: no None, no empty list, and no False of a flag."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        silent = default is None or default is False or default == []
        return action.help if silent else super()._get_help_string(action)


def local(text: str) -> str:
    """An argument's type: anything but an address, which is told that nothing is fetched."""
    scheme, colon, _ = text.removeprefix("blur:").partition("://")
    if colon and scheme.isalnum() and not os.path.exists(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is an address, expected a name: nothing is fetched from the network, nor "
            "sent there"
        )
    return text


def local_file(text: str) -> Path:
    """An argument's type: a file's name."""
    return Path(local(text))


def output_options(what: str) -> argparse.ArgumentParser:
    """A parent parser: which file to write."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--out", type=local_file, required=True, help=what)
    parser.add_argument("--force", action="store_true", help="overwrite --out if it exists")
    return parser


def badge_option() -> argparse.ArgumentParser:
    """A parent parser: whether the pictures say what they are to people, too."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--badge",
        action="store_true",
        help='the label "Synthetic face" in the picture; it has an invisible mark in any case',
    )
    return parser


def pack_options() -> argparse.ArgumentParser:
    """A parent parser: which pack."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--avatar", type=local, default=DEFAULT_PACK, help="name or folder of an avatar pack"
    )
    return parser


def avatar_options() -> argparse.ArgumentParser:
    """A parent parser: which pack, at which rate."""
    parser = argparse.ArgumentParser(add_help=False, parents=[pack_options()])
    parser.add_argument("--fps", type=int, default=25, help="frames per second")
    return parser


def decoder_options() -> argparse.ArgumentParser:
    """A parent parser: which decoder."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--decoder", default="auto", choices=DECODERS)
    return parser


def resolution_options() -> argparse.ArgumentParser:
    """A parent parser: at which of a pack's resolutions."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--resolution",
        default=AUTO,
        help="auto: the pack's largest at which this machine keeps the frame rate; or a resolution "
        "of the pack, as 512, 256 or 256-light",
    )
    return parser


def background_options() -> argparse.ArgumentParser:
    """A parent parser: what is behind the face."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--background",
        type=local,
        default="own",
        help="own: the face's, and a room if it came with none; room; #rrggbb; a picture file; "
        "blur: before a file or before room",
    )
    parser.add_argument(
        "--backgrounds",
        type=local_file,
        metavar="FOLDER",
        help="pictures to choose from on the page",
    )
    return parser


def backgrounds_of(args: argparse.Namespace) -> Backgrounds:
    """What `--background` and `--backgrounds` name, read. Raises MediaError."""
    from latentcam.stream.backgrounds import Backgrounds, pictures_in

    pictures = pictures_in(args.backgrounds) if args.backgrounds else []
    return Backgrounds(args.background, pictures)


def face_options() -> argparse.ArgumentParser:
    """A parent parser: whose face."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--identity", help="a face of the pack by name, or a number: a new face")
    return parser


def check_face(avatar: Avatar, identity: str | None) -> Latent:
    """The latent of `--identity`, by default of the avatar's first face. Raises UsageError."""
    try:
        return avatar.anchor(identity or avatar.card.identities[0])
    except ValueError as error:
        raise UsageError(str(error)) from None


def life_options() -> argparse.ArgumentParser:
    """A parent parser: how the face moves by itself."""
    parser = argparse.ArgumentParser(add_help=False, parents=[moods_options()])
    parser.add_argument("--still", action="store_true", help="nothing moves but the lips")
    parser.add_argument(
        "--expression",
        action="append",
        default=[],
        metavar="NAME[:STRENGTH]",
        help="an emotion or any other axis of the pack, at a strength of 0 to 1; "
        "more than one may be given",
    )
    return parser


def moods_options() -> argparse.ArgumentParser:
    """A parent parser: which moods come by themselves, and with the voice."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--moods",
        type=local_file,
        metavar="FILE",
        help="learned moods, which come by themselves until one is chosen",
    )
    parser.add_argument(
        "--arousal",
        type=float,
        default=0.0,
        metavar="STRENGTH",
        help="how far brows, lids, head, mouth and mood follow how aroused the voice sounds, "
        "0 to 1",
    )
    return parser


def moods_of(args: argparse.Namespace, axes: Sequence[Axis]) -> MoodModel | None:
    """What the file of `--moods` holds. Raises UsageError if the avatar shows none of it, and
    AvatarPackError for a file that holds no moods."""
    if args.moods is None:
        return None
    moods = load_moods(args.moods)
    if not {axis.name for axis in axes}.intersection(moods.labels):
        has = ", ".join(axis.name for axis in axes if axis.name in MOODS) or "none"
        raise UsageError(
            f"{args.moods} holds the moods {', '.join(moods.labels)}, expected some that the "
            f"avatar has: {has}"
        )
    return moods


def moved_by(args: argparse.Namespace, axes: Sequence[Axis]) -> Settings:
    """What `moods_options` ask for. Raises as `moods_of` does."""
    if not 0 <= args.arousal <= 1:
        raise UsageError(f"--arousal is {args.arousal:g}, expected 0 to 1")
    return Settings(moods=moods_of(args, axes), arousal=args.arousal)


def settings_of(args: argparse.Namespace, axes: Sequence[Axis]) -> Settings:
    """The settings of `--still`, `--expression` and `moods_options`. Raises UsageError, and
    AvatarPackError for a file that holds no moods."""
    known = {axis.name: axis for axis in axes}
    expression: dict[str, float] = {}
    for text in args.expression:
        name, _, strength = text.partition(":")
        if name == NEUTRAL:  # a choice, too: no mood comes by itself then
            expression = {mood: 0.0 for mood in MOODS if mood in known} | expression
            continue
        if name not in known:
            moods = [NEUTRAL, *(mood for mood in MOODS if mood in known)]
            rest = [axis for axis in known if axis not in MOODS]
            raise UsageError(
                f"--expression is {text!r}, expected a mood: {', '.join(moods)}; or an axis: "
                f"{', '.join(rest)}"
            )
        try:
            share = float(strength or 1)
        except ValueError:
            share = math.nan
        if not 0 <= share <= 1:
            raise UsageError(f"--expression is {text!r}, expected {name}:STRENGTH, from 0 to 1")
        expression[name] = share * known[name].high
    life = 0.0 if args.still else 1.0
    return replace(moved_by(args, axes), expression=expression, life=life)


def speech_options() -> argparse.ArgumentParser:
    """A parent parser: a speech file, performed without a clock."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("speech", type=local_file, help="any audio or video file")
    parser.add_argument(
        "--other",
        type=local_file,
        metavar="SPEECH",
        help="what somebody else says meanwhile, to whom the face listens",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of blinks and head sway")
    return parser


def seed_of(args: argparse.Namespace) -> int:
    """The number of `--seed`. Raises UsageError if no random generator would take it."""
    seed: int = args.seed
    if seed < 0:
        raise UsageError(f"--seed is {seed}, expected 0 or more")
    return seed


def timeline_of(args: argparse.Namespace) -> Timeline:
    """The timeline of `--fps`. Raises UsageError if it is out of range."""
    try:
        return Timeline(args.fps)
    except ValueError as error:
        raise UsageError(f"--{error}") from None
