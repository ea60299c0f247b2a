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
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.training.face_tracker import FaceTracker
from latentcam.realtime_models.training.motion.judge.figures import best_lag, correlation
from latentcam.realtime_models.training.motion.targets.retarget import rendered_lips, shown_aperture
from latentcam.server.__main__ import main as latentcam
from latentcam.stream.voice_file import read_voice

FPS = 25
REACH = 4  # frames
COLUMNS, CELL, LEVEL = 20, 96, 24  # of a sheet: frames in a row, pixels of a mouth, of the level
ROWS = 5
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


def judge(speech: Path, identity: str, avatar: str, tracker: FaceTracker, sheets: Path | None
          ) -> dict[str, float]:  # fmt: skip
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
    aperture = np.array([face.aperture for face in tracked if face is not None])
    commanded = shown_aperture(x, tuple(axes), rendered_lips())
    if sheets is not None:
        sheets.mkdir(parents=True, exist_ok=True)
        voice = np.concatenate(list(read_voice(speech, 16000)))
        level = np.array([np.sqrt(np.mean(part**2)) for part in np.array_split(voice, len(frames))])
        sheet(frames, level / level.max()).save(sheets / f"{speech.stem}_{identity}.png")
    return {
        "frames": len(frames),
        "found": float(found.mean()),
        "r_jaw": correlation(aperture, x[found, list(axes).index("jawOpen")]),
        "r_aperture": correlation(aperture, commanded[found]),
        "lag_frames": float(best_lag(aperture, commanded[found], REACH)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[avatar_options()],
    )
    parser.add_argument("speech", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument("--identities", default="Nora,Kofi,Ingrid", help="in turn, with commas")
    parser.add_argument("--sheets", type=Path, help="folder for a picture of each file's mouths")
    args = parser.parse_args()
    try:
        tracker = FaceTracker(args.model)
    except FileNotFoundError as error:
        parser.error(str(error))
    card, names = machine_card(), args.identities.split(",")
    print_card(card)
    results = {}
    print(f"\n{'':40}{'frames':>8}{'r jaw':>8}{'aperture':>10}{'lag':>5}")
    for i, speech in enumerate(args.speech):
        name = names[i % len(names)]
        results[f"{speech.stem} {name}"] = f = judge(
            speech, name, args.avatar, tracker, args.sheets
        )
        print(f"{speech.stem + ' ' + name:40}{f['frames']:8.0f}{f['r_jaw']:8.3f}"
              f"{f['r_aperture']:10.3f}{f['lag_frames']:5.0f}", flush=True)  # fmt: skip
    rounded = {k: {n: round(v, 4) for n, v in f.items()} for k, f in results.items()}
    print_json({"benchmark": "rendered_lips", "clips": rounded, "card": card})


if __name__ == "__main__":
    main()
