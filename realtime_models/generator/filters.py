"""The one filter of StyleGAN2: [1, 3, 3, 1] along both sides (Karras et al. 2020, appendix B)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def upsampling_filter(channels: int) -> NDArray[np.float32]:
    """float32 [channels, 1, 4, 4], the same for every channel, with a sum of 4: between the pixels
    of what it enlarges are zeros."""
    side = np.array([1, 3, 3, 1], np.float32) / 4
    return np.ascontiguousarray(np.broadcast_to(np.outer(side, side), (channels, 1, 4, 4)))
