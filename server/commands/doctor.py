"""`latentcam doctor`: what this machine has, what is missing, and the command that fixes it."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from latentcam.server.commands.options import Help, NewParser, avatar_options, timeline_of
from latentcam.server.config import check_port, parse_ice_server

if TYPE_CHECKING:
    from latentcam.server.checks import Finding, Goal

GOALS: tuple[Goal, ...] = ("serve", "camera", "render", "bench")
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        parents=[avatar_options()],
        formatter_class=Help,
        description="Whether this machine can do what you want: what was found, whether that will "
        "do, and the command that mends it. Nothing is changed. Exit status 1 if something that "
        "was asked for will not work.",
    )
    parser.add_argument(
        "goal", nargs="?", choices=(*GOALS, "all"), metavar="GOAL",
        help=f"{', '.join(GOALS)} or all: what you want to do; unless given, serve, and camera "
        "where its packages are installed",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--port", type=int, action="append", help="must be free (default: "
                        "8080 for serve, 8090 for camera)")  # fmt: skip
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
    from latentcam.server.checks import PORTS, checks_for, installed

    goals = goals_of(args.goal, installed("camera"))
    servers = [parse_ice_server(text) for text in args.ice_server]
    tls = (args.tls_cert, args.tls_key)
    ports = args.port or [PORTS[goal] for goal in goals if goal in PORTS]
    for port in ports:
        check_port(port)
    fps = timeline_of(args).fps
    findings = asyncio.run(checks_for(goals, args.avatar, fps, ports, servers, tls))
    well = all(finding.verdict != "fail" for finding in findings)
    if args.json:
        report = {"ok": well, "goals": goals, "checks": msgspec.to_builtins(findings)}
        print(json.dumps(report, indent=2))
    else:
        console = Console(soft_wrap=True, highlight=False)
        for finding in findings:
            _show(console, finding)
        console.print(f"\n{summary(goals, findings, args.goal is None)}", markup=False)
    return 0 if well else 1


def goals_of(asked: str | None, has_camera: bool) -> list[Goal]:
    """What is to be judged. has_camera: whether the camera's packages are installed."""
    if asked is None:
        return ["serve", "camera"] if has_camera else ["serve"]
    return [goal for goal in GOALS if asked in (goal, "all")]


def summary(goals: Sequence[Goal], findings: Sequence[Finding], chosen: bool) -> str:
    """The verdict, a sentence for each goal. chosen: the goals are ours, not the user's."""
    lines = []
    for goal in goals:
        own = [finding for finding in findings if finding.only in (None, goal)]
        if bad := [finding.name for finding in own if finding.verdict == "fail"]:
            verdict = f"will not work as it is: see {', '.join(bad)}."
        elif limits := [finding.name for finding in own if finding.verdict == "warn"]:
            verdict = f"will work, within limits: see {', '.join(limits)}."
        else:
            verdict = "will work."
        lines.append(f"latentcam {goal} {verdict}")
    if chosen and "camera" not in goals:
        lines.append("What a camera in meetings takes: latentcam doctor camera")
    return "\n".join(lines)


def _show(console: Console, finding: Finding) -> None:
    verdict = f"[{COLOURS[finding.verdict]}]{finding.verdict:5}[/]"
    console.print(f"{verdict} [bold]{finding.name:20}[/] ", end="")
    console.print(finding.found, markup=False)
    if finding.mend is not None:
        console.print(f"{'':27}{finding.mend}", markup=False)
