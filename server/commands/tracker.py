"""`latentcam tracker`: fetches what follows a camera, when a person agrees."""

from __future__ import annotations

import argparse
import sys

from latentcam.realtime_models.enrolment import models
from latentcam.realtime_models.tracker_files import fetch, missing
from latentcam.server.commands.options import NewParser
from latentcam.server.errors import UsageError


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        description="Fetches MediaPipe's face tracker (Apache-2.0), so that your camera can move "
        "the face's head; asks first. Nothing else of latentcam needs it."
    )
    parser.add_argument("--yes", action="store_true", help="fetch without asking")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Ask, and fetch. Raises what `main` tells the user."""
    wanted = missing()
    if not wanted:
        print(f"All of it is in {models()}.")
        return
    print(f"MediaPipe's face tracker (Apache-2.0), into {models()}:")
    for source in wanted:
        print(f"  {source.megabytes:.1f} MB  {source.address}")
    if not args.yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody is there to be asked: latentcam tracker --yes fetches it")
        if input("Fetch it? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was fetched.")
            return
    for source in wanted:
        fetch(source)
        print(f"{source.name}: done")
