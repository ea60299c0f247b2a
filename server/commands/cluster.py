"""`latentcam cluster`: `serve` on many machines, a replica for each engine, by Ray Serve."""

from __future__ import annotations

import argparse
import importlib.util
import shlex
from collections.abc import Mapping
from functools import partial
from typing import Any

from latentcam.server.cluster.size import Size
from latentcam.server.command_line import Parser
from latentcam.server.commands.options import Help, NewParser
from latentcam.server.commands.serving import (
    check_places,
    config_of,
    cores,
    engine_of,
    opened_of,
    server_options,
)
from latentcam.server.config import ServerConfig
from latentcam.server.errors import UsageError
from latentcam.stream.engine import Engine

MISSING = "this needs Ray Serve, not installed: pip install 'latentcam[cluster]'"


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(parents=[server_options()], formatter_class=Help)
    parser.add_argument("--max-sessions", type=int, default=2, help="who may talk to one replica")
    parser.add_argument("--replicas", type=int, default=2, help="engines, each in a process")
    parser.add_argument(
        "--most-replicas",
        type=int,
        metavar="N",
        help="add replicas while fewer than a quarter of all places are free, and drain them when "
        "more are; default: as many as --replicas",
    )
    parser.add_argument("--cpus", type=float, default=2.0, help="cores of one replica")
    parser.add_argument("--gpus", type=float, default=0.0, help="GPUs of one replica")
    parser.add_argument(
        "--drain",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help="after which the calls of a replica that is to go are cut",
    )
    parser.add_argument(
        "--shrink-after",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="for which a replica must have been superfluous before it is drained",
    )
    parser.add_argument(
        "--ray-address",
        metavar="HOST:PORT",
        help="of a Ray cluster that runs, or auto; default: one of this machine alone, which ends "
        "with the command",
    )
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Serve until interrupted. Raises what `main` tells the user."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError(MISSING)
    check_places(args)
    size, config = size_of(args), config_of(args)
    if args.ray_address is None:
        if size.least * size.cpus > cores():
            raise UsageError(
                f"{size.least} replicas of {size.cpus:g} cores need {size.least * size.cpus:g}, "
                f"this machine has {cores()}: fewer --replicas, fewer --cpus, or more machines"
            )
        opened_of(args)  # what is wrong is said here in a sentence, and not by every replica
    from latentcam.server.cluster.run import run_cluster

    run_cluster(partial(begin, args, config), config, size, args.ray_address)


def size_of(args: argparse.Namespace) -> Size:
    """Raises ConfigError."""
    return Size(
        least=args.replicas,
        most=args.replicas if args.most_replicas is None else args.most_replicas,
        cpus=args.cpus,
        gpus=args.gpus,
        drain=args.drain,
        shrink_after=args.shrink_after,
    )


def begin(args: argparse.Namespace, config: ServerConfig) -> tuple[Engine, ServerConfig]:
    """In a replica's process."""
    return engine_of(args), config


def application(args: Mapping[str, str]) -> Any:
    """Serve's application, for its own configuration files, as deploy/kuberay.yaml is one:
    `options` are those of the command. Raises what `main` tells the user."""
    from latentcam.server.cluster.application import application as made

    parsed = add(Parser).parse_args(shlex.split(args.get("options", "")))
    return made(partial(begin, parsed, config_of(parsed)), size_of(parsed))
