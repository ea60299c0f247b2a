"""Writes the tick into the picture and reads it back, so that a frame says when it was due.

`python -m latentcam.benchmarks.tools.stamp …` is `latentcam serve …` with stamped frames.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
from numpy.typing import NDArray

from latentcam.server.commands import serve
from latentcam.stream.messages import Frame

BITS = 16


def stamp(frame: Frame) -> Frame:
    """The face with its tick in the top row, a square for each bit."""
    return dataclasses.replace(frame, picture=stamped(frame.picture, frame.tick))


def stamped(rgb: NDArray[np.uint8], tick: int) -> NDArray[np.uint8]:
    """uint8 [H, W, 3 or 4], W at least 16: a copy with `tick` modulo 2**16 in it."""
    copy, side = rgb.copy(), rgb.shape[1] // BITS
    for bit in range(BITS):
        copy[:side, bit * side : (bit + 1) * side, :3] = 255 if tick >> bit & 1 else 0
    copy[:side, : BITS * side, 3:] = 255
    return copy


def read_stamp(grey: NDArray[np.uint8]) -> int | None:
    """From uint8 [H, W], the tick modulo 2**16; None where the picture is too broken to tell."""
    side = grey.shape[1] // BITS
    edge = side // 4
    squares = grey[edge : side - edge, : side * BITS].mean(axis=0).reshape(BITS, side)
    levels = squares[:, edge : side - edge].mean(axis=1)
    if np.any((levels > 80) & (levels < 175)):
        return None
    return int(sum(1 << bit for bit in range(BITS) if levels[bit] > 127))


def whole_tick(stamp: int, about: float) -> int:
    """The tick nearest to `about` that has this stamp: stamps begin anew after 44 minutes."""
    return stamp + (1 << BITS) * round((about - stamp) / (1 << BITS))


def main() -> None:
    parser = serve.add(argparse.ArgumentParser)
    serve.run(parser.parse_args(), stamp)


if __name__ == "__main__":
    main()
