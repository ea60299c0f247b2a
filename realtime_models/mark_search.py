"""Finds the mark of `latentcam.realtime_models.mark` in a picture of any size, or cut out of one.

Only the phases of the picture's waves are compared with those of the mark, so that a picture's own
strong waves count no more than weak ones. Without a mark the differences are as good as drawn, one
by one, from all angles, because the mark's phases were: whatever is in the picture. For n of them,
sqrt(2 / n) times the sum of their cosines exceeds z with a probability of at most exp(-z² / 2)
(a cosine of a uniform angle is sub-Gaussian with variance 1/2: its moment generating function is
the Bessel function I0(t) ≤ exp(t² / 4)). Every size and place that is tried counts as a chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.mark import BYTES, HIGHEST, TILES, payload, waves

Layer = NDArray[np.float32]

LEAST_LINES = 32
LINES = 360  # at most, of a picture that is searched
SIDE = 128  # places in a tile's side that are tried
SMALLEST, LARGEST = 0.4, 1.7  # heights of the picture that was marked, in heights of this one
STEP = 0.005  # from one size to the next, by which a picture's edges shift by a quarter of a wave
FINE = np.linspace(-0.004, 0.004, 9)  # around the best of them
AROUND = 16  # a picture's height, over the neighbourhood that detail is measured in
NOISE = 1.0  # levels, of codecs
SIZES = np.exp(np.arange(math.log(SMALLEST), math.log(LARGEST), STEP))
CHANCES = 2 * (len(SIZES) + len(FINE)) * SIDE**2
"""Sizes and places that are tried in a picture, and in its mirror image."""


@dataclass(frozen=True, slots=True)
class Finding:
    """z: how clearly, the best of CHANCES tries. size: height of the marked picture, in heights of
    the one searched. mark: the session's, or None where that cannot be read."""

    z: float
    size: float
    mark: int | None

    def log10_chance(self, pictures: int) -> float:
        """Logarithm of the probability that the best of so many pictures without a mark is as clear
        as this, at most."""
        return min(0.0, math.log10(CHANCES * pictures) - self.z**2 / 2 * math.log10(math.e))


def search(luma: Layer) -> Finding:
    """luma: float32 [H, W], 32 to LINES high, a picture or the mean of several."""
    seen = detail(luma)
    found = []
    for levelled in (seen, np.ascontiguousarray(seen[:, ::-1])):  # people see themselves mirrored
        z, size, place = max(_best(levelled, size) for size in SIZES)
        z, size, place = max((z, size, place), *(_best(levelled, size * (1 + n)) for n in FINE))
        found.append(Finding(z, size, _read(differences(levelled, size), place)))
    return max(found, key=lambda finding: finding.z)


def detail(luma: Layer) -> Layer:
    """What differs from its neighbourhood, weighted by how little that neighbourhood differs: the
    mark is as strong everywhere, and all else is in its way."""
    across = max(5, len(luma) // AROUND) | 1
    off = luma - _around(luma, across)
    off -= _around(off, across)
    return (off / (_around(off * off, across) + NOISE**2)).astype(np.float32)


def _around(layer: Layer, across: int) -> Layer:
    """Means over squares; at edges what is there continues."""
    for axis in (0, 1):
        shape = [(0, 0), (0, 0)]
        shape[axis] = (across // 2 + 1, across // 2)
        sums = np.pad(layer, shape, "edge").cumsum(axis=axis, dtype=np.float64)
        high, low = (np.delete(sums, part, axis) for part in (np.s_[:across], np.s_[-across:]))
        layer = ((high - low) / across).astype(np.float32)
    return layer


def differences(levelled: Layer, size: float) -> NDArray[np.complex64]:
    """For each wave e^(i d), d its phase in a picture of which the marked one has so many heights,
    less its phase in the mark."""
    height, width = levelled.shape
    side = size * height / TILES
    along = 2 * np.pi / side * np.outer(np.arange(width) + 0.5, np.arange(HIGHEST + 1))
    up = 2 * np.pi / side * np.outer(np.arange(-HIGHEST, HIGHEST + 1), np.arange(height) + 0.5)
    # Real products: a complex one of a real matrix takes twice as long.
    across = levelled @ np.hstack([np.cos(along), -np.sin(along)]).astype(np.float32)
    turns = np.exp(-1j * up).astype(np.complex64)
    found = turns @ (across[:, : HIGHEST + 1] + 1j * across[:, HIGHEST + 1 :])
    made = waves()
    mine = found[made.k[:, 0] + HIGHEST, made.k[:, 1]]
    unit = mine / np.maximum(np.abs(mine), np.finfo(np.float32).tiny)
    return np.asarray(unit * np.exp(-1j * made.phases), np.complex64)


def _best(levelled: Layer, size: float) -> tuple[float, float, int]:
    """z, size, and place of the mark's best place."""
    z = places(differences(levelled, size))
    place = int(z.argmax())
    return float(z.flat[place]), float(size), place


def places(differences: NDArray[np.complex64]) -> NDArray[np.float32]:
    """z for each place of the tile's corner, float32 [SIDE, SIDE]."""
    made = waves()
    k = made.k[: made.sync]
    spectrum = np.zeros((SIDE, SIDE // 2 + 1), np.complex64)
    spectrum[k[:, 0] % SIDE, k[:, 1]] = differences[: made.sync]
    sums = np.fft.irfft2(spectrum, (SIDE, SIDE)) * (SIDE**2 / 2)
    return np.asarray(np.sqrt(2 / made.sync) * sums, np.float32)


def _read(differences: NDArray[np.complex64], place: int) -> int | None:
    """The session's mark, if its check fits."""
    made = waves()
    corner = np.array(divmod(place, SIDE)) / SIDE
    turned = differences * np.exp(2j * np.pi * (made.k @ corner))
    said = turned[made.sync :].real.reshape(BYTES, -1)
    data = bytes(int((made.signs[n] @ said[n]).argmax()) for n in range(BYTES))
    mark = int.from_bytes(data[:-1], "big")
    return mark if payload(mark) == data else None
