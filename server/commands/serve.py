"""`latentcam serve`: the page, and a face for everybody who talks to it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from latentcam.server.commands.options import Help, NewParser
from latentcam.server.commands.serving import check_places, config_of, engine_of, server_options

if TYPE_CHECKING:
    from latentcam.server.webrtc.tracks import Retouch


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(parents=[server_options()], formatter_class=Help)
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument("--max-sessions", type=int, default=2, help="who may talk at once")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace, retouch: Retouch | None = None) -> None:
    """Serve until interrupted. Raises what `main` tells the user.

    retouch: applied to every frame before it leaves.
    """
    from latentcam.server.run import run_server

    check_places(args)
    config = config_of(args)
    run_server(engine_of(args), config, retouch, opens=args.open)
