"""How good is the face, and does it obey? `python -m latentcam.benchmarks.avatar_quality --help`

    python -m latentcam.benchmarks.avatar_quality --avatar PACK --renders HELD_OUT \\
        --clips CLIP... --tracker face_landmarker.task --judge FOLDER --speech VOICE...

Compares what the avatar's decoder shows with path-traced renders of factors that training never
saw: PSNR, SSIM and detail of the whole picture, mouth, eyes and hair, the outline before green,
white and black, and how alike they look to a network that learned to see. Sweeps every axis of
every identity and tracks it with MediaPipe; asks an identity judge how far an axis moves who it is,
how far apart the cast is, and how steady a face is over a minute of talking; measures what moods do
to the mouth that speaks, and whether a judge of emotions names them; frame-to-frame change beside a
render of the same motion, and decode time. What is not given is not measured. Writes pictures and
an index.html into --report.

HELD_OUT is made by `training.looks.render --seed 999 --cast-share 1 --count 200`, a CLIP by
`--motion FILE --only NAME`; see `training.looks.render` for both, `training.identity_judge`,
`training.emotion_judge` and `training.perceptual` for the model files.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from latentcam.benchmarks.tools.likeness import acd, cast_distances, leakage
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.obedience import OBEYED, Figures, cross_talk, obedience
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.benchmarks.tools.pictures import (
    crop,
    edge_band,
    frame_change,
    laplacian_variance,
    psnr,
    save_sheet,
    write_report,
)
from latentcam.benchmarks.tools.renders import Render, read_renders
from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.arrays import Control, Latent, Picture, Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.decoders.auto import DECODERS, open_decoder
from latentcam.realtime_models.face_tracker import FaceTracker
from latentcam.realtime_models.generator.latents import sample_z, w_to_ws, z_to_w
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.realtime_models.pack_places import find_pack
from latentcam.realtime_models.training.emotion_judge import EmotionJudge, named
from latentcam.realtime_models.training.expressions import EMOTIONS
from latentcam.realtime_models.training.generator.losses import EYES, HAIR, MOUTH, WHOLE, Box
from latentcam.realtime_models.training.identity_judge import Descriptor, IdentityJudge
from latentcam.stream.offline import perform_file
from latentcam.stream.timeline import Timeline

FPS = 25
SECONDS = 60  # of talking
STRENGTH = 0.8  # of a mood
SPOKEN = 12  # frames of the talking that moods are shown in
REGIONS: dict[str, Box] = {"whole": WHOLE, "mouth": MOUTH, "eyes": EYES, "hair": HAIR}
WALLS = {"green": (0, 177, 64), "white": (255, 255, 255), "black": (0, 0, 0)}
LEAKY = ("jawOpen", "eyeBlink", "mouthStretch", "mouthPucker")
"""Axes that must not move who it is."""


@dataclass(frozen=True, slots=True)
class Face:
    """The avatar as it is shown."""

    pack: AvatarPack
    avatar: Avatar

    @property
    def names(self) -> tuple[str, ...]:
        return self.pack.card.identities

    def shown(self, name: str, x: Control) -> Picture:
        """x over FACE_AXES, or over the pack's axes."""
        wide = np.zeros(len(self.avatar.basis.axes), np.float32)
        wide[: len(x)] = x
        picture: Picture = self.avatar.render(self.avatar.anchor(name), wide)
        return picture

    def resting(self, name: str) -> Rgb:
        return composite(self.shown(name, np.zeros(len(FACE_AXES), np.float32)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[avatar_options()],
    )
    parser.add_argument("--decoder", default="auto", choices=DECODERS)
    parser.add_argument("--renders", type=Path, help="folder of renders with held-out factors")
    parser.add_argument("--clips", type=Path, nargs="*", default=[], help="folders of clips")
    parser.add_argument("--tracker", type=Path, help="face_landmarker.task: axes are tracked")
    parser.add_argument("--judge", type=Path, help="folder of dlib's models: who is who")
    parser.add_argument("--emotions", type=Path, help="network that names emotions, with --tracker")
    parser.add_argument("--vgg", type=Path, help="ONNX file of VGG16: perceptual distance")
    parser.add_argument("--speech", type=Path, nargs="*", default=[], help="sound files")
    parser.add_argument("--frames", type=int, default=60, help="of the minute, to be judged")
    parser.add_argument("--report", type=Path, default=Path("avatar_quality"))
    args = parser.parse_args()
    if args.emotions and not (args.tracker and args.speech):
        parser.error("got --emotions without --tracker or --speech, expected both")
    card = machine_card()
    print_card(card)
    pack = load_pack(args.avatar)
    try:
        renders = read_renders(args.renders) if args.renders else []
        clips = [read_renders(folder) for folder in args.clips]
        tracker = FaceTracker(args.tracker) if args.tracker else None
        judge = IdentityJudge(args.judge) if args.judge else None
        feeling = EmotionJudge(args.emotions) if args.emotions else None
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    face = Face(pack, Avatar(pack, open_decoder(args.decoder, pack)))
    args.report.mkdir(parents=True, exist_ok=True)
    xs = talking(pack, args.speech)
    figures: dict[str, object] = {"pack_mb": pack_size(args.avatar), **decode_time(face)}
    print("decode", figures, flush=True)

    def note(what: str, found: object) -> None:
        figures[what] = found
        print(what, found, flush=True)

    if known := [render for render in renders if render.name in face.names]:
        note("held_out", held_out(face, known, args.report / "held_out.png"))
        note("outline", outline(face, known))
        if args.vgg:
            note("perceptual", perceptual(face, known, args.vgg))
    if tracker is not None:
        table = {}
        for name in face.names:
            table[name], strips = obedience(face.avatar, tracker, name)
            save_sheet(args.report / f"axes_{name}.png", list(strips.values()))
            print(f"{name:8}", table[name], flush=True)
        figures["axes"] = table
        note("cross_talk", cross_talk(face.avatar, tracker, face.names[::5]))
    if judge is not None:
        resting = {name: judge.describe(face.resting(name)) for name in face.names}
        note("cast", cast_distances(resting))
        note("who", who_it_is(face, judge, resting, xs, args.frames))
    if len(xs):
        felt = moments(pack, args.speech)
        note("moods", moods(face, felt, args.report / "moods.png"))
        if tracker is not None and feeling is not None:
            note("moods_named", moods_named(face, felt, tracker, feeling))
    for clip in clips:
        if clip[0].name in face.names:
            note(f"clip of {clip[0].name}", beside_renders(face, clip))
    sheets(face, args.report)
    write_index(args.report, figures, card)
    print_json({"benchmark": "avatar_quality", **figures, "card": card})


def talking(
    pack: AvatarPack, speech: Sequence[Path], expression: Mapping[str, float] | None = None
) -> list[Control]:
    """What a lively face does for up to a minute of these voices; nothing without any."""
    performer, settings = Performer(pack), Settings(expression=expression or {})
    ticks = chain.from_iterable(
        perform_file(performer, Timeline(FPS), path, 0, settings) for path in speech
    )
    return list(islice(ticks, SECONDS * FPS))


def pack_size(avatar: str) -> float:
    return round(sum(path.stat().st_size for path in find_pack(avatar).iterdir()) / 1e6, 2)


def decode_time(face: Face, frames: int = 200) -> Figures:
    anchor = face.avatar.anchor(face.names[0])
    rng = np.random.default_rng(0)
    lows, highs = (
        [getattr(axis, end) for axis in face.avatar.basis.axes] for end in ("low", "high")
    )
    xs = rng.uniform(lows, highs, (frames, len(lows))).astype(np.float32)
    for x in xs[:20]:
        face.avatar.render(anchor, x)
    seconds = []
    for x in xs:
        begun = time.perf_counter()
        face.avatar.render(anchor, x)
        seconds.append(time.perf_counter() - begun)
    return {f"decode_p{p}_ms": round(float(np.percentile(seconds, p)) * 1000, 2) for p in (50, 95)}


def pair(face: Face, render: Render) -> tuple[Picture, Picture]:
    """(render, what the avatar shows), of one size, colours multiplied by alpha if it has any."""
    fake = face.shown(render.name, render.x)
    real = render.picture(len(fake))
    return (real if fake.shape[2] == 4 else composite(real)), fake


def held_out(face: Face, renders: Sequence[Render], sheet: Path) -> dict[str, Figures]:
    """Fidelity and detail before grey, by region; n pictures."""
    scores: dict[str, dict[str, list[float]]] = {region: {} for region in REGIONS}
    first: dict[str, tuple[Rgb, Rgb]] = {}
    by_name: dict[str, list[float]] = {}
    for render in renders:
        real, fake = (composite(picture) for picture in pair(face, render))
        for region, box in REGIONS.items():
            a, b = crop(real, box), crop(fake, box)
            got = {
                "psnr_db": psnr(a, b),
                "ssim": structural_similarity(a, b, channel_axis=2),
                "laplacian_real": laplacian_variance(real, box),
                "laplacian_fake": laplacian_variance(fake, box),
            }
            for key, value in got.items():
                scores[region].setdefault(key, []).append(float(value))
        by_name.setdefault(render.name, []).append(scores["whole"]["psnr_db"][-1])
        first.setdefault(render.name, (real, fake))
    half = -(-len(first) // 2)
    halves = [list(first.values())[part] for part in (slice(half), slice(-half, None))]
    save_sheet(sheet, [[both[i] for both in one] for one in halves for i in (0, 1)])
    found = {
        region: {
            "n": len(values["psnr_db"]),
            "psnr_db": round(float(np.mean(values["psnr_db"])), 2),
            "psnr_db_p5": round(float(np.percentile(values["psnr_db"], 5)), 2),
            "ssim": round(float(np.mean(values["ssim"])), 4),
            "laplacian_ratio": round(
                sum(values["laplacian_fake"]) / sum(values["laplacian_real"]), 3
            ),
        }
        for region, values in scores.items()
    }
    found["by_name"] = {name: round(float(np.mean(v)), 2) for name, v in by_name.items()}
    return found


def outline(face: Face, renders: Sequence[Render]) -> Figures:
    """Of an avatar with alpha: mean error of alpha in levels, and PSNR of the outline before
    colours on which a halo would show. Nothing of an avatar without."""
    walls: dict[str, list[float]] = {wall: [] for wall in WALLS}
    errors: list[float] = []
    for render in renders:
        real, fake = pair(face, render)
        if fake.shape[2] == 3:
            return {}
        band = edge_band(real[..., 3])
        errors.append(float(np.abs(real[..., 3].astype(float) - fake[..., 3])[band].mean()))
        for wall, colour in WALLS.items():
            walls[wall].append(psnr(composite(real, colour)[band], composite(fake, colour)[band]))
    return {
        "alpha_error_levels": round(float(np.mean(errors)), 2),
        **{f"{wall}_psnr_db": round(float(np.mean(v)), 2) for wall, v in walls.items()},
    }


def perceptual(face: Face, renders: Sequence[Render], vgg: Path) -> Figures:
    """Distance of VGG16's features before grey, of the whole picture; 0 for the same picture."""
    import torch

    from latentcam.realtime_models.training.perceptual import Vgg16, perceptual_distance

    network = Vgg16(vgg)

    def tensor(picture: Picture) -> torch.Tensor:
        return torch.from_numpy(composite(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1

    with torch.inference_mode():
        apart = [
            float(perceptual_distance(network, tensor(fake), tensor(real)))
            for real, fake in (pair(face, render) for render in renders[::4])
        ]
    return {"n": len(apart), "mean": round(float(np.mean(apart)), 4)}


def who_it_is(
    face: Face,
    judge: IdentityJudge,
    resting: dict[str, Descriptor | None],
    xs: Sequence[Control],
    frames: int,
) -> dict[str, Figures]:
    """For everybody: how far each of LEAKY moves who it is, and ACD over a minute of talking."""
    found = {}
    for name, rest in resting.items():
        if rest is None:
            continue
        row = leakage(face.avatar, judge, name, rest, LEAKY)
        if len(xs):
            picked = np.linspace(0, len(xs) - 1, frames).astype(int)
            seen = [judge.describe(composite(face.shown(name, xs[i]))) for i in picked]
            row["acd"] = round(acd([one for one in seen if one is not None]), 3)
            row["lost"] = sum(one is None for one in seen)
        found[name] = row
        print(f"{name:8}", row, flush=True)
    return found


def moments(pack: AvatarPack, speech: Sequence[Path]) -> dict[str, list[Control]]:
    """SPOKEN moments of the talking without any mood, as "", and the same moments in each mood that
    the pack has, at STRENGTH."""
    index = {axis.name for axis in pack.card.axes}
    found = {}
    for mood in ("", *(name for name in EMOTIONS if name in index)):
        xs = talking(pack, speech, {mood: STRENGTH} if mood else {})
        picked = np.linspace(min(FPS, len(xs) - 1), len(xs) - 1, SPOKEN)  # a mood is eased into
        found[mood] = [xs[i] for i in picked.astype(int)]
    return found


def moods(face: Face, felt: Mapping[str, Sequence[Control]], sheet: Path) -> dict[str, Figures]:
    """Mean change of the mouth in grey levels by each mood, while speaking; felt: as `moments` has
    it. A sheet: a row for each mood, the first without any."""
    names = face.names[:: max(1, len(face.names) // 6)]
    shown = {
        mood: {name: [composite(face.shown(name, x)) for x in xs] for name in names}
        for mood, xs in felt.items()
    }
    found = {}
    for mood in felt:
        if not mood:
            continue
        changes = [
            float(np.abs(crop(a, MOUTH).astype(float) - crop(b, MOUTH)).mean())
            for name in names
            for a, b in zip(shown[mood][name], shown[""][name], strict=True)
        ]
        found[mood] = {
            "mouth_levels": round(float(np.mean(changes)), 2),
            "mouth_levels_p5": round(float(np.percentile(changes, 5)), 2),
        }
    save_sheet(sheet, [[pictures[name][4] for name in names] for pictures in shown.values()])
    return found


def moods_named(
    face: Face, felt: Mapping[str, Sequence[Control]], tracker: FaceTracker, judge: EmotionJudge
) -> dict[str, dict[str, float]]:
    """The share of speaking frames in which a mood is named right, by what the judge says of them
    beyond what it says of the face without a mood: of each mood, of each face. felt: as
    `moments` has it."""

    def described(name: str, xs: Sequence[Control]) -> list[NDArray[np.float64]]:
        pictures = [composite(face.shown(name, x)) for x in xs]
        return [
            judge.describe(picture, seen.points[:, :2])
            for picture in pictures
            if (seen := tracker.track(picture)) is not None
        ]

    known = [mood for mood in felt if mood]
    if not known:
        return {"moods": {}, "faces": {}}
    right = np.zeros((len(face.names), len(known)))
    for row, name in zip(right, face.names, strict=True):
        neutral = np.stack(described(name, felt[""]))
        for k, mood in enumerate(known):
            found = [named(one, neutral) for one in described(name, felt[mood])]
            row[k] = found.count(mood) / len(felt[mood])  # a face that is not found is not named
    return {
        "moods": dict(zip(known, right.mean(axis=0).round(3).tolist(), strict=True)),
        "faces": dict(zip(face.names, right.mean(axis=1).round(3).tolist(), strict=True)),
    }


def beside_renders(face: Face, clip: Sequence[Render]) -> Figures:
    """Frame-to-frame change and fidelity of a clip beside the renders of the same motion."""
    pairs = [tuple(composite(picture) for picture in pair(face, render)) for render in clip]
    real, fake = (frame_change([both[i] for both in pairs]) for i in (0, 1))
    return {
        "frames": len(clip),
        "psnr_db": round(float(np.mean([psnr(*both) for both in pairs])), 2),
        "frame_change": round(fake, 3),
        "frame_change_render": round(real, 3),
        "ratio": round(fake / real, 3),
    }


def sheets(face: Face, report: Path) -> None:
    """The cast at rest; sampled faces, truncation, style mixing."""
    config = face.pack.card.generator
    decode = face.avatar.decoder.decode

    def row(latents: Sequence[Latent]) -> list[Rgb]:
        return [composite(decode(ws[None])[0]) for ws in latents]

    def w_of(seed: int, psi: float) -> NDArray[np.float32]:
        return z_to_w(config, face.pack.generator, sample_z(config, seed), psi)

    resting = [face.resting(name) for name in face.names]
    blank = np.zeros_like(resting[0])
    resting += [blank] * (-len(resting) % 5)
    save_sheet(report / "cast.png", [resting[i : i + 5] for i in range(0, len(resting), 5)])
    sampled = [face.avatar.anchor(str(seed)) for seed in range(24)]
    save_sheet(report / "sampled.png", [row(sampled[i : i + 8]) for i in range(0, 24, 8)])
    levels = np.linspace(-1, 1, 7)
    truncation = [[w_to_ws(config, w_of(seed, psi)) for psi in levels] for seed in range(3)]
    save_sheet(report / "truncation.png", [row(latents) for latents in truncation])
    # Style mixing (StyleGAN, section 3.1): the rows' latent, with the column's in some layers.
    third = config.num_ws // 3
    psi = face.pack.card.truncation_psi
    for what, layers in {
        "coarse": slice(0, third),
        "middle": slice(third, 2 * third),
        "fine": slice(2 * third, None),
    }.items():
        columns = [w_to_ws(config, w_of(100 + seed, psi)) for seed in range(6)]
        grid = [[blank, *row(columns)]]
        for seed in range(3):
            base = w_to_ws(config, w_of(200 + seed, psi))
            mixed = []
            for column in columns:
                ws = base.copy()
                ws[layers] = column[layers]
                mixed.append(ws)
            grid.append(row([base, *mixed]))
        save_sheet(report / f"mixing_{what}.png", grid)


def write_index(report: Path, figures: dict[str, object], card: dict[str, str]) -> None:
    captions = {
        "cast.png": "The cast at rest",
        "held_out.png": "Renders with held-out factors, and below each what the avatar shows",
        "moods.png": f"While speaking: no mood, then {', '.join(EMOTIONS)} at {STRENGTH}",
        "sampled.png": "Sampled identities",
        "truncation.png": "Truncation: psi from -1 to 1",
        "mixing_coarse.png": "Style mixing: coarse layers of the top row",
        "mixing_middle.png": "Style mixing: middle layers",
        "mixing_fine.png": "Style mixing: fine layers",
    }
    for path in sorted(report.glob("axes_*.png")):
        captions[path.name] = f"{path.stem[5:]}: {', '.join(OBEYED)}"
    write_report(report, "Avatar quality", captions, {"figures": figures, "card": card})


if __name__ == "__main__":
    main()
