"""Pictures with alpha, their colours multiplied by it, before a background."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from latentcam.realtime_models.arrays import Picture, Rgb

GREY = (128, 128, 128)


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
