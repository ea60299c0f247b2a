"""Textures: what faces look like in full detail, for a generator to move into its picture.

A network as small as ours draws soft hair and cloth, but it knows where everything goes. So it also
draws a flow, by which a still picture of the face at rest is moved, and how far that is visible,
pixel by pixel; and the same again about the mouth for a still picture of the open mouth, as teeth
are never seen at rest. Elsewhere (eyelids, what comes into sight) its own picture stays. Flow and
occlusion as in Siarohin et al. 2019, "First Order Motion Model for Image Animation"
(https://arxiv.org/abs/2003.00196); here they come from the latent, as the picture does.

Which texture belongs to a latent is told by its last row, which no axis of the face moves: that of
the nearest face, fading as the latent goes away from it, to nothing halfway to the next. So a
picture is a function of its latent alone, as ever, and between two faces there is no seam.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.generator.layers import MouthBox

FLOW_UNIT = 0.125  # of a flow of 1, in widths of the picture

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Textures:
    """One texture for each face of a pack.

    pictures: uint8 [n, *GeneratorConfig.texture_shape], as a generator draws them: with alpha,
        colours are multiplied by it.
    keys: float32 [n, w_dim], the last rows of the faces' latents.
    reach: float32 [n], the distance from its key at which a texture has faded.
    """

    pictures: NDArray[np.uint8]
    keys: Array
    reach: Array

    def nearest(self, w: Array) -> tuple[int, float]:
        """w: float32 [w_dim], the last row of a latent. Returns (index, share from 0 to 1)."""
        distances = np.linalg.norm(self.keys - w, axis=1)
        index = int(np.argmin(distances))
        return index, float(np.clip(1 - distances[index] / self.reach[index], 0.0, 1.0))

    def averaged(self, size: int) -> NDArray[np.uint8]:
        """The pictures at a smaller width, of which their own is a multiple."""
        count, channels, rows, width = self.pictures.shape
        times = width // size
        if times == 1:
            return self.pictures
        high = rows // times
        total = np.zeros((count, channels, high, size), np.uint32)
        for row, column in np.ndindex(times, times):  # ten times as fast as numpy's mean
            total += self.pictures[:, :, row : high * times : times, column::times]
        return np.rint(total / np.float32(times**2)).astype(np.uint8)


def textures_of(
    pictures: NDArray[np.uint8], identities: Array, w_avg: Array, size: int
) -> Textures:
    """Textures for a generator that draws pictures of this size.

    identities: float32 [n, num_ws, w_dim], with the rows that this generator reads.
    """
    keys = np.ascontiguousarray(identities[:, -1])
    others = np.concatenate([keys, w_avg[None]])
    distances = np.linalg.norm(keys[:, None] - others[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    reach = np.maximum(distances.min(axis=1) / 2, 1e-6).astype(np.float32)
    whole = Textures(pictures, keys, reach)
    return Textures(whole.averaged(size), keys, reach)


def with_mouths(
    resting: NDArray[np.uint8], opened: NDArray[np.uint8] | None, mouth: MouthBox | None
) -> NDArray[np.uint8]:
    """Textures, uint8 [n, *GeneratorConfig.texture_shape], of pictures at rest and with an open
    mouth, uint8 [n, channels, H, H] both."""
    if mouth is None or opened is None:
        return resting
    top, bottom, left, right = mouth.edges(resting.shape[-1])
    below = np.zeros_like(opened[:, :, top:bottom])
    below[..., left:right] = opened[:, :, top:bottom, left:right]
    return np.concatenate([resting, below], axis=2)


def packed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture, uint8 [channels, H, W], as bytes, uint8 [n]: every row less the one above, every
    pixel less the one to its left, in a zlib stream (RFC 1950)."""
    less = np.diff(np.diff(picture, axis=1, prepend=np.uint8(0)), axis=2, prepend=np.uint8(0))
    return np.frombuffer(zlib.compress(less.tobytes(), 9), np.uint8)


def unpacked(data: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The opposite of `packed`. Raises ValueError for anything else than a picture of this shape,
    without taking more memory than that."""
    wanted = int(np.prod(shape))
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data.tobytes(), wanted + 1)
    except zlib.error as error:
        raise ValueError(f"a texture is no zlib stream: {error}") from None
    if len(found) != wanted or not stream.eof:
        raise ValueError(f"a texture has not the {wanted} bytes of a picture of {shape}")
    less = np.frombuffer(found, np.uint8).reshape(shape)
    return less.cumsum(axis=2, dtype=np.uint8).cumsum(axis=1, dtype=np.uint8)
