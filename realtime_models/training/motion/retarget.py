"""From a real face to our control vector: the geometry of tracked lips -> values of axes.

The rule: the rendered lips' aperture and width, over face height, are the actor's, times GAIN. A
speaker is known by the medians of a closed and of an open mouth, so that wide and narrow mouths
map alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

LIP_AXES = ("jawOpen", "mouthClose", "mouthPucker", "mouthStretch")
"""What geometry alone decides, in this order; phones decide the rest (`coarticulation.py`)."""

GAIN = 1.2
"""Apertures are shown a little wider than the actor's: small faces in a call read better so."""


@dataclass(frozen=True)
class RenderedLips:
    """How rendered lips answer to the axes; measured by `calibrate.py`.

    jaw_open, aperture: a table, jawOpen -> inner-lip aperture over face height.
    pucker_width, stretch_width: what the axis at 1 adds to the mouth's width over face height.
    """

    jaw_open: tuple[float, ...]
    aperture: tuple[float, ...]
    pucker_width: float
    stretch_width: float


@dataclass(frozen=True)
class Speaker:
    """What is a speaker's and not of the moment, over face height."""

    closed_aperture: float
    closed_outer: float
    closed_width: float
    open_width: float


def speaker_of(geometry: Float64) -> Speaker:
    """geometry: float64 [frames, 4] of many clips, see data/README.md."""
    aperture, width, outer = geometry[:, 0], geometry[:, 1], geometry[:, 2]
    closed = aperture < np.quantile(aperture, 0.35)
    opened = aperture > np.quantile(aperture, 0.6)
    return Speaker(
        closed_aperture=float(np.quantile(aperture[closed], 0.6)),
        closed_outer=float(np.median(outer[closed])),
        closed_width=float(np.median(width[closed])),
        open_width=float(np.median(width[opened])),
    )


def retarget(geometry: Float64, speaker: Speaker, lips: RenderedLips) -> Float64:
    """float64 [frames, 4] geometry -> float64 [frames, len(LIP_AXES)] in [0, 1]."""
    aperture, width, outer = geometry[:, 0], geometry[:, 1], geometry[:, 2]
    shown = GAIN * np.maximum(0.0, aperture - 1.3 * speaker.closed_aperture)
    jaw = np.interp(shown, np.asarray(lips.aperture) - lips.aperture[0], lips.jaw_open)
    # Pressed lips are closed and lower than touching ones.
    shut = np.clip((0.008 - aperture) / 0.005, 0.0, 1.0)
    pressed = np.clip((speaker.closed_outer - 0.002 - outer) / 0.006, 0.0, 1.0) * shut
    # An opening mouth narrows by itself; what is beyond that is rounding or spreading.
    opening = np.clip((aperture - 0.004) / 0.008, 0.0, 1.0)
    neutral = speaker.closed_width + (speaker.open_width - speaker.closed_width) * opening
    narrower = np.where(
        aperture > 0.004, neutral - width, np.minimum(neutral, speaker.open_width) - width
    )
    pucker = np.clip((narrower - 0.006) / -lips.pucker_width, 0.0, 1.0)
    stretch = np.clip((width - neutral - 0.002) / lips.stretch_width, 0.0, 1.0) * opening
    return np.stack([jaw, pressed, pucker, stretch], axis=1)
