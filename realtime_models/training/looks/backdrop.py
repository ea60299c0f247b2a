"""A soft room behind, out of focus: a layer of its own, under pictures with alpha."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

U8 = npt.NDArray[np.uint8]


def room(size: int, seed: int = 0) -> U8:
    """A wall, a window's light, shelves and a plant as a wide lens sees them: uint8 [s, s, 3]."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[0:size, 0:size] / size
    wall = np.array([188, 184, 178]) + rng.uniform(-14, 14) * np.array([1, 0.2, -1])
    side = rng.choice([-1.0, 1.0])
    light = 0.72 + 0.34 * np.exp(-(((u - 0.5 + 0.45 * side) / 0.5) ** 2) - ((v - 0.3) / 0.6) ** 2)
    picture = wall * light[..., None]
    dark = np.array([92, 84, 76]) * rng.uniform(0.9, 1.1)
    left = 0.62 if side < 0 else 0.02
    for k in range(3):  # shelves with books
        top = 0.16 + 0.22 * k
        board = (u > left) & (u < left + 0.36) & (np.abs(v - top) < 0.010)
        picture[board] = dark
        at = left + 0.02
        while at < left + 0.33:
            wide = rng.uniform(0.012, 0.035)
            high = rng.uniform(0.09, 0.15)
            book = (u > at) & (u < at + wide) & (v < top - 0.01) & (v > top - 0.01 - high)
            picture[book] = rng.uniform(0.5, 1.0) * np.array(
                [[150, 96, 78], [88, 112, 122], [196, 184, 160], [110, 116, 92]][rng.integers(4)]
            )
            at += wide + (rng.random() < 0.25) * 0.05
    lamp = np.exp(-(((u - 0.5 - 0.40 * side) / 0.05) ** 2) - ((v - 0.26) / 0.06) ** 2)
    picture = picture + lamp[..., None] * np.array([70, 52, 26])
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(size * 0.022)))


def over(picture: U8, behind: U8) -> U8:
    """A picture with straight alpha, uint8 [h, w, 4], on a background [h, w, 3]."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    mixed = picture[..., :3] * alpha + behind * (1 - alpha)
    return np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)
