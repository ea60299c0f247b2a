"""`latentcam render`: a speech file to a video file."""

from __future__ import annotations

import argparse
import itertools

from latentcam.realtime_models.opened import open_pack
from latentcam.realtime_models.resolutions import AUTO, LARGEST, side
from latentcam.server.commands.options import (
    Help,
    NewParser,
    avatar_options,
    badge_option,
    decoder_options,
    face_options,
    life_options,
    local,
    output_options,
    resolution_options,
    seed_of,
    settings_of,
    speech_options,
    timeline_of,
)
from latentcam.server.commands.signed import certificate_options, signer_of
from latentcam.server.commands.speech import check_out, perform
from latentcam.server.endings import orderly
from latentcam.server.errors import UsageError
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.video_file import OUTPUT_RATE, new_video
from latentcam.stream.voice_file import Blocks, VoiceFile, resampled


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parents = [speech_options(), avatar_options(), face_options(), life_options()]
    parser = new_parser(
        parents=[
            *parents,
            decoder_options(),
            resolution_options(),
            badge_option(),
            certificate_options(),
            output_options("the video, .mp4, .mov, .mkv or .webm"),
        ],
        formatter_class=Help,
    )
    parser.add_argument(
        "--background",
        type=local,
        default="own",
        help="own: the face's, and a room if it came with none; room; #rrggbb; a picture file; "
        "blur: before a file or before room; none: transparent, in .webm or .mov",
    )
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Render the file. Raises what `main` tells the user."""
    check_out(args.out, args.speech, args.force)
    if args.background == "none" and args.badge:
        raise UsageError("--badge has no place in a transparent picture, got --background none")
    sign = signer_of(args)
    timeline, seed = timeline_of(args), seed_of(args)
    # A file has no clock: nothing is late.
    resolution = LARGEST if args.resolution == AUTO else args.resolution
    opened = open_pack(args.avatar, args.decoder, resolution=resolution)
    pack, avatar = opened.pack, opened.avatar
    settings = settings_of(args, pack.card.axes)
    try:
        anchor = avatar.anchor(args.identity or pack.card.identities[0])
    except ValueError as error:
        raise UsageError(str(error)) from None
    if args.background == "none" and pack.card.generator.channels == 3:
        raise UsageError(
            f"--background is none, expected another: the faces of {pack.card.name} have no alpha"
        )
    background = None if args.background == "none" else Backgrounds(args.background).first
    size = side(avatar.decoder.resolution)
    with (
        orderly(),
        new_video(args.out, timeline, size, background, sign, args.badge) as video,
        VoiceFile(args.speech) as speech,
    ):
        heard, said = itertools.tee(speech.sounds())  # decoded once: a pipe has no second time
        voice = Blocks(resampled(said, OUTPUT_RATE))
        seconds = speech.seconds
        controls = perform(heard, seconds, pack, timeline, seed, settings, args.other)
        for tick, x in enumerate(controls):
            begin = tick * OUTPUT_RATE // timeline.fps
            count = (tick + 1) * OUTPUT_RATE // timeline.fps - begin
            video.write(tick, avatar.render(anchor, x), voice.take(count))
