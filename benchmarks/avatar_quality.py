"""How good is the face, and does it obey? `python -m latentcam.benchmarks.avatar_quality --help`

Compares what the avatar's decoder shows with renders of the same factors, which training never saw:
held-out pictures (PSNR, SSIM, detail), the same for heads turned to any angle of `headYaw`,
every measurable axis swept and tracked by MediaPipe, a talking clip (ACD and frame-to-frame
change), decode time. Writes pictures and an index.html into --report. ACD is MoCoGAN's Average
Content Distance (Tulyakov et al. 2018, https://arxiv.org/abs/1707.04993): the mean distance between
the descriptors of all pairs of frames of a clip. The descriptor here is the geometry of rigid
landmarks and the colours of skin, lips, hair and clothes, in standard deviations over the curated
identities; no learned face embedding.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab
from skimage.metrics import structural_similarity

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.realtime_models.arrays import Control, Latent, Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.decoders.auto import DECODERS, open_decoder
from latentcam.realtime_models.generator.latents import sample_z, w_to_ws, z_to_w
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.realtime_models.pack_places import find_pack
from latentcam.realtime_models.training.face_tracker import FaceTracker, TrackedFace
from latentcam.realtime_models.training.generator.losses import EYES, MOUTH, WHOLE, Box
from latentcam.realtime_models.training.heads.expression import sample_x
from latentcam.realtime_models.training.heads.identity import curated_z, identity_from_z
from latentcam.realtime_models.training.heads.makehuman import MissingAssetsError
from latentcam.realtime_models.training.heads.renderer import HeadRenderer
from latentcam.stream.offline import perform_file
from latentcam.stream.timeline import Timeline

HELD_OUT_SEED = 2**31  # no seed of `training.heads.render` reaches it by accident
TURNED = 4  # pictures of turned heads, per curated identity
SWEEP = 21  # values per axis
FPS = 25
REGIONS: dict[str, Box] = {"whole": WHOLE, "mouth": MOUTH, "eyes": EYES}

RIGID = (33, 133, 263, 362, 168, 6, 197, 1, 98, 327, 234, 454, 127, 356, 10)
"""Corners of the eyes, the nose, the sides of the face, the forehead."""

SPOTS = {"cheeks": (50, 280), "forehead": (151, 9), "lip": (17, 405, 181)}
"""Landmarks where skin and lip colours are read."""

Figures = dict[str, float]
Measure = Callable[[TrackedFace], float]

MEASURES: dict[str, Measure] = {
    "aperture": lambda face: face.aperture,
    "width": lambda face: face.width,
    "eye opening": lambda face: face.eye_opening,
    "brow height": lambda face: face.brow_height,
    "yaw": lambda face: face.angles[0],
    "pitch": lambda face: face.angles[1],
    "roll": lambda face: face.angles[2],
}

OBEYED: dict[str, tuple[str, int]] = {
    "jawOpen": ("aperture", 1),
    "mouthStretch": ("width", 1),
    "mouthPucker": ("width", -1),
    "eyeBlink": ("eye opening", -1),
    "browOuterUp": ("brow height", 1),
    "headYaw": ("yaw", 1),
    "headPitch": ("pitch", 1),
    "headRoll": ("roll", 1),
}
"""Axis -> what follows it and with which sign."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The avatar, and the renders that it is compared with."""

    pack: AvatarPack
    avatar: Avatar
    renderer: HeadRenderer
    tracker: FaceTracker

    @property
    def names(self) -> tuple[str, ...]:
        return self.pack.card.identities

    def shown(self, name: str, x: Control) -> Rgb:
        return self.avatar.render(self.avatar.anchor(name), widen(x, self.avatar))

    def rendered(self, name: str, x: Control) -> Rgb:
        return self.renderer.render(identity_from_z(curated_z(name)), x[: len(FACE_AXES)])


