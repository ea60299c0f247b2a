"""Measure how our rendered lips respond to the axes, so that actors' lips can be mapped to them.

Renders with known x are tracked as the real lips were (MediaPipe); the result is written as JSON.

python -m latentcam.realtime_models.training.motion.targets.calibrate --data DIR \\
    --renders DIR --out FILE
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.face_tracker import FaceTracker
from latentcam.realtime_models.training.generator.data import premultiplied

MOUTH = tuple(axis.name for axis in FACE_AXES[:12])
AT = {axis.name: i for i, axis in enumerate(FACE_AXES)}
JAW_TABLE = (0.0, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0)  # the seal of the lips ends at 0.2

log = logging.getLogger(__name__)


def track_renders(
    folder: Path, tracker: FaceTracker, most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x [n, 24], and aperture and width [n, 2], over face height, of renders that look at us."""
    xs, measured = [], []
    for path in sorted(folder.glob("shard_*.npz")):
        with np.load(path) as shard:
            x, images = shard["x"].astype(np.float64), shard["images"]
        frontal = np.abs(x[:, AT["headYaw"]]) + np.abs(x[:, AT["headPitch"]]) < 12
        for i in np.flatnonzero(frontal):
            picture = images[i]
            if picture.shape[2] == 4:
                picture = composite(premultiplied(picture[None])[0])
            if face := tracker.track(picture):
                xs.append(x[i])
                measured.append((face.aperture, face.width))
        if len(xs) >= most:
            break
    return np.array(xs), np.array(measured)


def fit(x: NDArray[np.float64], geometry: NDArray[np.float64]) -> dict[str, Any]:
    """What `RenderedLips` wants, and how well it explains the renders."""
    aperture, width = geometry[:, 0], geometry[:, 1]
    parting = [n for n in MOUTH if n not in ("jawOpen", "mouthSmile", "tongueUp")]
    others = x[:, [AT[name] for name in parting]].sum(1)
    alone = others < 0.05
    jaw = x[alone, AT["jawOpen"]]
    table = _median_table(jaw, aperture[alone])
    names = [*MOUTH]
    design = np.column_stack([x[:, [AT[n] for n in names]], np.ones(len(x))])
    widths = np.linalg.lstsq(design, width, rcond=None)[0]
    expected = np.interp(x[:, AT["jawOpen"]], JAW_TABLE, table)
    apertures = np.linalg.lstsq(design, aperture - expected, rcond=None)[0]
    residual = aperture[alone] - np.interp(jaw, JAW_TABLE, table)
    return {
        "jaw_open": list(JAW_TABLE),
        "aperture": [round(float(v), 5) for v in table],
        "pucker_width": round(float(widths[names.index("mouthPucker")]), 5),
        "stretch_width": round(float(widths[names.index("mouthStretch")]), 5),
        "measured": {
            "renders": len(x),
            "of_jaw_alone": int(alone.sum()),
            "jaw_alone_residual": round(float(np.std(residual)), 5),
            "width": {n: round(float(v), 4) for n, v in zip([*names, "rest"], widths, strict=True)},
            "aperture_beside_jaw": {
                n: round(float(v), 4) for n, v in zip([*names, "rest"], apertures, strict=True)
            },
        },
    }  # fmt: skip


def _median_table(jaw: NDArray[np.float64], aperture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Piecewise linear median of aperture over JAW_TABLE, by reweighted least squares, rising.

    The median, because the tracker sometimes sees teeth where lips touch.
    """
    corners = np.eye(len(JAW_TABLE))
    hats = np.stack([np.interp(jaw, JAW_TABLE, corner) for corner in corners], 1)
    # Most renders have a closed jaw: every bin counts alike.
    bins = np.digitize(jaw, JAW_TABLE)
    evenly = 1.0 / np.bincount(bins)[bins]
    weight = evenly.copy()
    for _ in range(30):
        table = np.linalg.lstsq(hats * weight[:, None], aperture * weight, rcond=None)[0]
        weight = np.sqrt(evenly / np.maximum(np.abs(aperture - hats @ table), 1e-3))
    return np.asarray(np.maximum.accumulate(table))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--renders", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=1500, help="renders to track")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    tracker = FaceTracker(args.data / "models" / "face_landmarker.task")
    x, geometry = track_renders(args.renders, tracker, args.most)
    np.savez(args.out.with_suffix(".npz"), x=x, geometry=geometry)
    args.out.write_text(json.dumps(fit(x, geometry), indent=1) + "\n")
    log.info("%s", args.out.read_text())


if __name__ == "__main__":
    main()
