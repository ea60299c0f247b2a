"""What each axis moves, and who is who.

`python -m latentcam.realtime_models.training.looks.measure --help`

Renders people at rest and with each axis at its end, and prints for every axis the face tracker's
coefficients (MediaPipe's blendshapes, 0 to 1) and angles that change most, and how far the
identity judge (dlib's face embedding) says that the face has become another. Then the distances
between all people, smallest first. Pictures stay in --out and are not rendered twice.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.face_tracker import FaceTracker
from latentcam.realtime_models.training.identity_judge import IdentityJudge, distance
from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.looks.expression import control


def cases() -> dict[str, npt.NDArray[np.float32]]:
    """Rest, and every axis at its far end (half way where an identity is asked of it)."""
    found = {"rest": control({})}
    for axis in FACE_AXES:
        far = axis.high if axis.unit == "1" else 0.6 * axis.high
        found[axis.name] = control({axis.name: far})
    return found


def render_all(cache: Path, out: Path, names: list[str], size: int, axes: bool) -> None:
    """Render what is missing."""
    from latentcam.realtime_models.training.looks.people import Figure, light_of
    from latentcam.realtime_models.training.looks.rig import Bank
    from latentcam.realtime_models.training.looks.scene import Stage

    bank = stage = None
    for name in names:
        wanted = cases() if axes else {"rest": control({})}
        missing = {k: x for k, x in wanted.items() if not (out / f"{name}.{k}.png").exists()}
        if not missing:
            continue
        if stage is None or bank is None:
            bank, stage = Bank(cache), Stage(cache, size, 4)
        stage.dress(Figure(bank, CAST[name]))
        stage.light(light_of(CAST[name]))
        for key, x in missing.items():
            stage.pose(x)
            stage.render(out / f"{name}.{key}.png")


def flat(path: Path) -> npt.NDArray[np.uint8]:
    """A picture on grey, uint8 [h, w, 3]."""
    from latentcam.realtime_models.training.looks.backdrop import over

    with Image.open(path) as opened:
        picture = np.asarray(opened.convert("RGBA"))
    return over(picture, np.full((*picture.shape[:2], 3), 150, np.uint8))


def seen(tracker: FaceTracker | None, picture: Rgb) -> dict[str, float]:
    """What the tracker says of a face: scores by ARKit's names, angles over 90 degrees."""
    face = None if tracker is None else tracker.track(picture)
    if face is None:
        return {}
    turn = face.pose[:3, :3]
    angles = {
        "yaw": np.arcsin(np.clip(turn[0, 2], -1, 1)),
        "pitch": np.arctan2(turn[1, 2], turn[2, 2]),
        "roll": -np.arctan2(turn[1, 0], turn[0, 0]),
    }
    return {**face.scores, **{f"{k}/90": float(v / (np.pi / 2)) for k, v in angles.items()}}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tracker", type=Path, help="face_landmarker.task")
    parser.add_argument("--judge", type=Path, required=True, help="folder of dlib's model files")
    parser.add_argument("--people", nargs="+", default=list(CAST), choices=list(CAST))
    parser.add_argument("--axes-of", nargs="*", default=[], help="whose axes; default: nobody's")
    parser.add_argument("--size", type=int, default=320)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    render_all(options.cache, options.out, options.people, options.size, axes=False)
    render_all(options.cache, options.out, options.axes_of, options.size, axes=True)
    judge = IdentityJudge(options.judge)
    for name in options.axes_of:
        tracker = FaceTracker(options.tracker) if options.tracker else None
        rest = flat(options.out / f"{name}.rest.png")
        before, who = seen(tracker, rest), judge.describe(rest)
        for axis in FACE_AXES:
            picture = flat(options.out / f"{name}.{axis.name}.png")
            after, now = seen(tracker, picture), judge.describe(picture)
            change = {k: after[k] - before[k] for k in after if k in before}
            most = sorted(change, key=lambda k: -abs(change[k]))[:4]
            moved = "?" if now is None or who is None else f"{distance(now, who):.2f}"
            print(f"{name} {axis.name:15s} identity {moved}  ",
                  "  ".join(f"{k} {change[k]:+.2f}" for k in most), flush=True)  # fmt: skip
    judged = {
        name: judge.describe(flat(options.out / f"{name}.rest.png")) for name in options.people
    }
    lost = [name for name, face in judged.items() if face is None]
    faces = {name: face for name, face in judged.items() if face is not None}
    distances = sorted(
        (distance(faces[a], faces[b]), a, b) for a, b in itertools.combinations(faces, 2)
    )
    print("not found:", lost or "nobody")
    for apart, a, b in distances[:24]:
        print(f"{apart:.2f} {a} {b}")
    if distances:
        print(f"pairs {len(distances)}, below 0.6: {sum(d[0] < 0.6 for d in distances)}, "
              f"mean {np.mean([d[0] for d in distances]):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
