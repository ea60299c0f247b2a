"""Does a face stay who it is from mood to mood? `python -m latentcam.benchmarks.moods --help`

    python -m latentcam.benchmarks.moods --moods moods.safetensors --judge MODELS

Clips of faces that are silent and go from mood to mood as `training.latents.moods` learned it, by
the very steps of a live face (`serve --moods`); the pack's people take turns. An identity judge
describes each picture, and what is printed are distances of its descriptors, the mean over clips:

consecutive: from picture to picture, Average Content Distance (ACD) as Zhang 2020 has it; the more
    pictures a second, the smaller.
pairs: of all pictures of a clip, ACD as MoCoGAN has it (Tulyakov et al. 2018,
    https://arxiv.org/abs/1707.04993).
strangers: of the pack's people at rest, what another face would be.

Published are 0.305 for TGAN, 0.201 for MoCoGAN, 0.167 for Zhang's 210 clips and 0.116 for real
ones, of people who make faces (MUG). MoCoGAN's embedding is OpenFace's, Zhang names none, and here
it is dlib's: they rank those, and are no scale for these.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from latentcam.benchmarks.tools.likeness import acd, cast_distances, steps
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.arrays import SAMPLE_RATE, Rgb
from latentcam.realtime_models.decoders.auto import DECODERS
from latentcam.realtime_models.errors import LatentcamError
from latentcam.realtime_models.motion.moods import MoodModel, load_moods
from latentcam.realtime_models.motion.performance import Settings
from latentcam.realtime_models.opened import Opened, open_pack
from latentcam.realtime_models.training.identity_judge import IdentityJudge

FPS = 25
EMBEDDING = "dlib_face_recognition_resnet_model_v1, 128 dimensions"
PUBLISHED = {"TGAN": 0.305, "MoCoGAN": 0.201, "Zhang 2020": 0.167, "real": 0.116}


def clip(opened: Opened, name: str, moods: MoodModel, seed: int, seconds: float) -> Iterator[Rgb]:
    """A face that goes from mood to mood and does nothing else."""
    performer, avatar = opened.performer, opened.avatar
    settings, silence = Settings(life=0.0, moods=moods), np.zeros(SAMPLE_RATE // FPS, np.float32)
    state, anchor = performer.initial_state(seed), avatar.anchor(name)
    for _ in range(round(seconds * FPS)):
        x, state = performer.perform(silence, state, settings)
        yield composite(avatar.render(anchor, x))


def steadiness(pictures: Iterable[Rgb], judge: IdentityJudge) -> dict[str, float]:
    """Both kinds of ACD, and the share of pictures in which the judge finds no face. NaN where
    fewer than two have one."""
    found = [judge.describe(picture) for picture in pictures]
    seen = [one for one in found if one is not None]
    lost = 1.0 - len(seen) / len(found)
    return {"consecutive": steps(found), "pairs": acd(seen), "lost": lost}


def measured(
    opened: Opened, moods: MoodModel, judge: IdentityJudge, clips: int, seconds: float
) -> dict[str, object]:
    """Means over the clips, and over those of each person."""
    names = opened.avatar.card.identities
    per_clip = []
    for seed in range(clips):
        name = names[seed % len(names)]
        found = steadiness(clip(opened, name, moods, seed, seconds), judge)
        per_clip.append((name, found))
        print(f"{name:12} {found}", flush=True)

    def mean(*whose: str) -> dict[str, float]:
        rows = [list(found.values()) for name, found in per_clip if name in whose]
        kinds = per_clip[0][1]
        return dict(zip(kinds, np.nanmean(rows, axis=0).round(4).tolist(), strict=True))

    rest = opened.avatar.basis.control({})
    resting = {
        name: judge.describe(composite(opened.avatar.render(opened.avatar.anchor(name), rest)))
        for name in names
    }
    return {
        "mean": mean(*names),
        "strangers": cast_distances(resting)["mean"],
        "people": {name: mean(name) for name in names[:clips]},
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[avatar_options()],
    )
    parser.add_argument("--moods", type=Path, required=True, help="learned moods")
    parser.add_argument("--judge", type=Path, required=True, help="folder of dlib's models")
    parser.add_argument("--clips", type=int, default=42, help="how many; default: 42")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each; default: 8")
    parser.add_argument("--decoder", default="auto", choices=DECODERS)
    args = parser.parse_args(argv)
    if args.clips < 1 or not 2 / FPS <= args.seconds <= 600:
        parser.error(
            f"got --clips {args.clips} and --seconds {args.seconds:g}, expected at least 1, and "
            f"{2 / FPS:g} to 600"
        )
    try:
        moods = load_moods(args.moods)
        if find_spec("dlib") is None:
            parser.error("this needs dlib, not installed: pip install 'latentcam[judge]'")
        judge = IdentityJudge(args.judge)
        opened = open_pack(args.avatar, args.decoder)
    except (LatentcamError, FileNotFoundError) as error:
        parser.error(str(error))
    card = machine_card()
    print_card(card)
    found = measured(opened, moods, judge, args.clips, args.seconds)
    print(f"distances, in {EMBEDDING}: {found['mean']}")
    print(f"of strangers: {found['strangers']}")
    print(f"published, in other embeddings: {PUBLISHED}")
    print_json(
        {
            "benchmark": "moods",
            "avatar": opened.pack.card.name,
            "embedding": EMBEDDING,
            "clips": args.clips,
            "seconds": args.seconds,
            "fps": FPS,
            **found,
            "published": PUBLISHED,
            "card": card,
        }
    )


if __name__ == "__main__":
    main()
