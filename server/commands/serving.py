"""What `serve` and `cluster` share: the options of a server, and what they make."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import socket
import sys
from pathlib import Path

import msgspec

from latentcam.realtime_models.motion.performance import Settings
from latentcam.realtime_models.opened import Opened, open_pack
from latentcam.realtime_models.pack_places import find_pack, is_shipped
from latentcam.server.commands.options import (
    avatar_options,
    background_options,
    backgrounds_of,
    check_face,
    decoder_options,
    face_options,
    moods_options,
    moved_by,
    resolution_options,
    timeline_of,
)
from latentcam.server.config import ServerConfig, is_everywhere, is_loopback, parse_ice_server
from latentcam.server.errors import UsageError
from latentcam.server.invitation import own_addresses
from latentcam.stream.engine import Engine

logger = logging.getLogger(__name__)

MOST_SESSIONS = 64  # more faces than any machine of today draws


def server_options() -> argparse.ArgumentParser:
    """A parent parser: whom to serve, where, and with which face."""
    parser = argparse.ArgumentParser(
        add_help=False,
        parents=[
            avatar_options(),
            face_options(),
            decoder_options(),
            background_options(),
            resolution_options(),
            moods_options(),
        ],
    )
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: other machines, too")
    parser.add_argument("--port", type=int, default=8080, help="0 picks a free one")
    parser.add_argument(
        "--max-viewers", type=int, default=8, help="who may watch the streams of others at once"
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="holds the token that callers must know; without one, any --host but loopback gets a "
        "new one at each start",
    )
    parser.add_argument("--token", help="the token itself, visible to everybody on this machine")
    parser.add_argument("--origin", action="append", default=[], help="allow pages of this origin")
    parser.add_argument(
        "--tls",
        choices=("self-signed",),
        help="HTTPS for phones: this machine makes its own certificate, and a browser asks once",
    )
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
        "--audio-prefetch", type=int, default=2, help="how many packets wait for a missing one"
    )
    parser.add_argument(
        "--ways",
        choices=("auto", "all", "video"),
        default="auto",
        help="all: pages with a GPU get the avatar's files and draw the face themselves, and no "
        "voice is uploaded; video: faces are drawn here; auto: all for an avatar that came with "
        "latentcam, video for any other; with --moods or --arousal, motion comes from here in any "
        "case",
    )
    return parser


def pack_of(args: argparse.Namespace) -> Path | None:
    """The folder of the pack if pages may have it. Raises UsageError and AvatarPackError."""
    for option in ("moods", "arousal"):
        if args.ways == "all" and getattr(args, option):
            raise UsageError(
                f"got --{option} and --ways all, expected one of them: with {option} motion comes "
                "from here, and with all no voice comes here"
            )
    folder = find_pack(args.avatar)
    if args.ways == "auto":
        shipped = is_shipped(folder)
        logger.info(
            "%s, because the avatar %s with latentcam",
            "pages may draw the face themselves" if shipped else "faces are drawn here",
            "came" if shipped else "did not come",
        )
        return folder if shipped else None
    return folder if args.ways == "all" else None


def cores() -> int:
    """Those that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def token_of(args: argparse.Namespace) -> str | None:
    """What `--token-file`, `--token` or the environment holds. Raises UsageError."""
    if args.token_file is not None:
        if args.token is not None:
            raise UsageError("got --token and --token-file, expected one of them")
        return read_token(args.token_file)
    if args.token is not None:
        logger.warning(
            "everybody on this machine can read --token in the list of processes: "
            "--token-file FILE or the environment variable LATENTCAM_TOKEN keep it secret"
        )
        return str(args.token)
    return os.environ.get("LATENTCAM_TOKEN")


def read_token(path: Path) -> str:
    """The one line of a file. Raises UsageError."""
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"--token-file {path} cannot be read: {reason}") from None
    if not token or "\n" in token:
        raise UsageError(
            f"--token-file {path} holds {len(token.splitlines())} lines, expected one: the token"
        )
    return token


def opened_of(args: argparse.Namespace) -> tuple[Opened, Settings]:
    """The avatar, and with which settings sessions begin. Checks the face that is asked for, too.
    Raises what `main` tells the user."""
    lanes = min(args.max_sessions, cores())
    opened = open_pack(args.avatar, args.decoder, lanes, args.resolution)
    check_face(opened.avatar, args.identity)
    return opened, moved_by(args, opened.avatar.card.axes)


def engine_of(args: argparse.Namespace) -> Engine:
    """For `max_sessions` at once. Raises what `main` tells the user."""
    opened, settings = opened_of(args)
    return Engine(opened.avatar, opened.performer, timeline_of(args), args.max_sessions, settings)


def check_places(args: argparse.Namespace) -> None:
    """Raises UsageError."""
    if not 1 <= args.max_sessions <= MOST_SESSIONS:
        raise UsageError(f"--max-sessions is {args.max_sessions}, expected 1 to {MOST_SESSIONS}")


def config_of(args: argparse.Namespace) -> ServerConfig:
    """What the options say. Makes a token and a certificate where they ask for one. Raises what
    `main` tells the user."""
    token = token_of(args)
    if token is None and not is_loopback(args.host):
        token = secrets.token_urlsafe(9)  # 72 bits
    config = ServerConfig(
        host=args.host,
        port=args.port,
        token=token,
        origins=tuple(args.origin),
        tls_cert=args.tls_cert,
        tls_key=args.tls_key,
        ice_servers=tuple(parse_ice_server(text) for text in args.ice_server),
        audio_prefetch=args.audio_prefetch,
        identity=args.identity,
        backgrounds=backgrounds_of(args),
        pack=pack_of(args),
        max_viewers=args.max_viewers,
    )
    if args.tls is None:
        return config
    if config.tls_cert is not None:
        raise UsageError("got --tls self-signed and --tls-cert, expected one of them")
    from latentcam.server.own_certificate import own_certificate

    host = socket.gethostname()
    names = (args.host, host, f"{host.partition('.')[0]}.local", *own_addresses())
    own = own_certificate(name for name in names if not is_everywhere(name))
    return msgspec.structs.replace(
        config, tls_cert=own.cert, tls_key=own.key, fingerprint=own.fingerprint
    )
