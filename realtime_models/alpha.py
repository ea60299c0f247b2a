"""Pictures with alpha, their colours multiplied by it, before a background."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latentcam.realtime_models.arrays import Picture, Rgb

GREY = (128, 128, 128)
ALMOST_NOTHING = 32  # levels of alpha below which colours are too coarse to be divided by it


def composite(picture: Picture, background: ArrayLike = GREY) -> Rgb:
    """What is seen of a picture before a background: colour + (1 - alpha) background (Porter and
    Duff 1984, "over"). A picture without alpha hides it.

    picture: uint8 [H, W, 3 or 4]. background: uint8 [H, W, 3], or one colour [3].
    """
    if picture.shape[2] == 3:
        return picture
    share = 255 - picture[:, :, 3:].astype(np.uint16)
    behind = (share * np.asarray(background, np.uint16) + 127) // 255
    return picture[:, :, :3] + behind.astype(np.uint8)


def straight(picture: Picture) -> Picture:
    """The same with straight alpha, as files keep it: colours as they are before alpha multiplies
    them, uint8 [H, W, 4], of one whose sides are powers of two.

    What is hardly there, or not at all, gets the colour of what is near: encoders spread colours
    over several pixels, and black from where nothing is would be a dark fringe.
    """
    levels: list[NDArray[Any]] = [picture.astype(np.float32)]
    while min(levels[-1].shape[:2]) > 1:
        level = levels[-1]
        rows = level[::2] + level[1::2]
        levels.append((rows[:, ::2] + rows[:, 1::2]) / 4)
    colours = np.zeros((*levels[-1].shape[:2], 3), np.float32)
    for level in reversed(levels):
        height, width = level.shape[:2]
        around = colours.repeat(height // len(colours), 0).repeat(width // colours.shape[1], 1)
        alpha = level[..., 3:]
        known = np.minimum(alpha / ALMOST_NOTHING, 1)
        colours = around + known * (255 * level[..., :3] / np.maximum(alpha, 1e-3) - around)
    whole = np.concatenate([colours, levels[0][..., 3:]], axis=2)
    return np.asarray(np.clip(np.round(whole), 0, 255), np.uint8)
