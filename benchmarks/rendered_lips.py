"""Do the lips of a rendered video do what they were told?

    python -m latentcam.benchmarks.rendered_lips SPEECH... --model face_landmarker.task \\
        --sheets FOLDER

Every sound file goes through `latentcam render` and `latentcam motion`, with lips only; the video
is read back and tracked by MediaPipe. jaw: correlation of the tracked lip aperture with the
commanded `jawOpen`; aperture: with what all commanded axes of the mouth ask for together; lag: by
how many frames the video is later than the command where they correlate best. A sheet shows the
mouth in each frame of the first seconds, with the voice's level below.

Needs `pip install ".[track]"` and MediaPipe's model file.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.realtime_models.arrays import SAMPLE_RATE, Rgb
from latentcam.realtime_models.face_tracker import FaceTracker
from latentcam.realtime_models.training.motion.data.lips import (
    LipClip,
    at_hops,
    in_step,
    read_clip,
    read_lips,
)
from latentcam.realtime_models.training.motion.judge.figures import best_lag, correlation
from latentcam.realtime_models.training.motion.judge.sync import (
    Pair,
    SyncJudge,
    ceiling_and_floor,
    pair_of,
)
from latentcam.realtime_models.training.motion.targets.retarget import rendered_lips, shown_aperture
from latentcam.server.__main__ import main as latentcam
from latentcam.stream.voice_file import read_voice

FPS = 25
REACH = 4  # frames
COLUMNS, CELL, LEVEL = 20, 96, 24  # of a sheet: frames in a row, pixels of a mouth, of the level
ROWS = 5
COLUMNS_OF = {
    "frames": "frames", "r_jaw": "r jaw", "r_aperture": "aperture", "lag_frames": "lag",
    "r_real_model": "model", "r_real_aperture": "real apert.", "r_real_width": "width",
    "r_real_protrusion": "protrusion", "late_ms": "late, ms", "sync": "sync",
}  # fmt: skip
"""Of the table: the figure -> its heading."""
MOUTH = (0.36, 0.86, 0.25, 0.75)  # top, bottom, left, right of what a sheet shows


def read_video(path: Path) -> list[Rgb]:
    with av.open(str(path)) as container:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in container.decode(video=0)
        ]


def sheet(frames: list[Rgb], level: NDArray[np.float64]) -> Image.Image:
    """level: for each frame, from 0 to 1."""
    frames = frames[: COLUMNS * ROWS]
    rows = -(-len(frames) // COLUMNS)
    out = Image.new("RGB", (COLUMNS * CELL, rows * (CELL + LEVEL)), "white")
    draw, size = ImageDraw.Draw(out), len(frames[0])
    top, bottom, left, right = (round(edge * size) for edge in MOUTH)
    for i, frame in enumerate(frames):
        x, y = i % COLUMNS * CELL, i // COLUMNS * (CELL + LEVEL)
        part = np.ascontiguousarray(frame[top:bottom, left:right])
        out.paste(Image.fromarray(part).resize((CELL, CELL)), (x, y))
        high = round(float(level[i]) * (LEVEL - 2))
        base = y + CELL + LEVEL - 1
        draw.rectangle((x + 1, base - high, x + CELL - 2, base), fill="steelblue")
    return out


def beside_real(
    clip: LipClip, commanded: NDArray[np.float64], tracked: NDArray[np.float64]
) -> dict[str, float]:
    """commanded: float64 [frames], the aperture that is asked for. tracked: float64 [frames, 3],
    aperture, width and protrusion of the video. Both at FPS, as `Pair.mouth`."""
    real = pair_of(clip).mouth
    hops = min(int(len(tracked) / FPS * 100), int(len(real) / clip.fps * 100))
    theirs = at_hops(real, clip.fps, hops).astype(np.float64)
    ours = at_hops(tracked, FPS, hops).astype(np.float64)
    asked = at_hops(commanded[:, None], FPS, hops)[:, 0].astype(np.float64)
    r = {
        f"r_real_{name}": correlation(ours[:, i], theirs[:, i])
        for i, name in enumerate(("aperture", "width", "protrusion"))
    }
    return {
        **r,
        "r_real_model": correlation(asked, theirs[:, 0]),
        "late_ms": 10.0 * best_lag(ours[:, 0], theirs[:, 0]),
    }


def judge(speech: Path, identity: str, avatar: str, tracker: FaceTracker, sheets: Path | None,
          sync: SyncJudge | None) -> dict[str, float]:  # fmt: skip
    """What the module's docstring says, of one file."""
    with tempfile.TemporaryDirectory() as folder:
        video, curves = Path(folder) / "face.mp4", Path(folder) / "curves.json"
        common = [str(speech), "--avatar", avatar, "--fps", str(FPS), "--still"]
        for command in (
            ["render", *common, "--identity", identity, "--out", str(video)],
            ["motion", *common, "--out", str(curves)],
        ):
            if latentcam(command):
                raise SystemExit(1)
        frames = read_video(video)
        axes = json.loads(curves.read_text())["axes"]
    x = np.array(list(axes.values())).T
    tracked = [tracker.track(frame) for frame in frames]
    found = np.array([face is not None for face in tracked])
    if found.sum() < 2:
        raise SystemExit(f"a face is found in {found.sum()} of {len(frames)} frames of {speech}")
    mouth = np.array(
        [(face.aperture, face.width, face.scores["mouthPucker"]) for face in tracked if face]
    )
    aperture = mouth[:, 0]
    commanded = shown_aperture(x, tuple(axes), rendered_lips())
    voice = np.concatenate(list(read_voice(speech, SAMPLE_RATE)))
    if sheets is not None:
        sheets.mkdir(parents=True, exist_ok=True)
        level = np.array([np.sqrt(np.mean(part**2)) for part in np.array_split(voice, len(frames))])
        sheet(frames, level / level.max()).save(sheets / f"{speech.stem}_{identity}.png")
    figures = {
        "frames": len(frames),
        "found": float(found.mean()),
        "r_jaw": correlation(aperture, x[found, list(axes).index("jawOpen")]),
        "r_aperture": correlation(aperture, commanded[found]),
        "lag_frames": float(best_lag(aperture, commanded[found], REACH)),
    }
    at, where = np.arange(len(frames)), np.flatnonzero(found)
    whole = np.column_stack([np.interp(at, where, curve) for curve in mouth.T])
    real = speech.with_suffix(".npz")
    if real.is_file() and (clip := read_clip(real)):
        figures |= beside_real(clip, commanded, whole)
    if sync is not None:
        figures["sync"] = sync.judge(Pair(voice, whole, FPS))["score"]
    return figures


