"""`latentcam serve`: the page, and a face for whoever talks to it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.decoders.auto import open_decoder
from latentcam.realtime_models.motion.performance import Performer
from latentcam.server.commands.options import (
    Help,
    NewParser,
    avatar_options,
    decoder_options,
    timeline_of,
)
from latentcam.server.config import ServerConfig, parse_ice_server
from latentcam.server.errors import UsageError
from latentcam.stream.engine import Engine

if TYPE_CHECKING:
    from latentcam.server.webrtc.tracks import Retouch


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        parents=[avatar_options(), decoder_options()],
        formatter_class=Help,
    )
    parser.add_argument("--host", default="127.0.0.1", help="any but loopback needs --token")
    parser.add_argument("--port", type=int, default=8080, help="0 picks a free one")
    parser.add_argument("--max-sessions", type=int, default=2)
    parser.add_argument("--token", help="whoever connects must know it")
    parser.add_argument("--origin", action="append", default=[], help="allow pages of this origin")
    parser.add_argument("--tls-cert", type=Path, help="PEM file; browsers need HTTPS off localhost")
    parser.add_argument("--tls-key", type=Path, help="PEM file")
    parser.add_argument(
        "--ice-server",
        action="append",
        default=[],
        metavar="URL[,USER,PASSWORD]",
        help="stun:HOST:PORT, or turn:HOST:PORT,USER,PASSWORD",
    )
    parser.add_argument(
        "--audio-prefetch", type=int, default=2, help="packets that wait for a missing one"
    )
    parser.set_defaults(run=run)
    return parser


def cores() -> int:
    """Those that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(args: argparse.Namespace, retouch: Retouch | None = None) -> None:
    """Serve until interrupted. Raises what `main` tells the user.

    retouch: what is done to every frame before it leaves.
    """
    from latentcam.server.run import run_server

    config = ServerConfig(
        host=args.host,
        port=args.port,
        token=args.token or os.environ.get("LATENTCAM_TOKEN"),
        origins=tuple(args.origin),
        tls_cert=args.tls_cert,
        tls_key=args.tls_key,
        ice_servers=tuple(parse_ice_server(text) for text in args.ice_server),
        audio_prefetch=args.audio_prefetch,
    )
    if args.max_sessions < 1:
        raise UsageError(f"--max-sessions is {args.max_sessions}, expected at least 1")
    timeline = timeline_of(args)
    pack = load_pack(args.avatar)
    lanes = min(args.max_sessions, cores())
    avatar = Avatar(pack, open_decoder(args.decoder, pack, lanes))
    engine = Engine(avatar, Performer(pack), timeline, args.max_sessions)
    run_server(engine, config, retouch)
