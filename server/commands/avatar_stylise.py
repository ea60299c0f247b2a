"""`latentcam avatar stylise`: a whole pack, talking, in the style of one picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from latentcam.realtime_models import enrolment
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_card
from latentcam.realtime_models.enrolment import Restyling
from latentcam.realtime_models.pack_places import find_pack
from latentcam.server.commands.options import NewParser
from latentcam.server.commands.ordered import carry_out, order_options, whole_path
from latentcam.server.errors import UsageError


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The action's parser."""
    parser = new_parser(
        parents=[order_options()],
        description="One picture with a face in it is enough: a painting, a drawing, a photo.",
    )
    parser.add_argument("avatar", nargs="?", default=DEFAULT_PACK, help="name or folder of a pack")
    parser.add_argument("--like", type=Path, required=True, metavar="PICTURE", help="the style")
    parser.add_argument("--name", required=True, help="of the new pack")
    parser.add_argument(
        "--strength", type=float, default=1.0, help="0 (as it was) to 1 (as the picture)"
    )
    parser.add_argument("--keep-colours", action="store_true", help="take over strokes only")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Restyle it. Raises what `main` tells the user."""
    if not 0 < args.strength <= 1:
        raise UsageError(f"--strength is {args.strength:g}, expected above 0 and at most 1")
    base = find_pack(args.avatar)
    load_card(base)
    carry_out(
        Restyling(
            name=args.name,
            base=str(base.resolve()),
            picture=whole_path(args.like),
            tracker=str(enrolment.find_model("face_landmarker.task", args.tracker)),
            segmenter=str(enrolment.find_model("selfie_segmenter.tflite", args.segmenter)),
            strength=args.strength,
            keep_colours=args.keep_colours,
            minutes=args.minutes,
            device=args.device,
            vgg=str(args.vgg.resolve()) if args.vgg else "",
        )
    )
