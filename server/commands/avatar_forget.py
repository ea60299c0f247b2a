"""`latentcam avatar forget`: nothing of a person's face stays on this machine."""

from __future__ import annotations

import argparse

from latentcam.realtime_models import enrolment
from latentcam.server.commands.options import NewParser


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The action's parser."""
    parser = new_parser(
        description="Deletes the pack, the recording, whatever an unfinished enrolment left, and "
        "all compiled decoders, which hold weights. Packs that others copied are theirs to delete."
    )
    parser.add_argument("avatar", metavar="NAME")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Delete it. Raises what `main` tells the user."""
    for path in enrolment.forget(args.avatar):
        print(f"deleted {path}")
