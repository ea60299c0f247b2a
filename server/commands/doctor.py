"""`latentcam doctor`: what this machine has, what is missing, and the command that fixes it."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from latentcam.server.commands.options import Help, NewParser, avatar_options, timeline_of
from latentcam.server.config import check_port, parse_ice_server

if TYPE_CHECKING:
    from latentcam.server.checks import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        parents=[avatar_options()],
        formatter_class=Help,
        description="Every line: what was found, whether that will do, and the command that mends "
        "it. Nothing is changed. Exit status 1 if something will not work.",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--port", type=int, action="append", help="must be free  (default: "
                        "8080 and 8090)")  # fmt: skip
    parser.add_argument(
        "--ice-server", action="append", default=[], metavar="URL[,USER,PASSWORD]",
        help="must answer; as for serve",
    )  # fmt: skip
    parser.add_argument("--tls-cert", help="PEM file, as for serve")
    parser.add_argument("--tls-key", help="PEM file, as for serve")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 if one of them fails. Raises what `main` tells the user."""
    from latentcam.server.checks import all_checks

    servers = [parse_ice_server(text) for text in args.ice_server]
    tls = (args.tls_cert, args.tls_key)
    ports = args.port or [8080, 8090]
    for port in ports:
        check_port(port)
    fps = timeline_of(args).fps
    findings = asyncio.run(all_checks(args.avatar, fps, ports, servers, tls))
    well = all(finding.verdict != "fail" for finding in findings)
    if args.json:
        print(json.dumps({"ok": well, "checks": msgspec.to_builtins(findings)}, indent=2))
    else:
        console = Console(soft_wrap=True, highlight=False)
        for finding in findings:
            _show(console, finding)
    return 0 if well else 1


def _show(console: Console, finding: Finding) -> None:
    verdict = f"[{COLOURS[finding.verdict]}]{finding.verdict:5}[/]"
    console.print(f"{verdict} [bold]{finding.name:20}[/] ", end="")
    console.print(finding.found, markup=False)
    if finding.mend is not None:
        console.print(f"{'':27}{finding.mend}", markup=False)
