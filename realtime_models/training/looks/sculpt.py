"""What the modelled shapes lack: age, a smile that lifts the cheeks, the stylised faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from latentcam.realtime_models.training.looks.expression import Expression
    from latentcam.realtime_models.training.looks.rig import Rig

F64 = npt.NDArray[np.float64]


def _spot(points: F64, at: tuple[float, float, float], size: float) -> F64:
    """Weight around a place and its mirror image, [n]."""
    mirrored = np.stack([np.abs(points[:, 0]), points[:, 1], points[:, 2]], 1)
    return np.asarray(np.exp(-(((mirrored - np.array(at)) / size) ** 2).sum(1)))


def ageing(rig: Rig, age: float) -> F64:
    """Offsets [n, 3] of a face that sags: jowls, lids' outer corners, thinner lips and cheeks."""
    points = rig.rest["head"]
    offset = np.zeros_like(points)
    outwards = np.sign(points[:, 0])
    jowl = _spot(points, (0.042, 0.0, -0.088), 0.018)
    offset[:, 2] -= 0.0050 * jowl
    offset[:, 0] += 0.0025 * jowl * outwards
    offset[:, 2] -= 0.0022 * _spot(points, (0.047, 0.0, 0.006), 0.010)
    offset[:, 1] -= 0.0016 * _spot(points, (0.030, -0.02, -0.020), 0.007)  # bags
    hollow = _spot(points, (0.052, 0.0, -0.048), 0.016)
    offset[:, 0] -= 0.0035 * hollow * outwards
    offset[:, 1] += 0.0012 * _spot(points, (0.0, -0.045, -0.066), 0.012)
    offset[:, 2] -= 0.003 * _spot(points, (0.0, -0.055, -0.035), 0.009)  # the nose's tip
    return age * offset


def corrective(rig: Rig, expression: Expression) -> F64 | None:
    """Offsets [n, 3] on top of the shapes: cheeks rise and bulge with a smile."""
    smile = expression.smile
    if smile < 0.01:
        return None
    points = rig.rest["head"]
    offset = np.zeros_like(points)
    apple = _spot(points, (0.037, -0.022, -0.032), 0.017)
    offset[:, 2] += 0.0026 * apple
    offset[:, 1] -= 0.0014 * apple
    offset[:, 0] += 0.0012 * apple * np.sign(points[:, 0])
    return smile * offset


@dataclass(frozen=True, slots=True)
class Features:
    """How a face departs from what its heads make of it. Shares of size unless a unit is named."""

    eyes: float = 0.0  # bigger by this much
    nose: float = 0.0  # smaller
    tip: float = 0.0  # metres up
    chin: float = 0.0  # narrower
    jaw: float = 0.0  # wider
    cheeks: float = 0.0  # metres, fuller
    mouth: float = 0.0  # wider
    neck: float = 0.0  # thinner
    forehead: float = 0.0  # metres, higher


def mould(rig: Rig, features: Features) -> None:
    """Give a head these features, in place."""
    eyes = rig.eyes[:, :3].copy()

    def moved(points: F64) -> F64:
        result = points.copy()
        for eye in eyes:
            away = points - eye
            far = np.linalg.norm(away * np.array([1.0, 0.8, 1.0]), axis=1)
            share = np.exp(-((far / 0.026) ** 4))[:, None]
            result += features.eyes * share * away
        nose = _spot(points, (0.0, -0.05, -0.032), 0.016)[:, None]
        centre = np.array([0.0, -0.022, -0.024])
        result -= features.nose * nose * (points - centre)
        result[:, 2] += features.tip * nose[:, 0]
        outwards = np.sign(points[:, 0])
        jaw = np.clip(_spot(points, (0.048, 0.02, -0.085), 0.030), 0, 1)
        result[:, 0] *= 1 + features.jaw * jaw
        chin = _spot(points, (0.0, -0.02, -0.108), 0.034)
        result[:, 0] *= 1 - features.chin * chin
        result[:, 2] += 0.030 * features.chin * chin
        cheek = _spot(points, (0.045, -0.015, -0.045), 0.022)
        result[:, 0] += features.cheeks * cheek * outwards
        result[:, 1] -= 0.8 * features.cheeks * cheek
        mouth = _spot(points, (0.012, -0.035, -0.068), 0.020)
        result[:, 0] *= 1 + features.mouth * mouth
        brow = _spot(points, (0.030, -0.03, 0.034), 0.020)
        result[:, 2] += 0.010 * features.eyes * brow
        result[:, 2] += features.forehead * np.clip((points[:, 2] - 0.03) / 0.07, 0, 1)
        high, low = (
            np.clip((-0.105 - points[:, 2]) / 0.03, 0, 1),
            np.clip((points[:, 2] + 0.19) / 0.04, 0, 1),
        )
        throat = features.neck * high * low * (np.abs(points[:, 0]) < 0.10)
        result[:, 0] *= 1 - throat
        result[:, 1] = 0.05 + (result[:, 1] - 0.05) * (1 - 0.6 * throat)
        return result

    before = rig.rest["head"]
    for eye in eyes:
        far = np.linalg.norm(before[rig.moved] - eye, axis=1)
        share = np.exp(-((far / 0.026) ** 4))
        rig.shapes *= (1 + features.eyes * share)[None, :, None]
    for key in ("head", "gland_l", "gland_r"):
        rig.rest[key] = moved(rig.rest[key])
    rig.eyes[:, 3] *= 1 + features.eyes
