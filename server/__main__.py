"""The command line: `latentcam render | motion | serve`."""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from realtime_models.arrays import Control
from realtime_models.avatar import Avatar
from realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack
from realtime_models.basis import Basis
from realtime_models.decoders.auto import DECODERS, open_decoder
from realtime_models.errors import AvatarPackError, BackendUnavailable
from realtime_models.motion import MotionModel
from server.config import ConfigError, ServerConfig, parse_ice_server
from stream.engine import Engine
from stream.media_file import (
    OUTPUT_RATE,
    Blocks,
    MediaError,
    VideoFile,
    read_voice,
    voice_seconds,
)
from stream.offline import perform_file
from stream.performance import Performance, Settings
from stream.timeline import Timeline

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class UsageError(ValueError):
    """The command cannot be carried out as given."""


def main(argv: list[str] | None = None) -> int:
    """Run a command. A user's mistake is one sentence on stderr and exit status 2."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING)
    try:
        args.run(args)
    except (UsageError, ConfigError, MediaError, AvatarPackError, BackendUnavailable) as error:
        print(f"latentcam: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("latentcam: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="latentcam", description="You talk, a face talks for you."
    )
    parser.add_argument("--verbose", action="store_true", help="log what happens")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    defaults = argparse.ArgumentDefaultsHelpFormatter

    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--avatar", default=DEFAULT_PACK, help="name or folder of an avatar pack")
    shared.add_argument("--fps", type=int, default=25, help="frames per second")

    offline = argparse.ArgumentParser(add_help=False, parents=[shared])
    offline.add_argument("speech", type=Path, help="any audio or video file")
    offline.add_argument("--seed", type=int, default=0, help="seed of blinks and head sway")
    offline.add_argument("--still", action="store_true", help="nothing moves but the lips")

    render = commands.add_parser(
        "render", parents=[offline], formatter_class=defaults, help="speech file to video file"
    )
    render.add_argument("--out", type=Path, required=True, help="the video, .mp4")
    render.add_argument("--identity", help="a face of the pack by name, or a number: a new face")
    render.add_argument("--decoder", default="auto", choices=DECODERS)
    render.set_defaults(run=_render)

    motion = commands.add_parser(
        "motion", parents=[offline], formatter_class=defaults, help="speech file to motion curves"
    )
    motion.add_argument("--out", type=Path, required=True, help="the curves, .csv or .json")
    motion.set_defaults(run=_motion)

    serve = commands.add_parser(
        "serve", parents=[shared], formatter_class=defaults, help="talk in a browser"
    )
    serve.add_argument("--host", default="127.0.0.1", help="any but loopback needs --token")
    serve.add_argument("--port", type=int, default=8080, help="0 picks a free one")
    serve.add_argument("--max-sessions", type=int, default=2)
    serve.add_argument("--token", help="whoever connects must know it")
    serve.add_argument("--origin", action="append", default=[], help="allow pages of this origin")
    serve.add_argument("--tls-cert", type=Path, help="PEM file; browsers need HTTPS off localhost")
    serve.add_argument("--tls-key", type=Path, help="PEM file")
    serve.add_argument(
        "--ice-server",
        action="append",
        default=[],
        metavar="URL[,USER,PASSWORD]",
        help="stun:HOST:PORT, or turn:HOST:PORT,USER,PASSWORD",
    )
    serve.add_argument("--audio-prefetch", type=int, default=2, help="packets held for late ones")
    serve.add_argument("--decoder", default="auto", choices=DECODERS)
    serve.set_defaults(run=_serve)
    return parser


def _timeline(args: argparse.Namespace) -> Timeline:
    try:
        return Timeline(args.fps)
    except ValueError as error:
        raise UsageError(f"--{error}") from None


def _perform(args: argparse.Namespace, pack: AvatarPack, timeline: Timeline) -> Iterator[Control]:
    basis = Basis(pack.card.axes, pack.generator["basis"])
    model = MotionModel(pack.card.motion, pack.motion)
    performance = Performance(model, basis, pack.card.articulation, args.seed)
    settings = Settings(life=0.0 if args.still else 1.0)
    ticks = perform_file(performance, timeline, args.speech, settings)
    first = next(ticks)  # an unreadable file is told before any output is made
    total = round(voice_seconds(args.speech) * timeline.fps)
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("speaking", total=total or None)
        for x in itertools.chain([first], ticks):
            yield x
            progress.advance(task)


def _render(args: argparse.Namespace) -> None:
    timeline = _timeline(args)
    pack = load_pack(args.avatar)
    identity = args.identity or pack.card.identities[0]
    avatar = Avatar(pack, open_decoder(args.decoder, pack))
    try:
        anchor = avatar.anchor(identity)
    except ValueError as error:
        raise UsageError(str(error)) from None
    voice = Blocks(read_voice(args.speech, OUTPUT_RATE))
    controls = _perform(args, pack, timeline)
    with VideoFile(args.out, timeline, pack.card.generator.resolution) as video:
        for tick, x in enumerate(controls):
            begin = tick * OUTPUT_RATE // timeline.fps
            count = (tick + 1) * OUTPUT_RATE // timeline.fps - begin
            video.write(tick, avatar.render(anchor, x), voice.take(count))


def _motion(args: argparse.Namespace) -> None:
    if args.out.suffix.lower() not in (".csv", ".json"):
        raise UsageError(f"--out is {args.out.name}, expected a name in .csv or .json")
    if not args.out.parent.is_dir():
        raise UsageError(f"the folder {args.out.parent} does not exist")
    timeline = _timeline(args)
    pack = load_pack(args.avatar)
    card = pack.card
    rows = np.stack(list(_perform(args, pack, timeline)))
    names = [axis.name for axis in card.axes]
    times = [timeline.seconds(tick) for tick in range(len(rows))]
    partial = args.out.with_name(f".{args.out.name}.partial")
    try:
        with partial.open("w", newline="") as file:
            if args.out.suffix.lower() == ".csv":
                writer = csv.writer(file)
                writer.writerow(["time", *names])
                for time, row in zip(times, rows, strict=True):
                    writer.writerow([f"{time:.6f}", *(f"{value:.5g}" for value in row)])
            else:
                curves = {n: [round(float(v), 5) for v in rows[:, i]] for i, n in enumerate(names)}
                json.dump({"fps": timeline.fps, "time": times, "axes": curves}, file)
        partial.replace(args.out)
    finally:
        partial.unlink(missing_ok=True)


def _serve(args: argparse.Namespace) -> None:
    from server.run import run_server

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
    timeline = _timeline(args)
    pack = load_pack(args.avatar)
    avatar = Avatar(pack, open_decoder(args.decoder, pack))
    motion = MotionModel(pack.card.motion, pack.motion)
    engine = Engine(avatar, motion, timeline, args.max_sessions)
    run_server(engine, config)


if __name__ == "__main__":
    sys.exit(main())
