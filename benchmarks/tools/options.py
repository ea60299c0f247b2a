"""Options that several benchmarks share."""

from __future__ import annotations

import argparse

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_pack
from latentcam.realtime_models.decoders.auto import DECODERS
from latentcam.realtime_models.errors import AvatarPackError


def pack_name(text: str) -> str:
    """An argument's type: the name or folder of a pack that can be read."""
    try:
        load_pack(text)
    except AvatarPackError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def avatar_options() -> argparse.ArgumentParser:
    """A parent parser: which avatar pack."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--avatar", type=pack_name, default=DEFAULT_PACK, help="name or folder of an avatar pack"
    )
    return parser


def session_options() -> argparse.ArgumentParser:
    """A parent parser: which avatar pack, which decoder, at which rate."""
    parser = argparse.ArgumentParser(add_help=False, parents=[avatar_options()])
    parser.add_argument("--decoder", default="auto", choices=DECODERS)
    parser.add_argument("--fps", type=int, default=25, help="frames per second")
    return parser
