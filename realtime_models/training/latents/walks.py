"""How good is a walk through W? Two walks are compared where they have changed the picture equally.

Identity: the distance between face descriptors of the first and the last picture. Smoothness: how
unequal the steps between neighbouring pictures are, for equal steps of the walk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.training.latents.bases import Walk

Draw = Callable[[NDArray[np.float32]], list[Rgb]]
"""w float32 [n, w_dim] -> their pictures."""

Apart = Callable[[Rgb, Rgb], float | None]
"""How far two pictures' identities are from each other; None where no face is found."""

CHANGE = 12.0  # levels, root mean square between first and last picture
FARTHEST = 6.0  # standard deviations of w, or the same change of z
TRIED, SHOWN = 24, 9  # points of a walk


@dataclass(frozen=True, slots=True)
class Walked:
    """amount: how far it took to change the picture by CHANGE. roughness: standard deviation of the
    steps between pictures over their mean; 0 is perfectly even. identity: distance of the last
    picture from the first."""

    amount: float
    roughness: float
    identity: float | None
    pictures: list[Rgb]


def change(a: Rgb, b: Rgb) -> float:
    """Root mean square difference in levels."""
    return float(np.sqrt(np.square(a.astype(np.float64) - b).mean()))


def walked(walk: Walk, draw: Draw, apart: Apart) -> Walked | None:
    """Walk until the picture has changed by CHANGE; None if it does not within FARTHEST."""
    amounts = np.linspace(0.0, FARTHEST, TRIED)
    pictures = draw(np.stack([walk(float(amount)) for amount in amounts]))
    changes = np.array([change(pictures[0], picture) for picture in pictures])
    reached = np.flatnonzero(changes >= CHANGE)
    if not len(reached):
        return None
    last = int(reached[0])
    amount = float(np.interp(CHANGE, changes[last - 1 : last + 1], amounts[last - 1 : last + 1]))
    shown = draw(np.stack([walk(float(a)) for a in np.linspace(0.0, amount, SHOWN)]))
    steps = np.array([change(a, b) for a, b in zip(shown, shown[1:], strict=False)])
    return Walked(amount, float(steps.std() / steps.mean()), apart(shown[0], shown[-1]), shown)
