"""`latentcam verify`: did latentcam make this video or picture?"""

from __future__ import annotations

import argparse
import math
import sys

from latentcam.server.commands.options import Help, NewParser, local_file
from latentcam.server.credentials import Statement, read
from latentcam.server.errors import UsageError
from latentcam.stream.marked_file import CERTAIN, POSSIBLE, Verdict, verdict_on

NOT_FOUND = 1
"""Exit status where the mark is not certainly there."""

SUREST = 12  # beyond, other things than accidents are likelier


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(formatter_class=Help)
    parser.add_argument("file", type=local_file, help="a video, or a picture")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="how much of it, from its beginning; 0: all"
    )
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Say what was found. Raises what `main` tells the user, and SystemExit without a mark."""
    if not args.seconds >= 0:
        raise UsageError(f"--seconds is {args.seconds:g}, expected 0 or more")
    verdict = verdict_on(args.file, args.seconds or math.inf)
    print(f"{args.file}: {sentence(verdict)}")
    if (statement := read(args.file)) is not None:
        print(f"{args.file}: {stated(statement)}")
    if verdict.log10_chance > CERTAIN:
        sys.exit(NOT_FOUND)


def stated(statement: Statement) -> str:
    """For people."""
    if not statement.intact:
        return (
            "its Content Credentials do not fit: the file was changed after it was signed, or the "
            "signature is wrong."
        )
    known = "" if statement.trusted else ", an issuer unknown here"
    what = "made by a trained network" if statement.synthetic else "not said to be synthetic"
    return (
        f"its Content Credentials are intact: {what}, with {statement.maker}; signed by "
        f"{statement.issuer}{known}."
    )


def sentence(verdict: Verdict) -> str:
    """For people."""
    chance, stretches = verdict.log10_chance, len(verdict.findings)
    where = f" in {verdict.seconds:.0f} s of it" if verdict.seconds else ""
    if chance > POSSIBLE:
        return f"no. There is no mark of latentcam's{where}, which does not prove that it is real."
    if chance > CERTAIN:
        return (
            f"perhaps. There may be what is left of latentcam's mark{where}; by accident, "
            f"1 of {10**-chance:.0f} files looks so."
        )
    marks = " and ".join(f"{mark:08x}" for mark in verdict.marks)
    session = f"session {marks}" if marks else "its session cannot be read"
    parts = f" in {verdict.marked} of {stretches} stretches" if stretches > 1 else ""
    sure = min(math.floor(-chance), SUREST)
    return (
        f"yes. It has latentcam's mark{parts}: what it shows is synthetic; {session}. By accident, "
        f"fewer than 1 of 10^{sure} files look so."
    )
