"""`latentcam page`: a folder that any web server serves, in which the face is drawn by the page."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import msgspec
import numpy as np

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import pack_files
from latentcam.realtime_models.opened import open_pack
from latentcam.realtime_models.pack_places import find_pack
from latentcam.realtime_models.tracker_files import page_files
from latentcam.server.commands.options import (
    Help,
    NewParser,
    avatar_options,
    check_face,
    decoder_options,
    face_options,
    local_file,
    timeline_of,
)
from latentcam.server.errors import UsageError
from latentcam.stream.backgrounds import Background, Backgrounds

WANTED = "Whoever made this page had not fetched MediaPipe's tracker: latentcam tracker does."
PAGE = Path(__file__).resolve().parents[2] / "client_demo"
LEFT_OUT = ("camera.*", "__pycache__")  # of another page


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        parents=[avatar_options(), face_options(), decoder_options()], formatter_class=Help
    )
    parser.add_argument("--out", type=local_file, required=True, help="the folder to make")
    parser.add_argument("--force", action="store_true", help="write into --out if it exists")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the folder. Raises what `main` tells the user."""
    out: Path = args.out
    if not args.force and out.exists():
        raise UsageError(f"{out} exists: give another --out, or --force to write into it")
    fps, avatar = timeline_of(args).fps, open_pack(args.avatar, args.decoder).avatar
    check_face(avatar, args.identity)
    try:
        shutil.copytree(
            PAGE, out, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=args.force
        )
        for part in ("pack", "faces", "backgrounds"):
            (out / part).mkdir(exist_ok=True)
        for name, path in pack_files(find_pack(args.avatar)).items():
            shutil.copyfile(path, out / "pack" / name)
        if tracked := page_files():
            (out / "tracker").mkdir(exist_ok=True)
            for name, path in tracked.items():
                shutil.copyfile(path, out / "tracker" / name)
        backgrounds = Backgrounds()
        write_portraits(avatar, backgrounds.first, out / "faces")
        write_backdrops(backgrounds, out / "backgrounds")
        write_config(avatar, backgrounds, fps, args.identity, out / "config")
        guard(out / "index.html")
        write_files(out)
    except OSError as error:
        raise UsageError(f"{error.filename or out} cannot be written: {error.strerror}") from None
    print(f"{out}: serve it with any web server, as python -m http.server --directory {out}")


def write_portraits(avatar: Avatar, background: Background, folder: Path) -> None:
    """What the faces look like before they are chosen."""
    from latentcam.stream.at_rest import portrait

    rest = np.zeros(len(avatar.card.axes), np.float32)
    for identity in avatar.card.identities:
        picture = avatar.render(avatar.anchor(identity), rest)
        (folder / f"{identity}.jpg").write_bytes(portrait(picture, background))


def write_backdrops(backgrounds: Backgrounds, folder: Path) -> None:
    """What may be behind faces with alpha."""
    from latentcam.server.backdrops import backdrop

    for name in backgrounds.names:
        (folder / f"{name}.jpg").write_bytes(backdrop(backgrounds.find(name).picture))


def write_config(
    avatar: Avatar, backgrounds: Backgrounds, fps: int, identity: str | None, path: Path
) -> None:
    """What `GET /config` would say."""
    from latentcam.server.messages import PageConfig

    card = avatar.card
    alpha = card.generator.channels == 4
    config = PageConfig(
        ways=["here"],
        avatar=card.name,
        identities=list(card.identities),
        identity=identity or card.identities[0],
        alpha=alpha,
        backgrounds=list(backgrounds.names) if alpha else [],
        background=backgrounds.first.name,
        axes=card.axes,
        fps=fps,
        resolution=card.generator.resolution,
        ice_servers=(),
        look_ahead_ms=round(card.motion.look_ahead_s * 1000, 1),
        speech="this page has no server that could speak",
        tracker="" if page_files() else WANTED,
        moods=False,
    )
    path.write_bytes(msgspec.json.encode(config))


def guard(index: Path) -> None:
    """The page asks for nothing from anywhere else, whoever serves it."""
    from latentcam.server.answers import HEADERS

    # A plain web server sends no such header, and a page cannot say who may frame it.
    policy = HEADERS["Content-Security-Policy"].partition("; frame-ancestors")[0]
    charset = '<meta charset="utf-8">'
    html = index.read_text("utf-8")
    assert charset in html
    meta = f'{charset}\n  <meta http-equiv="Content-Security-Policy" content="{policy}">'
    index.write_text(html.replace(charset, meta, 1), "utf-8")


def write_files(out: Path) -> None:
    """The list of what the page keeps for when there is no network. The weights are not in it: the
    page itself keeps them, by their digests. Nor is the tracker, which few pages load."""
    paths = (path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    kept = [path for path in paths if not path.endswith(".safetensors") and path[:8] != "tracker/"]
    (out / "files.json").write_bytes(msgspec.json.encode(sorted(kept)))
