"""`latentcam avatar morph`: a video from face to face and mood to mood."""

from __future__ import annotations

import argparse
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from latentcam.realtime_models.arrays import Control, Latent
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.generator.latents import sample_z, truncated, w_to_ws, z_to_w
from latentcam.realtime_models.generator.mixing import around, between, eased
from latentcam.realtime_models.opened import open_pack
from latentcam.server.commands.options import (
    NewParser,
    avatar_options,
    decoder_options,
    output_options,
    timeline_of,
)
from latentcam.server.commands.speech import check_new
from latentcam.server.endings import orderly
from latentcam.server.errors import UsageError
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.video_file import OUTPUT_RATE, new_video

LONGEST = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Keyframe:
    """Where a video is at a time. z: of a sampled face, whose path may go through Z."""

    seconds: float
    anchor: Latent
    x: Control
    z: Control | None


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The action's parser."""
    video = output_options("the video, .mp4, .mov or .mkv")
    parser = new_parser(parents=[avatar_options(), decoder_options(), video])
    parser.add_argument(
        "--keyframes", nargs="+", required=True, metavar="SECONDS:FACE[:AXIS=VALUE,…]",
        help="such as 0:Nora 2:7:happy=1,headYaw=10 4:Amara",
    )  # fmt: skip
    parser.add_argument(
        "--space", choices=["w", "z"], default="w",
        help="straight lines in W, or arcs in Z between sampled faces",
    )  # fmt: skip
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the video. Raises what `main` tells the user."""
    check_new(args.out, args.force)
    timeline = timeline_of(args)
    opened = open_pack(args.avatar, args.decoder)
    avatar, pack = opened.avatar, opened.pack
    frames = keyframes_of(avatar, args.keyframes)
    if args.space == "z" and any(frame.z is None for frame in frames):
        raise UsageError("--space z has arcs between sampled faces only, expected seeds, no names")
    size = pack.card.generator.resolution
    silence = np.zeros(OUTPUT_RATE // timeline.fps, np.float32)
    background = Backgrounds().first
    with orderly(), new_video(args.out, timeline, size, background) as video:
        for tick in range(round(frames[-1].seconds * timeline.fps) + 1):
            anchor, x = at(pack, frames, tick / timeline.fps, args.space)
            video.write(tick, avatar.render(anchor, x), silence)


def keyframes_of(avatar: Avatar, texts: list[str]) -> list[Keyframe]:
    """In the order of time. Raises UsageError."""
    config, frames = avatar.card.generator, []
    ranges = {axis.name: axis for axis in avatar.card.axes}
    for text in texts:
        seconds, _, rest = text.partition(":")
        face, _, moves = rest.partition(":")
        values = {}
        try:
            when = float(seconds)
            anchor = avatar.anchor(face)
            for move in filter(None, moves.split(",")):
                name, _, value = move.partition("=")
                axis = ranges[name]
                values[name] = float(value)
                if not axis.low <= values[name] <= axis.high:
                    raise ValueError(f"{name} is {value}, expected {axis.low:g} to {axis.high:g}")
        except KeyError as error:
            raise UsageError(
                f"keyframe {text[:80]!r}: {error} is no axis, expected one of {', '.join(ranges)}"
            ) from None
        except ValueError as error:
            raise UsageError(f"keyframe {text[:80]!r}: {error}") from None
        if not 0 <= when <= LONGEST:
            raise UsageError(f"keyframe {text[:80]!r}: expected 0 to {LONGEST:g} seconds")
        known = face.casefold() in (name.casefold() for name in avatar.card.identities)
        z = None if known else sample_z(config, int(face))
        frames.append(Keyframe(when, anchor, avatar.basis.control(values), z))
    if any(a.seconds >= b.seconds for a, b in zip(frames, frames[1:], strict=False)):
        raise UsageError("the keyframes' times do not rise")
    return frames


def at(
    pack: AvatarPack, frames: list[Keyframe], seconds: float, space: str
) -> tuple[Latent, Control]:
    """The latent and the control of a moment: every stretch begins and ends at rest."""
    after = bisect_right([frame.seconds for frame in frames], seconds)
    a, b = frames[max(after - 1, 0)], frames[min(after, len(frames) - 1)]
    length = b.seconds - a.seconds
    share = eased(min(max((seconds - a.seconds) / length, 0.0), 1.0)) if length > 0 else 0.0
    x = between(a.x, b.x, share)
    if space == "w" or a.z is None or b.z is None:
        return between(a.anchor, b.anchor, share), x
    card, tensors = pack.card, pack.generator
    w = z_to_w(card.generator, tensors, around(a.z, b.z, share))
    psi, cutoff = card.truncation_psi, card.truncation_cutoff
    return truncated(w_to_ws(card.generator, w), tensors["mapping.w_avg"], psi, cutoff), x
