"""From a real face to our control vector: the geometry of tracked lips -> values of axes.

The rule: the rendered lips' aperture and width, over face height, are the actor's, times a gain.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.training.motion.targets.coarticulation import FITTED, SHAPED

Float64 = NDArray[np.float64]

AXES = (
    "jawOpen", "mouthClose", "mouthPucker", "mouthStretch", "mouthFunnel", "mouthSmile",
    "mouthUpperUp", "mouthLowerDown", "mouthRollLower", "tongueUp", "tongueOut",
)  # fmt: skip
"""What the motion model says, in this order."""

BESIDE_JAW = ("mouthPucker", "mouthStretch", "mouthFunnel", "mouthUpperUp", "mouthLowerDown")
"""Axes that part the lips without the jaw."""

CLOSED, OPENING = 0.0015, 0.0675
"""`Speaker.closed_aperture` and `opening` of GRID's s1, whose lips the faces were fitted to."""

APERTURE_GAIN = 1.2
WIDTH_GAIN = 1.5
"""Mouths are shown a little livelier than the actor's: a face in a call is small."""


@dataclass(frozen=True)
class RenderedLips:
    """How rendered lips answer to the axes; measured by `calibrate.py`.

    jaw_open, aperture: a table, jawOpen -> inner-lip aperture over face height.
    beside_jaw: axis -> what it adds to the aperture at 1.
    pucker_width, stretch_width: what the axis at 1 adds to the mouth's width; rest_width: at rest.
    """

    jaw_open: Float64
    aperture: Float64
    beside_jaw: dict[str, float]
    pucker_width: float
    stretch_width: float
    rest_width: float


def rendered_lips() -> RenderedLips:
    """The calibration that lies beside this file."""
    stored = json.loads((Path(__file__).parent / "rendered_lips.json").read_text())
    return RenderedLips(
        np.array(stored["jaw_open"]),
        np.array(stored["aperture"]),
        stored["measured"]["aperture_beside_jaw"],
        stored["pucker_width"],
        stored["stretch_width"],
        stored["measured"]["width"]["rest"],
    )


@dataclass(frozen=True)
class Speaker:
    """What is a speaker's and not of the moment, over face height.

    opening: how far beyond `closed_aperture` the lips part when they part much.
    """

    closed_aperture: float
    closed_width: float
    open_width: float
    opening: float


def speaker_of(geometry: Float64) -> Speaker:
    """geometry: float64 [frames, 4] of many clips, columns as in `lips.py`."""
    aperture, width = geometry[:, 0], geometry[:, 1]
    closed = aperture <= np.quantile(aperture, 0.35)
    opened = aperture >= np.quantile(aperture, 0.6)
    closed_aperture = float(np.quantile(aperture, 0.1))
    return Speaker(
        closed_aperture=closed_aperture,
        closed_width=float(np.median(width[closed])),
        open_width=float(np.median(width[opened])),
        opening=float(np.quantile(aperture, 0.95)) - closed_aperture,
    )


def wanted_lips(geometry: Float64, speaker: Speaker, lips: RenderedLips) -> Float64:
    """What the actor's lips ask of ours: float64 [frames, 4] -> [frames, len(FITTED)].

    Every speaker's lips close and open as far as those of s1: a mumbler's ask for as much.
    """
    width = geometry[:, 1]
    wide_open = OPENING / speaker.opening
    aperture = CLOSED + wide_open * (geometry[:, 0] - speaker.closed_aperture)
    shown = APERTURE_GAIN * np.maximum(0.0, aperture - 0.0025)
    # An opening mouth narrows by itself; what is beyond that is rounding or spreading.
    opening = np.clip((aperture - 0.004) / 0.036, 0.0, 1.0)
    neutral = speaker.closed_width + (speaker.open_width - speaker.closed_width) * opening
    wider = (width - neutral) * WIDTH_GAIN * lips.rest_width / speaker.closed_width
    parted = np.clip((aperture - 0.0025) / 0.006, 0.0, 1.0)
    pucker = np.clip((-wider - 0.012) / -lips.pucker_width, 0.0, 1.0)
    stretch = np.clip((wider - 0.002) / lips.stretch_width, 0.0, 1.0) * parted
    return np.stack([shown, pucker, stretch], axis=1)


def compose(wanted: Float64, shaped: Float64, lips: RenderedLips) -> Float64:
    """Wanted lips [hops, len(FITTED)] and phone shapes [hops, len(SHAPED)] -> x [hops, len(AXES)].

    The jaw does what the other axes leave to do for the aperture.
    """
    aperture = wanted[:, FITTED.index("aperture")]
    axis = dict(zip(SHAPED, shaped.T, strict=True))
    axis["mouthPucker"] = wanted[:, FITTED.index("pucker")]
    axis["mouthStretch"] = wanted[:, FITTED.index("stretch")]
    # Pressed lips only where lips are closed, and nothing that parts them there.
    shut = np.clip(1.0 - aperture / 0.012, 0.0, 1.0)
    axis["mouthClose"] = axis["mouthClose"] * shut
    room = 1.0 - axis["mouthClose"]
    for name in ("mouthUpperUp", "mouthLowerDown", "mouthStretch", "mouthFunnel"):
        axis[name] = axis[name] * room
    for name in ("mouthUpperUp", "mouthLowerDown", "tongueUp", "tongueOut"):
        axis[name] = axis[name] * np.clip(aperture / 0.03, 0.0, 1.0)
    beside = sum(lips.beside_jaw[name] * np.clip(axis[name], 0, 1) for name in BESIDE_JAW)
    needed = np.maximum(0.0, aperture - 0.8 * beside)
    axis["jawOpen"] = np.interp(needed, lips.aperture - lips.aperture[0], lips.jaw_open)
    return np.stack([np.clip(axis[name], 0.0, 1.0) for name in AXES], axis=1)


def shown_aperture(x: Float64, axes: tuple[str, ...], lips: RenderedLips) -> Float64:
    """The aperture over face height that a control vector asks of the renderer: the way back."""
    value = {name: x[:, i] for i, name in enumerate(axes)}
    beside = sum(lips.beside_jaw[name] * value[name] for name in BESIDE_JAW)
    jaw = np.interp(value["jawOpen"], lips.jaw_open, lips.aperture - lips.aperture[0])
    # The renderer seals pressed lips against a jaw open by up to 0.35 (heads/expression.py).
    sealed = np.clip(value["mouthClose"], 0, 1) * np.clip((0.7 - value["jawOpen"]) / 0.4, 0, 1)
    return np.asarray((jaw + 0.8 * beside) * (1.0 - sealed))