def widen(x: Control, avatar: Avatar) -> Control:
    """x over FACE_AXES as x over the pack's axes."""
    wide = np.zeros(len(avatar.basis.axes), np.float32)
    wide[: len(x)] = x
    return wide


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[avatar_options()],
    )
    parser.add_argument("--assets", type=Path, required=True, help="MakeHuman's repositories")
    parser.add_argument("--model", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument(
        "--speech", type=Path, nargs="+", required=True, help="sound files; 60 s of them are used"
    )
    parser.add_argument("--decoder", default="auto", choices=DECODERS)
    parser.add_argument("--pictures", type=int, default=8, help="held out, per curated identity")
    parser.add_argument("--frames", type=int, default=150, help="frames of the clip for ACD")
    parser.add_argument("--clip-identities", default=None, help="names; default: the first three")
    parser.add_argument("--report", type=Path, default=Path("avatar_quality"))
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    pack = load_pack(args.avatar)
    try:
        renderer = HeadRenderer(args.assets, pack.card.generator.resolution)
        tracker = FaceTracker(args.model)
    except (MissingAssetsError, FileNotFoundError) as error:
        parser.error(str(error))
    bench = Bench(pack, Avatar(pack, open_decoder(args.decoder, pack)), renderer, tracker)
    args.report.mkdir(parents=True, exist_ok=True)
    clip_names = args.clip_identities.split(",") if args.clip_identities else bench.names[:3]
    figures: dict[str, object] = {"pack_mb": pack_size(args.avatar), **decode_time(bench)}
    print("decode", figures)
    figures["held_out"] = held_out(bench, args.pictures, args.report / "held_out.png")
    print("held out", figures["held_out"])
    figures["turned"] = held_out(bench, TURNED, args.report / "turned.png", turned_share=1.0)
    print("turned heads", figures["turned"])
    figures["axes"] = obedience(bench, args.report)
    figures["cross_talk"] = cross_talk(bench)
    figures["clip"] = clip(bench, clip_names, args.speech, args.frames)
    sheets(bench, args.report)
    write_index(args.report, figures, card)
    print_json({"benchmark": "avatar_quality", **figures, "card": card})


def pack_size(avatar: str) -> float:
    return round(sum(path.stat().st_size for path in find_pack(avatar).iterdir()) / 1e6, 2)


def decode_time(bench: Bench, frames: int = 200) -> Figures:
    anchor = bench.avatar.anchor(bench.names[0])
    rng = np.random.default_rng(0)
    xs = [widen(sample_x(rng), bench.avatar) for _ in range(frames)]
    for x in xs[:20]:
        bench.avatar.render(anchor, x)
    seconds = []
    for x in xs:
        begun = time.perf_counter()
        bench.avatar.render(anchor, x)
        seconds.append(time.perf_counter() - begun)
    return {f"decode_p{p}_ms": round(float(np.percentile(seconds, p)) * 1000, 2) for p in (50, 95)}


def crop(picture: NDArray[np.generic], box: Box) -> NDArray[np.generic]:
    size = picture.shape[0]
    top, bottom, left, right = (round(edge * size) for edge in box)
    return picture[top:bottom, left:right]


def laplacian_variance(picture: Rgb, box: Box) -> float:
    grey = crop(picture, box).astype(np.float64).mean(axis=2)
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.var(around - 4 * middle))


