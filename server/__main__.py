"""The command line: `latentcam camera | serve | render | motion | doctor | bench`, a module
per command."""

from __future__ import annotations

import argparse
import logging
import sys

from latentcam.realtime_models.errors import LatentcamError
from latentcam.server.commands import bench, camera, doctor, motion, render, serve

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Run a command. A user's mistake is one sentence on stderr and exit status 2."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING)
    logging.getLogger("aioice").setLevel(logging.WARNING)  # its INFO tells peers' addresses
    try:
        return args.run(args) or 0
    except LatentcamError as error:
        print(f"latentcam: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("latentcam: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="latentcam", description="You talk, a face talks for you."
    )
    parser.add_argument("--verbose", action="store_true", help="log what happens")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (camera, serve, render, motion, doctor, bench):
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
