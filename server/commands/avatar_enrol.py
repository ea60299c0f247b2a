"""`latentcam avatar enrol`: your own face, from a video or from photos, with your consent."""

from __future__ import annotations

import argparse
from pathlib import Path

from latentcam.realtime_models import enrolment
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_card
from latentcam.realtime_models.enrolment import Consent, Enrolment
from latentcam.realtime_models.pack_places import find_pack
from latentcam.server.commands.options import NewParser
from latentcam.server.commands.ordered import carry_out, order_options, whole_path
from latentcam.server.errors import UsageError


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The action's parser."""
    parser = new_parser(
        parents=[order_options()],
        description="Learns a face on this machine; nothing leaves it. Interrupted, the same "
        "command goes on where it stopped.",
    )
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE",
        help="a video of 20 s to 5 minutes, or 1 to 20 photos, of one person of age",
    )  # fmt: skip
    parser.add_argument("--name", required=True, help="of the new pack and its face")
    parser.add_argument("--whose", required=True, help="whose face it is; the card says so")
    statement = parser.add_mutually_exclusive_group(required=True)
    statement.add_argument(
        "--own-face", action="store_true", help="I state: I am the person shown, and of age"
    )
    statement.add_argument(
        "--agreed", metavar="HOW", default="",
        help="I state: the person shown is of age and agreed, in this way",
    )  # fmt: skip
    parser.add_argument("--purpose", required=True, help="what the face is for; the card says so")
    parser.add_argument("--licence", default="", help="of the pack; default: private")
    parser.add_argument("--base", default=DEFAULT_PACK, help="pack whose generator learns it")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Learn it. Raises what `main` tells the user."""
    try:
        consent = Consent(args.whose, args.own_face, True, args.purpose, args.agreed)
    except ValueError as error:
        raise UsageError(str(error)) from None
    base = find_pack(args.base)
    load_card(base)
    order = Enrolment(
        name=args.name,
        files=tuple(whole_path(file) for file in args.files),
        consent=consent,
        base=str(base.resolve()),
        tracker=str(enrolment.find_model("face_landmarker.task", args.tracker)),
        segmenter=str(enrolment.find_model("selfie_segmenter.tflite", args.segmenter)),
        minutes=args.minutes,
        device=args.device,
        vgg=str(args.vgg.resolve()) if args.vgg else "",
        licence=args.licence,
    )
    carry_out(order)