def held_out(
    bench: Bench, pictures: int, sheet: Path, turned_share: float = 0.0
) -> dict[str, Figures]:
    """Pictures of factors drawn as for training, from a seed of their own."""
    rng = np.random.default_rng(HELD_OUT_SEED)
    scores: dict[str, dict[str, list[float]]] = {region: {} for region in REGIONS}
    tops, bottoms = [], []
    for name in bench.names:
        for index in range(pictures):
            x = sample_x(rng, turned_share)
            real, fake = bench.rendered(name, x), bench.shown(name, x)
            for region, box in REGIONS.items():
                a, b = crop(real, box), crop(fake, box)
                error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
                got = {
                    "psnr_db": 10 * np.log10(255**2 / max(error, 1e-9)),
                    "ssim": structural_similarity(a, b, channel_axis=2),
                    "laplacian_real": laplacian_variance(real, box),
                    "laplacian_fake": laplacian_variance(fake, box),
                }
                for key, value in got.items():
                    scores[region].setdefault(key, []).append(float(value))
            if index == 0:
                tops.append(real)
                bottoms.append(fake)
    half = len(tops) // 2
    rows = [tops[:half], bottoms[:half], tops[half:], bottoms[half:]]
    save_sheet(sheet, rows)
    return {
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


def correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """NaN where too few faces were found."""
    if len(a) < 2:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def sweep(bench: Bench, name: str, axis: str) -> tuple[list[float], list[TrackedFace], list[Rgb]]:
    """Commanded values where a face was found, the faces, and all pictures."""
    limits = next(a for a in FACE_AXES if a.name == axis)
    values, faces, pictures = [], [], []
    for value in np.linspace(limits.low, limits.high, SWEEP):
        picture = bench.avatar.render(
            bench.avatar.anchor(name), bench.avatar.basis.control({axis: float(value)})
        )
        pictures.append(picture)
        if face := bench.tracker.track(picture):
            values.append(float(value))
            faces.append(face)
    return values, faces, pictures


def obedience(bench: Bench, report: Path) -> dict[str, dict[str, float]]:
    """r of commanded against tracked, per identity; the aperture at rest; sweeps as pictures."""
    table: dict[str, dict[str, float]] = {}
    for name in bench.names:
        row, strips = {}, []
        for axis, (measure, sign) in OBEYED.items():
            values, faces, pictures = sweep(bench, name, axis)
            tracked = [sign * MEASURES[measure](face) for face in faces]
            row[axis] = round(correlation(values, tracked), 3)
            row["lost"] = row.get("lost", 0) + SWEEP - len(faces)
            strips.append(pictures[:: (SWEEP - 1) // 5])
        rest = bench.tracker.track(bench.shown(name, np.zeros(len(FACE_AXES), np.float32)))
        row["rest_aperture"] = round(rest.aperture, 4) if rest else float("nan")
        table[name] = row
        save_sheet(report / f"axes_{name}.png", strips)
        print(f"{name:8}", row, flush=True)
    return table


def cross_talk(bench: Bench) -> dict[str, dict[str, float]]:
    """How far every measure moves when one axis is swept, as a share of the most that any axis
    moves it; mean over identities. A perfect axis has one large number, unless faces really do
    both, as a smile widens the mouth."""
    names = bench.names[:: max(1, len(bench.names) // 4)]
    moved = np.zeros((len(FACE_AXES), len(MEASURES)))
    for name in names:
        for i, axis in enumerate(FACE_AXES):
            _, faces, _ = sweep(bench, name, axis.name)
            for j, measure in enumerate(MEASURES.values()):
                tracked = [measure(face) for face in faces]
                moved[i, j] += np.percentile(tracked, 95) - np.percentile(tracked, 5)
    share = moved / moved.max(axis=0)
    return {
        axis.name: {measure: round(float(share[i, j]), 2) for j, measure in enumerate(MEASURES)}
        for i, axis in enumerate(FACE_AXES)
    }


def descriptor(picture: Rgb, face: TrackedFace) -> NDArray[np.float64]:
    """What should stay while a face talks: rigid geometry in the face's own frame, and colours."""
    rotation = face.pose[:3, :3] / np.linalg.norm(face.pose[:3, :3], axis=0)
    flip = np.array([1.0, -1.0, -1.0])  # pictures run down and away, the pose's space up and near
    points = face.points[list(RIGID)] * flip
    centred = (points - points.mean(axis=0)) @ rotation
    geometry = (centred / np.linalg.norm(centred)).ravel()
    lab = rgb2lab(picture)
    size = len(picture)
    colours = []
    for spots in SPOTS.values():
        at = np.clip(face.points[list(spots), :2].round().astype(int), 2, size - 3)
        patches = [lab[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0) for x, y in at]
        colours.append(np.mean(patches, axis=0))
    top = np.clip(
        face.points[10, :2].round().astype(int) - (0, round(0.22 * face.height)), 4, size - 5
    )
    colours.append(lab[top[1] - 4 : top[1] + 5, top[0] - 4 : top[0] + 5].mean(axis=(0, 1)))
    colours.append(lab[-8:, size // 3 : -size // 3].mean(axis=(0, 1)))
    colours.append(lab[: size // 8, : size // 8].mean(axis=(0, 1)))
    return np.concatenate([geometry, *colours])


def acd(descriptors: NDArray[np.float64]) -> float:
    """Mean distance between all pairs."""
    pairs = np.linalg.norm(descriptors[:, None] - descriptors[None], axis=2)
    n = len(descriptors)
    return float(pairs.sum() / (n * (n - 1)))


def clip(
    bench: Bench, names: Sequence[str], speech: Sequence[Path], frames: int
) -> dict[str, Figures]:
    """ACD of a talking clip beside that of the renders of the same motion; and how much more the
    picture changes from frame to frame than the renders do."""
    still = np.zeros(len(FACE_AXES), np.float32)
    rest = []
    for name in bench.names:
        picture = bench.rendered(name, still)
        if face := bench.tracker.track(picture):
            rest.append(descriptor(picture, face))
    scale = np.std(rest, axis=0) + 1e-6
    result: dict[str, Figures] = {}
    for seed, name in enumerate(names):
        performer = Performer(bench.pack)
        ticks = chain.from_iterable(
            perform_file(performer, Timeline(FPS), path, seed, Settings()) for path in speech
        )
        xs = [x for _, x in zip(range(60 * FPS), ticks, strict=False)]
        described: dict[str, list[NDArray[np.float64]]] = {"face": [], "render": []}
        for i in np.linspace(0, len(xs) - 1, frames).astype(int):
            pair = {"face": bench.shown(name, xs[i]), "render": bench.rendered(name, xs[i])}
            tracked = {kind: bench.tracker.track(picture) for kind, picture in pair.items()}
            for kind, face in tracked.items():
                if face is not None and all(tracked.values()):
                    described[kind].append(descriptor(pair[kind], face) / scale)
        run = xs[len(xs) // 2 :][: 2 * FPS]
        change = {
            "face": frame_change([bench.shown(name, x) for x in run]),
            "render": frame_change([bench.rendered(name, x) for x in run]),
        }
        values = {kind: acd(np.array(found)) for kind, found in described.items()}
        result[name] = {
            "seconds": len(xs) / FPS,
            "frames": len(described["face"]),
            "acd": round(values["face"], 3),
            "acd_render": round(values["render"], 3),
            "acd_ratio": round(values["face"] / values["render"], 3),
            "frame_change": round(change["face"], 3),
            "frame_change_render": round(change["render"], 3),
        }
        print(f"{name:8}", result[name], flush=True)
    return result


def frame_change(pictures: Sequence[Rgb]) -> float:
    """Mean absolute second difference in time, in levels: what flickers, without steady motion."""
    stack = np.stack(pictures).astype(np.float32)
    return float(np.abs(stack[2:] - 2 * stack[1:-1] + stack[:-2]).mean())


def sheets(bench: Bench, report: Path) -> None:
    """Sampled faces, truncation, style mixing."""
    config = bench.pack.card.generator
    decode = bench.avatar.decoder.decode

    def row(latents: Sequence[Latent]) -> list[Rgb]:
        return [decode(ws[None])[0] for ws in latents]

    def w_of(seed: int, psi: float) -> NDArray[np.float32]:
        return z_to_w(config, bench.pack.generator, sample_z(config, seed), psi)

    sampled = [bench.avatar.anchor(str(seed)) for seed in range(24)]
    save_sheet(report / "sampled.png", [row(sampled[i : i + 8]) for i in range(0, 24, 8)])
    levels = np.linspace(-1, 1, 7)
    truncation = [[w_to_ws(config, w_of(seed, psi)) for psi in levels] for seed in range(3)]
    save_sheet(report / "truncation.png", [row(latents) for latents in truncation])
    # Style mixing (StyleGAN, section 3.1): the rows' latent, with the column's in some layers.
    third = config.num_ws // 3
    psi = bench.pack.card.truncation_psi
    for what, layers in {
        "coarse": slice(0, third),
        "middle": slice(third, 2 * third),
        "fine": slice(2 * third, None),
    }.items():
        columns = [w_to_ws(config, w_of(100 + seed, psi)) for seed in range(6)]
        blank = np.zeros((config.resolution, config.resolution, 3), np.uint8)
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


def save_sheet(path: Path, rows: Sequence[Sequence[Rgb]]) -> None:
    Image.fromarray(np.vstack([np.hstack(list(row)) for row in rows])).save(path)


def write_index(report: Path, figures: dict[str, object], card: dict[str, str]) -> None:
    captions = {
        "held_out.png": "Renders with held-out factors, and below each what the avatar shows",
        "turned.png": "The same of heads turned by any angle",
        "sampled.png": "Sampled identities",
        "truncation.png": "Truncation: psi from -1 to 1",
        "mixing_coarse.png": "Style mixing: coarse layers of the top row",
        "mixing_middle.png": "Style mixing: middle layers",
        "mixing_fine.png": "Style mixing: fine layers",
    }
    for path in sorted(report.glob("axes_*.png")):
        captions[path.name] = f"{path.stem[5:]}: {', '.join(OBEYED)}"
    parts = [f"<h2>{text}</h2><img src='{name}' loading='lazy'>" for name, text in captions.items()]
    body = json.dumps({"figures": figures, "card": card}, indent=1)
    report.joinpath("index.html").write_text(
        "<!doctype html><meta charset='utf-8'><title>Avatar quality</title>"
        "<style>body{font:15px sans-serif;margin:2em}img{max-width:100%}</style>"
        f"<h1>Avatar quality</h1><pre>{body}</pre>{''.join(parts)}"
    )


if __name__ == "__main__":
    main()
