"""`latentcam render`: a speech file to a video file."""

from __future__ import annotations

import argparse
from pathlib import Path

from latentcam.realtime_models.opened import open_pack
from latentcam.server.commands.options import (
    Help,
    NewParser,
    avatar_options,
    decoder_options,
    face_options,
    life_options,
    seed_of,
    settings_of,
    speech_options,
    timeline_of,
)
from latentcam.server.commands.speech import perform
from latentcam.server.errors import UsageError
from latentcam.stream.media_file import OUTPUT_RATE, Blocks, VideoFile, read_voice


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parents = [speech_options(), avatar_options(), face_options(), life_options()]
    parser = new_parser(
        parents=[*parents, decoder_options()],
        formatter_class=Help,
    )
    parser.add_argument("--out", type=Path, required=True, help="the video, .mp4")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Render the file. Raises what `main` tells the user."""
    timeline, seed = timeline_of(args), seed_of(args)
    opened = open_pack(args.avatar, args.decoder)
    pack, avatar = opened.pack, opened.avatar
    identity = args.identity or pack.card.identities[0]
    try:
        anchor = avatar.anchor(identity)
    except ValueError as error:
        raise UsageError(str(error)) from None
    voice = Blocks(read_voice(args.speech, OUTPUT_RATE))
    controls = perform(args.speech, pack, timeline, seed, settings_of(args, pack.card.axes))
    with VideoFile(args.out, timeline, pack.card.generator.resolution) as video:
        for tick, x in enumerate(controls):
            begin = tick * OUTPUT_RATE // timeline.fps
            count = (tick + 1) * OUTPUT_RATE // timeline.fps - begin
            video.write(tick, avatar.render(anchor, x), voice.take(count))
