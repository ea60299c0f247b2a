"""Does a face of another project's generator talk as ours does, and does its small copy keep it?

    python -m latentcam.benchmarks.imported --avatar SMALL --large LARGE \\
        --model face_landmarker.task --judge MODELS --known studio

SMALL: a pack that `avatar calibrate` made, or `avatar distil` of one, LARGE, if there is one. What
is printed, and what would be good:

- aperture: correlation of the commanded jaw with the tracked lips, over named faces; 0.9;
- identity: how far an open jaw moves who it is (dlib's descriptors), and how far that of the pack
  `--known` does, whose axes were known when it was trained; at most 1.5 times as far;
- copy: PSNR of the small network's pictures against the large one's, scaled down, on latents that
  neither saw; 30 dB;
- decode: the median milliseconds of a picture, and those of the known pack; at most 1.1 times.

How far moods move who it is: `benchmarks.moods`.
A figure that needs what was not given is left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from latentcam.benchmarks.decode import timed
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.obedience import SWEEP, correlation
from latentcam.benchmarks.tools.pictures import psnr
from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.errors import LatentcamError
from latentcam.realtime_models.face_tracker import FaceTracker
from latentcam.realtime_models.opened import open_pack
from latentcam.realtime_models.training.identity_judge import IdentityJudge, distance
from latentcam.realtime_models.training.latents.distil import row_map, some_latents

FACES = 6  # of each pack
LATENTS = 64  # for PSNR
PICTURES = 60  # for decoding
UNSEEN = 1_000_003  # seed of latents that no distillation draws


def apertures(avatar: Avatar, tracker: FaceTracker) -> float:
    """Mean correlation over named faces, NaN for one whose face is lost."""
    found = []
    for name in avatar.card.identities[:FACES]:
        values, tracked = [], []
        for value in np.linspace(0.0, highest_jaw(avatar), SWEEP).tolist():
            x = avatar.basis.control({"jawOpen": value})
            face = tracker.track(composite(avatar.render(avatar.anchor(name), x)))
            if face is not None:
                values.append(value)
                tracked.append(face.aperture)
        found.append(correlation(values, tracked))
    return float(np.mean(found))


def highest_jaw(avatar: Avatar) -> float:
    return next(axis.high for axis in avatar.card.axes if axis.name == "jawOpen")


def moved_by_jaw(avatar: Avatar, judge: IdentityJudge) -> float:
    """Mean distance between a face at rest and with an open jaw."""
    high, apart = highest_jaw(avatar), []
    for name in avatar.card.identities[:FACES]:
        both = [
            judge.describe(
                composite(
                    avatar.render(avatar.anchor(name), avatar.basis.control({"jawOpen": value}))
                )
            )
            for value in (0.0, high)
        ]
        if both[0] is not None and both[1] is not None:
            apart.append(distance(both[0], both[1]))
    return float(np.mean(apart)) if apart else float("nan")


def likeness(small: str, large: str, decoder: str) -> float:
    """Mean PSNR in dB of the small pack's pictures against the large one's."""
    copy, whole = open_pack(small, decoder), open_pack(large, decoder)
    ws = some_latents(whole.pack, LATENTS, np.random.default_rng(UNSEEN))
    rows = row_map(whole.pack.card.generator, copy.pack.card.generator)
    told = []
    for one in ws:
        got = composite(copy.avatar.decoder.decode(one[rows][None])[0])
        wanted = composite(whole.avatar.decoder.decode(one[None])[0])
        times = len(wanted) // len(got)
        if times > 1:  # by areas, as it learned them
            side = len(got)
            parts = wanted.reshape(side, times, side, times, 3).astype(np.float64)
            wanted = parts.mean(axis=(1, 3)).round().astype(np.uint8)
        told.append(psnr(got, wanted))
    return float(np.mean(told))


def milliseconds(avatar: Avatar) -> float:
    """The median of one picture."""
    ws = avatar.anchor(avatar.card.identities[0])[None]
    return float(np.median(timed(lambda _: avatar.decoder.decode(ws), PICTURES)) * 1e3)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", required=True, help="the pack that is judged")
    parser.add_argument("--large", help="the pack that it is a small copy of")
    parser.add_argument("--known", default="studio", help="a pack whose axes were known")
    parser.add_argument("--model", type=Path, help="MediaPipe's face_landmarker.task")
    parser.add_argument("--judge", type=Path, help="folder of dlib's models")
    parser.add_argument("--decoder", default="auto")
    args = parser.parse_args(argv)
    found: dict[str, object] = {}
    try:
        avatar = open_pack(args.avatar, args.decoder).avatar
        known = open_pack(args.known, args.decoder).avatar
        if "jawOpen" not in {axis.name for axis in avatar.card.axes}:
            parser.error(f"{args.avatar} has no axis jawOpen, expected a pack that is calibrated")
        card = machine_card()
        print_card(card)
        if args.model is not None:
            found["aperture, r"] = round(apertures(avatar, FaceTracker(args.model)), 3)
        if args.judge is not None:
            judge = IdentityJudge(args.judge)
            both = [moved_by_jaw(one, judge) for one in (avatar, known)]
            found["identity moved by the jaw"] = [round(one, 3) for one in both]
        if args.large is not None:
            found["copy, dB"] = round(likeness(args.avatar, args.large, args.decoder), 2)
        found["decode, ms"] = [round(milliseconds(one), 2) for one in (avatar, known)]
    except (LatentcamError, FileNotFoundError) as error:
        parser.error(str(error))
    for name, value in found.items():
        print(f"{name:28} {value}")
    print_json({"benchmark": "imported", **found, "card": card})


if __name__ == "__main__":
    main()