def real_sync(sync: SyncJudge, speech: Sequence[Path]) -> tuple[float, float]:
    """Of the real clips among `speech`: the mean score, and that of exchanged voices. NaN where
    fewer than two are real."""
    real = [path.with_suffix(".npz") for path in speech]
    pairs = [pair_of(clip) for path in real if path.is_file() and (clip := read_clip(path))]
    return ceiling_and_floor(sync, pairs) if len(pairs) > 1 else (float("nan"), float("nan"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[avatar_options()],
    )
    parser.add_argument("speech", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument("--identities", default="Nora,Kofi,Ingrid", help="in turn, with commas")
    parser.add_argument("--sync-from", type=Path, help="tracked clips that a judge learns from")
    parser.add_argument("--sheets", type=Path, help="folder for a picture of each file's mouths")
    args = parser.parse_args()
    try:
        tracker = FaceTracker(args.model)
    except FileNotFoundError as error:
        parser.error(str(error))
    sync = None
    if args.sync_from is not None:
        known = [pair_of(clip) for clip in read_lips(args.sync_from) if in_step(clip)]
        if not known:
            parser.error(f"got --sync-from {args.sync_from}, expected tracked clips in it, .npz")
        sync = SyncJudge(known)
    card, names = machine_card(), args.identities.split(",")
    print_card(card)
    results = {}
    columns = [name for name in COLUMNS_OF if name != "sync" or sync]
    print(f"\n{'':40}" + "".join(f"{COLUMNS_OF[name]:>12}" for name in columns))
    for i, speech in enumerate(args.speech):
        name = names[i % len(names)]
        results[f"{speech.stem} {name}"] = f = judge(
            speech, name, args.avatar, tracker, args.sheets, sync
        )
        print(f"{speech.stem + ' ' + name:40}" + _row(f, columns), flush=True)
    keys = sorted({key for figures in results.values() for key in figures})
    mean = {key: float(np.mean([f[key] for f in results.values() if key in f])) for key in keys}
    print(f"{'mean':40}" + _row(mean, columns))
    out: dict[str, object] = {"benchmark": "rendered_lips"}
    if sync is not None:
        ceiling, floor = real_sync(sync, args.speech)
        print(f"sync of the real videos {ceiling:.3f}, with exchanged voices {floor:.3f}")
        out |= {"sync_real": round(ceiling, 4), "sync_exchanged": round(floor, 4)}
    rounded = {k: {n: round(v, 4) for n, v in f.items()} for k, f in results.items()}
    print_json({**out, "clips": rounded, "card": card})


def _row(figures: Mapping[str, float], columns: Sequence[str]) -> str:
    """A dash where nobody's real lips lie beside a file."""
    return "".join(f"{figures[n]:12.3f}" if n in figures else f"{'-':>12}" for n in columns)


if __name__ == "__main__":
    main()
