"""`latentcam bench`: how does it run on this machine? A report with plots."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from latentcam.server.commands.options import (
    Help,
    NewParser,
    avatar_options,
    decoder_options,
    timeline_of,
)
from latentcam.server.endings import raising
from latentcam.server.errors import UsageError
from latentcam.stream.whole_file import writing

NEEDED = ("httpx", "matplotlib", "psutil")
PAGE = "report.html"


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        parents=[avatar_options(), decoder_options()],
        formatter_class=Help,
    )
    parser.add_argument("--out", type=Path, default=Path("latentcam-bench"), help="a folder")
    parser.add_argument("--force", action="store_true", help="overwrite a report that is there")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each measurement")
    parser.add_argument("--most", type=int, default=4, help="sessions at once to try")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Measure and write. Raises what `main` tells the user."""
    timeline_of(args)
    if args.seconds < 5 or args.most < 1:
        raise UsageError(
            f"got --seconds {args.seconds:g} --most {args.most}, expected at least 5 and 1"
        )
    if args.out.exists() and not args.out.is_dir():
        raise UsageError(f"--out is {args.out}, which is a file, expected a folder")
    page = args.out / PAGE
    if page.is_file() and page.stat().st_size and not args.force:  # empty: one that was interrupted
        raise UsageError(f"{page} exists: give another --out, or --force to overwrite it")
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise UsageError(
            f"bench needs {', '.join(missing)}, not installed: pip install 'latentcam[bench]'"
        )
    with writing(args.out):  # minutes before there is something to write
        args.out.mkdir(parents=True, exist_ok=True)
        page.touch()
    from latentcam.benchmarks.report import write_report

    with raising():  # the servers that it starts must not outlive it
        write_report(
            page,
            args.avatar,
            args.decoder,
            args.fps,
            args.seconds,
            args.most,
            lambda line: print(f"latentcam: {line}", file=sys.stderr, flush=True),
        )
    print(page)
