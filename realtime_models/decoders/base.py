"""What every decoder promises."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Decoder(Protocol):
    """Turns latents into pictures: the synthesis network on one backend.

    It must give the same picture for the same latent, always. `decode` must be called from one
    thread at a time; that thread may change. The array it returns must never be written again.
    """

    @property
    def description(self) -> str:
        """Backend, device and precision, for logs and reports."""
        ...

    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        """ws: float32 [n, num_ws, w_dim]. Returns sRGB pictures uint8 [n, H, W, 3]."""
        ...
