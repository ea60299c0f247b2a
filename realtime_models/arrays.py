"""Names of the arrays that travel through the project.

All are C-contiguous numpy arrays. Never write to an array again after handing it over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
"""Hz, of every voice that a motion model hears."""

Samples = NDArray[np.float32]
"""float32 [n] in [-1, 1]: mono sound at 16 kHz."""

Mel = NDArray[np.float32]
"""float32 [t, mels]: log-mel energies, one row per hop."""

Control = NDArray[np.float32]
"""float32 [k]: the control vector x_t, one component per axis of the pack, in the axis's unit."""

Latent = NDArray[np.float32]
"""float32 [num_ws, w_dim]: the latent w_t in W+, one row per layer of the synthesis network."""

Rgb = NDArray[np.uint8]
"""uint8 [H, W, 3]: an sRGB picture, row 0 on top."""

Picture = NDArray[np.uint8]
"""uint8 [H, W, 3 or 4]: a face, sRGB, row 0 on top. A fourth channel is alpha, by which the colours
are multiplied, so that none exceeds it: `alpha.composite` puts it before a background."""
