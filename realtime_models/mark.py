"""The mark in every picture that leaves: a pattern too faint to be seen, which says that latentcam
made the picture, and in which session.

It is a sum of waves of equal strength, which repeats itself twice over a picture's height: so it
grows and shrinks with the picture, and any part as large as a tile has all of it. Each wave has a
phase drawn from a key that everybody knows. Those of some waves are always the same: by them the
mark is found. The others say the session: each byte chooses, for waves of its own, one of 256 drawn
patterns of signs (M-ary orthogonal signalling, Proakis and Salehi 2008, "Digital Communications",
section 4.4). All waves are among those that codecs keep, and that a picture of half the size has.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

KEY = int.from_bytes(b"latentcam", "big")
TILES = 2  # over a picture's height
LOWEST, HIGHEST = 4, 25  # waves in a tile's side
SYNC_SHARE = 0.4  # of the waves: those by which the mark is found
BYTES = 5  # the session's four, and one to check them by
STRENGTH = 0.7  # levels of luma, root mean square: 51 dB
MOST = 6  # levels, of any pattern

Plane = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Waves:
    """k: int [n, 2], how many waves along a tile's height and width. phases: [n], radians. sync: of
    the first so many. signs: [BYTES, 256, m], of the others, m for each byte in turn."""

    k: NDArray[np.intp]
    phases: NDArray[np.float64]
    sync: int
    signs: NDArray[np.int8]


@cache
def waves() -> Waves:
    """The same everywhere and for ever: numpy promises the raw numbers of this generator."""
    raw = np.random.PCG64(KEY).random_raw
    y, x = np.mgrid[-HIGHEST : HIGHEST + 1, 1 : HIGHEST + 1].reshape(2, -1)
    round_ = y**2 + x**2
    # What is upright or level in pictures falls on the axes.
    chosen = (y != 0) & (round_ >= LOWEST**2) & (round_ <= HIGHEST**2)
    k = np.stack([y, x], axis=1)[chosen]
    k = k[np.argsort(raw(len(k)), kind="stable")]
    sync = round(SYNC_SHARE * len(k))
    each = (len(k) - sync) // BYTES
    count = sync + BYTES * each
    phases = np.asarray(raw(count) * (2 * np.pi / 2.0**64), np.float64)
    bits = (raw(BYTES * 256 * each) >> np.uint64(63)).astype(np.int8)
    return Waves(k[:count], phases, sync, (1 - 2 * bits).reshape(BYTES, 256, each))


def session_mark(session: str) -> int:
    """The 32 bits that stand for a session, by its secret name."""
    return int.from_bytes(hashlib.blake2b(session.encode(), digest_size=4).digest(), "big")


def payload(mark: int) -> bytes:
    """The bytes that the waves say."""
    data = mark.to_bytes(4, "big")
    return data + bytes([zlib.crc32(data) & 255])


def pattern(height: int, width: int, mark: int) -> Plane:
    """What is added to the luma of a picture, int8 [height, width]; height is even."""
    made, side = waves(), height // TILES
    signs = [np.ones(made.sync, np.int8)]
    signs += [made.signs[index, byte] for index, byte in enumerate(payload(mark))]
    strength = np.zeros((2 * HIGHEST + 1, HIGHEST + 1), np.complex64)
    at = made.k[:, 0] + HIGHEST, made.k[:, 1]
    strength[at] = np.concatenate(signs) * np.exp(1j * made.phases)
    middles = (np.arange(side, dtype=np.float64) + 0.5) / side
    up = np.exp(2j * np.pi * np.outer(middles, np.arange(-HIGHEST, HIGHEST + 1)))
    along = np.exp(2j * np.pi * np.outer(np.arange(HIGHEST + 1), middles))
    tile = (up.astype(np.complex64) @ strength @ along.astype(np.complex64)).real
    tile *= STRENGTH * np.sqrt(2 / len(made.phases))
    whole = np.clip(np.rint(tile), -MOST, MOST).astype(np.int8)
    return np.tile(whole, (TILES, -(-width // side)))[:, :width]
