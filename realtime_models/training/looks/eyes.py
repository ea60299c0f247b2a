"""Eyes: a ball with a cornea, and a painted iris with fibres, limbal ring and soft veins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

IRIS = 0.0060  # radius in metres, much the same in all people
CORNEA_BULGE = 0.00105

IRISES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "black": ((0.085, 0.042, 0.024), (0.032, 0.017, 0.012)),
    "brown": ((0.200, 0.100, 0.045), (0.075, 0.036, 0.018)),
    "amber": ((0.330, 0.180, 0.070), (0.150, 0.075, 0.030)),
    "hazel": ((0.290, 0.200, 0.090), (0.120, 0.130, 0.070)),
    "green": ((0.270, 0.270, 0.130), (0.130, 0.190, 0.120)),
    "blue": ((0.330, 0.420, 0.480), (0.130, 0.235, 0.350)),
    "grey": ((0.360, 0.390, 0.400), (0.190, 0.230, 0.260)),
}
"""Linear RGB near the pupil and at the rim."""


@dataclass(frozen=True, slots=True, eq=False)
class Ball:
    """An eye that looks along -y, its centre at the origin; uv: the picture of `paint`."""

    points: F64
    faces: npt.NDArray[np.int32]
    uv: F64


def ball(radius: float, iris: float = IRIS, rings: int = 40, spokes: int = 48) -> Ball:
    """The front of an eyeball with its cornea; uv is polar, 0.5 from the middle is 90 degrees."""
    angle = np.concatenate([np.linspace(0, 0.62, rings // 2), np.linspace(0.66, 1.9, rings // 2)])
    turn = np.linspace(0, 2 * np.pi, spokes, endpoint=False)
    a, t = np.meshgrid(angle, turn, indexing="ij")
    reach = radius * np.sin(np.minimum(a, np.pi / 2))
    bulge = CORNEA_BULGE * np.clip(1 - (reach / (iris * 1.12)) ** 2, 0, 1) ** 1.4
    bulge = np.where(a < 1.2, bulge, 0)
    far = radius + bulge
    points = np.stack(
        [far * np.sin(a) * np.cos(t), -far * np.cos(a), far * np.sin(a) * np.sin(t)], -1
    ).reshape(-1, 3)
    # In the picture the distance from the middle is the arc, so that the iris is drawn to scale.
    reach_uv = a / np.pi
    uv = np.stack([0.5 + reach_uv * np.cos(t), 0.5 + reach_uv * np.sin(t)], -1).reshape(-1, 2)
    faces = []
    for i in range(len(angle) - 1):
        for k in range(spokes):
            p, q = i * spokes + k, i * spokes + (k + 1) % spokes
            r, s = p + spokes, q + spokes
            faces += [(p, q, s), (p, s, r)]
    return Ball(points, np.array(faces, np.int32), uv)


def paint(
    name: str,
    radius: float,
    iris: float = IRIS,
    size: int = 768,
    seed: int = 1,
    pupil: float = 0.36,
) -> F32:
    """The eye's colour, linear RGB float32 [size, size, 3], for the uv of `ball`."""
    rng = np.random.default_rng(seed)
    v, u = (np.mgrid[0:size, 0:size] + 0.5) / size
    arc = np.hypot(u - 0.5, v - 0.5) * np.pi
    turn = np.arctan2(v - 0.5, u - 0.5)
    edge = np.arcsin(iris / radius)
    share = arc / edge  # 1 at the rim of the iris
    inner, outer = (np.array(c) for c in IRISES[name])

    def fibres(count: int) -> F64:
        wave = sum(
            rng.standard_normal() / (1 + k / 60) * np.cos(k * turn + rng.uniform(0, 7))
            for k in range(8, count, 5)
        )
        return np.asarray(wave / np.abs(wave).max())

    fine, coarse = fibres(170), fibres(60)
    ruff = 0.50 + 0.05 * coarse  # the collarette
    mix = 1 / (1 + np.exp(-(share - ruff) * 14))
    colour = inner * (1 - mix[..., None]) + outer * mix[..., None]
    light = 1 + 0.42 * fine * np.clip(share * 1.5 - 0.3, 0, 1) + 0.2 * coarse
    light *= 1 - 0.20 * np.exp(-(((share - ruff) / 0.07) ** 2))
    light *= 1 - 0.80 * np.exp(-(((share - 1.0) / 0.13) ** 2))  # limbal ring
    light *= 0.80 + 0.40 * np.clip((v - 0.5) / edge * np.pi * 0.5 + 0.5, 0, 1)
    colour = colour * np.clip(light, 0.05, 2)[..., None]
    open_at = 1 / (1 + np.exp(-(share - pupil) * 60))
    colour = colour * open_at[..., None] + 0.002
    white = np.array([0.50, 0.455, 0.43]) * np.ones((size, size, 1))
    red = np.clip((arc - 0.62) / 0.75, 0, 1)[..., None]
    white = white * (1 - red * np.array([0.10, 0.30, 0.30]))
    veins = np.clip(fibres(44) + 0.55 * np.sin(9 * arc + 3 * coarse) - 0.72, 0, 1)[..., None]
    white = white * (1 - 0.5 * red * veins * np.array([0.1, 0.8, 0.8]))
    shade = 1 - 0.45 * np.clip((v - 0.5) * np.pi / 0.55, 0, 1)[..., None] ** 1.5
    white = white * shade
    at_rim = (1 / (1 + np.exp(-(share - 1.03) * 34)))[..., None]
    return np.asarray(colour * (1 - at_rim) + white * at_rim, np.float32)
