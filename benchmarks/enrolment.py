"""Is it this person, and does it obey? `python -m latentcam.benchmarks.enrolment --help`

    python -m latentcam.benchmarks.enrolment --avatar ada --base studio --held-out CLIP... \\
        --tracker face_landmarker.task --segmenter selfie_segmenter.tflite --judge FOLDER

HELD-OUT pictures of the enrolled person, videos or photos, none of which were learned from, are
brought to the base pack's frame and read as enrolment does it; the avatar is shown under the axes
that were read. One factor for each colour, the same for all pictures, is the camera's. Where both
are known: PSNR, SSIM and detail in the face, the mouth and the eyes, and the distance of VGG16's
features with --vgg (uniform weights: not LPIPS' own). The identity judge says how far the avatar is
from the person, talking and in poses of its own, beside how far real pictures of the person are
from one another, and from those of --others; ACD likewise. Flicker is the second difference in time
beside the real video's. Then every axis is swept and tracked. Writes pictures and an index.html
into --report.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from skimage.metrics import structural_similarity

from latentcam.benchmarks.avatar_quality import Face, decode_time, pack_size
from latentcam.benchmarks.tools.likeness import acd
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.obedience import Figures, obedience
from latentcam.benchmarks.tools.options import avatar_options, pack_name
from latentcam.benchmarks.tools.pictures import (
    crop,
    frame_change,
    laplacian_variance,
    psnr,
    save_sheet,
    write_report,
)
from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_pack
from latentcam.realtime_models.decoders.auto import DECODERS, open_decoder
from latentcam.realtime_models.enrolment import learned
from latentcam.realtime_models.errors import LatentcamError
from latentcam.realtime_models.face_tracker import FaceTracker
from latentcam.realtime_models.training.enrol import judges, sources
from latentcam.realtime_models.training.enrol.matting import Segmenter
from latentcam.realtime_models.training.enrol.network import Teacher
from latentcam.realtime_models.training.enrol.pack_tracking import PackTracking, pack_tracking
from latentcam.realtime_models.training.enrol.person import Person, prepare
from latentcam.realtime_models.training.enrol.sources import open_sources
from latentcam.realtime_models.training.generator.data import reach
from latentcam.realtime_models.training.generator.losses import Box
from latentcam.realtime_models.training.identity_judge import (
    Descriptor,
    IdentityJudge,
    distance,
)
from latentcam.realtime_models.training.perceptual import Vgg16, perceptual_distance

POSES: dict[str, dict[str, float]] = {
    "rest": {},
    "jaw open": {"jawOpen": 1.0},
    "eyes closed": {"eyeBlink": 1.0},
    "turned left": {"headYaw": -15.0},
    "turned right": {"headYaw": 15.0},
}
JUDGED = 48  # pictures that the identity judge sees
SHOWN = 8  # pictures in a row of the report


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[avatar_options()],
    )
    parser.add_argument("--base", type=pack_name, default=DEFAULT_PACK, help="what it was made of")
    parser.add_argument("--held-out", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="photos of others")
    parser.add_argument("--tracker", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument("--segmenter", type=Path, required=True, help="selfie_segmenter.tflite")
    parser.add_argument("--judge", type=Path, help="folder of dlib's models: who is who")
    parser.add_argument("--vgg", type=Path, help="ONNX file of VGG16: perceptual distance")
    parser.add_argument("--decoder", default="auto", choices=DECODERS)
    parser.add_argument("--report", type=Path, default=Path("enrolment"))
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    pack, base = load_pack(args.avatar), load_pack(args.base)
    try:
        tracker = FaceTracker(args.tracker, most=2)
        segmenter = Segmenter(args.segmenter)
        judge = IdentityJudge(args.judge) if args.judge else None
        eyes = Vgg16(args.vgg) if args.vgg else None
        tracking = pack_tracking(base, Teacher(base), tracker.track_all, learned())
        person, coverage = prepare(
            open_sources(args.held_out),
            base,
            tracking,
            tracker.track_all,
            segmenter.segment,
            least_seconds=0.0,
        )
    except (LatentcamError, FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    face = Face(pack, Avatar(pack, open_decoder(args.decoder, pack)))
    args.report.mkdir(parents=True, exist_ok=True)
    figures: dict[str, object] = {"pack_mb": pack_size(args.avatar), **decode_time(face)}

    def note(what: str, found: object) -> None:
        figures[what] = found
        print(what, found, flush=True)

    note("held_out", {"pictures": len(person), "seconds": coverage.seconds})
    real, fake = pictures(person, face)
    for region, box in regions(tracking).items():
        note(region, alike(real, fake, box))
    note("flicker", flicker(person, real, fake))
    if eyes is not None:
        note("perceptual", perceptual(eyes, real, fake, judges.face_box(tracking)))
    if judge is not None:
        note("identity", identity(judge, face, real, fake, args.others))
    row, strips = obedience(face.avatar, tracker, face.names[0])
    note("axes", row)
    chosen = np.linspace(0, len(real) - 1, SHOWN).astype(int)
    save_sheet(args.report / "held_out.png", [[one[i] for i in chosen] for one in (real, fake)])
    save_sheet(args.report / "axes.png", list(strips.values()))
    save_sheet(args.report / "poses.png", [[posed(face, pose) for pose in POSES.values()]])
    write_index(args.report, figures, card)
    print_json({"benchmark": "enrolment", **figures, "card": card})


def pictures(person: Person, face: Face) -> tuple[list[Rgb], list[Rgb]]:
    """(what is real, what the avatar shows under the same axes), before grey."""
    units = person.x.numpy() * reach(face.pack.card.axes).numpy()
    real = [composite(one.permute(1, 2, 0).contiguous().numpy()) for one in person.images]
    fake = [composite(face.shown(face.names[0], x)) for x in units]
    return evened(real, fake), fake


def evened(real: Sequence[Rgb], fake: Sequence[Rgb]) -> list[Rgb]:
    """The real pictures, each colour times one factor for all: a camera that sees bluer in this
    film than in the one that was learned from does not show another person."""
    means = [np.mean([one.mean(axis=(0, 1)) for one in frames], axis=0) for frames in (fake, real)]
    gain = means[0] / np.maximum(means[1], 1.0)
    return [np.asarray(np.clip(np.round(one * gain), 0, 255), np.uint8) for one in real]


def regions(tracking: PackTracking) -> dict[str, Box]:
    return {
        "face": judges.face_box(tracking),
        "mouth": judges.mouth_box(tracking),
        "eyes": judges.eyes_box(tracking),
    }


def alike(real: Sequence[Rgb], fake: Sequence[Rgb], box: Box) -> Figures:
    """Means over pictures, and the worst twentieth."""
    pairs = [(crop(a, box), crop(b, box)) for a, b in zip(real, fake, strict=True)]
    decibels = [psnr(a, b) for a, b in pairs]
    detail, shown = (sum(laplacian_variance(one, box) for one in frames) for frames in (real, fake))
    return {
        "psnr_db": round(float(np.mean(decibels)), 2),
        "psnr_db_p5": round(float(np.percentile(decibels, 5)), 2),
        "ssim": round(
            float(np.mean([structural_similarity(a, b, channel_axis=2) for a, b in pairs])), 4
        ),
        "laplacian_ratio": round(shown / max(detail, 1e-9), 3),
    }


def flicker(person: Person, real: Sequence[Rgb], fake: Sequence[Rgb]) -> Figures:
    """Mean absolute second difference in time over all takes, in levels; nothing of photos."""
    shots = person.shots.numpy()
    changes: dict[str, list[float]] = {"real": [], "avatar": []}
    for shot in np.unique(shots):
        inside = np.flatnonzero(shots == shot).tolist()
        if len(inside) < 3:
            continue
        for what, frames in (("real", real), ("avatar", fake)):
            changes[what].append(frame_change([frames[i] for i in inside]))
    if not changes["real"]:
        return {}
    a, b = (float(np.mean(changes[what])) for what in ("real", "avatar"))
    return {"real": round(a, 3), "avatar": round(b, 3), "ratio": round(b / max(a, 1e-9), 3)}


def perceptual(eyes: Vgg16, real: Sequence[Rgb], fake: Sequence[Rgb], box: Box) -> Figures:
    """Mean distance of VGG16's features within the face; of the same picture 0."""

    def tensor(picture: Rgb) -> torch.Tensor:
        inside = np.ascontiguousarray(crop(picture, box))
        return torch.from_numpy(inside).permute(2, 0, 1)[None].float() / 127.5 - 1

    step = max(1, len(real) // JUDGED)
    with torch.inference_mode():
        apart = [
            float(perceptual_distance(eyes, tensor(b), tensor(a)))
            for a, b in zip(real[::step], fake[::step], strict=True)
        ]
    return {"mean": round(float(np.mean(apart)), 4)}


def identity(
    judge: IdentityJudge, face: Face, real: Sequence[Rgb], fake: Sequence[Rgb],
    others: Sequence[Path],
) -> Figures:  # fmt: skip
    """Mean distances to the person's real pictures, and ACD of both."""
    step = max(1, len(real) // JUDGED)
    theirs, ours = (described(judge, frames[::step]) for frames in (real, fake))
    found: Figures = {
        "real_to_real": round(acd(theirs), 3),
        "talking": round(apart(ours, theirs), 3),
        "acd": round(acd(ours), 3),
        "acd_ratio": round(acd(ours) / max(acd(theirs), 1e-9), 3),
    }
    for name, pose in POSES.items():
        found[name] = round(apart(described(judge, [posed(face, pose)]), theirs), 3)
    if others:
        strangers = [one for source in open_sources(others) for one in sources.pictures(source)]
        found["others"] = round(apart(described(judge, strangers), theirs), 3)
    return found


def described(judge: IdentityJudge, frames: Sequence[Rgb]) -> list[Descriptor]:
    return [one for one in map(judge.describe, frames) if one is not None]


def apart(a: Sequence[Descriptor], b: Sequence[Descriptor]) -> float:
    """Mean over all pairs; NaN if the judge found no face on one side."""
    pairs = [distance(one, other) for one in a for other in b]
    return float(np.mean(pairs)) if pairs else float("nan")


def posed(face: Face, pose: dict[str, float]) -> Rgb:
    basis = face.avatar.basis
    known = {axis.name for axis in basis.axes}
    x = basis.control({name: value for name, value in pose.items() if name in known})
    return composite(face.shown(face.names[0], x))


def write_index(report: Path, figures: dict[str, object], card: dict[str, str]) -> None:
    captions = {
        "held_out.png": "Held-out pictures, and below each what the avatar shows",
        "poses.png": ", ".join(POSES),
        "axes.png": "Every axis from end to end",
    }
    write_report(report, "Enrolment", captions, {"figures": figures, "card": card})


if __name__ == "__main__":
    main()
