"""The basis V of the latent space and how a control vector moves a latent: w_t = w + V x_t."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Control, Latent
from latentcam.realtime_models.axes import Axis

MOVED = 0.4  # of the axes, in a random expression


@dataclass(frozen=True, slots=True)
class Basis:
    """V with the names and ranges of its columns.

    matrix: float32 [num_ws, w_dim, k]. Rows of W+ that an axis does not need are zero in it.
    """

    axes: tuple[Axis, ...]
    matrix: NDArray[np.float32]

    def control(self, values: Mapping[str, float]) -> Control:
        """A control vector from values by axis name; the others rest at 0.

        Raises KeyError for a name that is not an axis.
        """
        x = np.zeros(len(self.axes), np.float32)
        index = {axis.name: i for i, axis in enumerate(self.axes)}
        for name, value in values.items():
            x[index[name]] = value
        return x

    def random_control(self, rng: np.random.Generator) -> Control:
        """A random expression: some of the axes anywhere in their ranges, the others at rest."""
        return self.control(
            {a.name: rng.uniform(a.low, a.high) for a in self.axes if rng.random() < MOVED}
        )

    def clamp(self, x: Control) -> Control:
        """x within the ranges that the generator was trained on."""
        low = np.array([axis.low for axis in self.axes], np.float32)
        high = np.array([axis.high for axis in self.axes], np.float32)
        return np.clip(x, low, high)

    def move(self, anchor: Latent, x: Control) -> Latent:
        """w_t = anchor + V clamp(x)."""
        return anchor + self.matrix @ self.clamp(x)


def global_pca(w: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Principal directions of W (GANSpace, Härkönen et al. 2020, https://arxiv.org/abs/2004.02546).

    w: float32 [n, w_dim] samples. Returns float32 [w_dim, count], each column as long as the
    standard deviation of the samples along it, so that 1 is one standard deviation.
    """
    if len(w) <= count:
        raise ValueError(f"{len(w)} samples of w, expected more than {count} components")
    centred = w - w.mean(axis=0)
    _, scale, rows = np.linalg.svd(centred, full_matrices=False)
    std = scale[:count] / np.sqrt(len(w) - 1)
    return np.ascontiguousarray((rows[:count] * std[:, None]).T, dtype=np.float32)
