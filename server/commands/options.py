"""What several sub-commands ask for, and how a command says that it cannot be carried out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from realtime_models.avatar_pack import DEFAULT_PACK
from realtime_models.decoders.auto import DECODERS
from stream.timeline import Timeline

if TYPE_CHECKING:  # argparse names the type of add_subparsers()'s result in private only
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

Help = argparse.ArgumentDefaultsHelpFormatter


class UsageError(ValueError):
    """The command cannot be carried out as given."""


def avatar_options() -> argparse.ArgumentParser:
    """A parent parser: which pack, at which rate."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--avatar", default=DEFAULT_PACK, help="name or folder of an avatar pack")
    parser.add_argument("--fps", type=int, default=25, help="frames per second")
    return parser


def decoder_options() -> argparse.ArgumentParser:
    """A parent parser: which decoder."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--decoder", default="auto", choices=DECODERS)
    return parser


def face_options() -> argparse.ArgumentParser:
    """A parent parser: whose face."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--identity", help="a face of the pack by name, or a number: a new face")
    return parser


def life_options() -> argparse.ArgumentParser:
    """A parent parser: how the face moves by itself."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--still", action="store_true", help="nothing moves but the lips")
    return parser


def speech_options() -> argparse.ArgumentParser:
    """A parent parser: a speech file, performed without a clock."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("speech", type=Path, help="any audio or video file")
    parser.add_argument("--seed", type=int, default=0, help="seed of blinks and head sway")
    return parser


def timeline_of(args: argparse.Namespace) -> Timeline:
    """The timeline of `--fps`. Raises UsageError if it is out of range."""
    try:
        return Timeline(args.fps)
    except ValueError as error:
        raise UsageError(f"--{error}") from None
