"""`latentcam avatar morph`: a video from face to face and mood to mood, by keyframes or as learned
moods follow one another."""

from __future__ import annotations

import argparse
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latentcam.realtime_models.arrays import Control, Latent
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.generator.latents import sample_z, truncated, w_to_ws, z_to_w
from latentcam.realtime_models.generator.mixing import around, between, eased
from latentcam.realtime_models.motion.moods import Mood, load_moods
from latentcam.realtime_models.opened import open_pack
from latentcam.server.commands.options import (
    NewParser,
    avatar_options,
    decoder_options,
    local_file,
    output_options,
    seed_of,
    timeline_of,
)
from latentcam.server.commands.signed import certificate_options, signer_of
from latentcam.server.commands.speech import check_new
from latentcam.server.endings import orderly
from latentcam.server.errors import UsageError
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.video_file import OUTPUT_RATE, new_video

LONGEST = 600.0  # seconds
MOOD_EASE = 0.6  # seconds from one mood into the next
MOOD_STRENGTH = 0.8


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
    parser = new_parser(parents=[avatar_options(), decoder_options(), certificate_options(), video])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--keyframes", nargs="+", metavar="SECONDS:FACE[:AXIS=VALUE,…]",
        help="such as 0:Nora 2:7:happy=1,headYaw=10 4:Amara",
    )  # fmt: skip
    what.add_argument("--moods", type=local_file, help="learned moods, .safetensors")
    parser.add_argument("--identity", help="whose moods: a face by name or seed")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long moods go on")
    parser.add_argument("--seed", type=int, default=0, help="of the moods")
    parser.add_argument(
        "--space", choices=["w", "z"], default="w",
        help="straight lines in W, or arcs in Z between sampled faces",
    )  # fmt: skip
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the video. Raises what `main` tells the user."""
    check_new(args.out, args.force)
    sign = signer_of(args)
    timeline = timeline_of(args)
    opened = open_pack(args.avatar, args.decoder)
    avatar, pack = opened.avatar, opened.pack
    if args.moods is None:
        frames = keyframes_of(avatar, args.keyframes)
    else:
        if not 0 < args.seconds <= LONGEST:
            raise UsageError(f"--seconds is {args.seconds:g}, expected up to {LONGEST:g}")
        moods = load_moods(args.moods).sequence(seed_of(args))
        face = args.identity or pack.card.identities[0]
        frames = keyframes_of_moods(avatar, face, moods, args.seconds)
    if args.space == "z" and any(frame.z is None for frame in frames):
        raise UsageError("--space z has arcs between sampled faces only, expected seeds, no names")
    size = pack.card.generator.resolution
    silence = np.zeros(OUTPUT_RATE // timeline.fps, np.float32)
    background = Backgrounds().first
    with orderly(), new_video(args.out, timeline, size, background, sign) as video:
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


def keyframes_of_moods(
    avatar: Avatar, face: str, moods: Iterator[Mood], seconds: float
) -> list[Keyframe]:
    """A face that eases into each mood and keeps it. A mood that the pack has no axis for is
    neutral. Raises UsageError for a face that there is not."""
    try:
        anchor = avatar.anchor(face)
    except ValueError as error:
        raise UsageError(str(error)) from None
    highs = {axis.name: axis.high for axis in avatar.card.axes}
    frames, when = [Keyframe(0.0, anchor, avatar.basis.control({}), None)], 0.0
    for mood in moods:
        known = {mood.name: MOOD_STRENGTH * highs[mood.name]} if mood.name in highs else {}
        x = avatar.basis.control(known)
        there = when + min(MOOD_EASE, mood.seconds / 2)
        when = min(when + mood.seconds, seconds)
        if there < when:
            frames.append(Keyframe(there, anchor, x, None))
        frames.append(Keyframe(when, anchor, x, None))
        if when >= seconds:
            break
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
