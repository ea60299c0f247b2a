"""What every decoder promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Decode = Callable[[NDArray[np.float32]], NDArray[np.uint8]]
"""`Decoder.decode`."""


class Decoder(Protocol):
    """Turns latents into pictures: the synthesis network on one backend.

    It must always give the same picture for the same latent. `decode` must be called from one
    thread at a time, not necessarily the same one. The decoder must never write again to an array
    it has returned.
    """

    @property
    def description(self) -> str:
        """Backend, device and precision, for logs and reports."""
        ...

    @property
    def resolution(self) -> str:
        """What it draws, by the names of `resolutions`."""
        ...

    @property
    def lanes(self) -> Sequence[Decode]:
        """Functions that may be called instead of `decode`: each from one thread at a time, but all
        of them and `decode` in parallel. Empty unless that is faster than taking turns. Their
        pictures may be slightly coarser."""
        ...

    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        """ws: float32 [n, num_ws, w_dim], n >= 1; rows beyond num_ws are not read. Returns pictures
        uint8 [n, H, W, 3 or 4], each an `arrays.Picture`.

        Any n is allowed; a decoder that compiles ahead splits n into the sizes it compiled.
        """
        ...


def check_batch_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """The sizes, largest first. Raises ValueError without a size of 1, which any n may end with."""
    if 1 not in sizes or min(sizes) < 1:
        raise ValueError(f"batch sizes are {list(sizes)}, expected whole numbers with 1 among them")
    return tuple(sorted(set(sizes), reverse=True))


def batches(
    ws: NDArray[np.float32], sizes: tuple[int, ...]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Cut latents into batches of compiled sizes, in order, the largest that fits first.

    sizes: as `check_batch_sizes` returns them. Yields the size and the latents of each batch.
    """
    begin = 0
    while begin < len(ws):
        size = next(size for size in sizes if size <= len(ws) - begin)
        yield size, ws[begin : begin + size]
        begin += size


def joined(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The batches' pictures as one array; a single batch is not copied."""
    return pictures[0] if len(pictures) == 1 else np.concatenate(pictures)
