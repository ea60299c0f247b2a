"""Prepared examples on disk: features and targets of every clip, in one npz."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Example:
    """One clip as the network sees it, one row per hop of 10 ms.

    name: "<corpus>/<speaker>/<clip>". features: [t, mels]. targets: [t, k]: the axes' values at
    the hop's end (no look-ahead yet). phones: [t]: what is said then, an index into PHONES.
    """

    name: str
    features: NDArray[np.float32]
    targets: NDArray[np.float32]
    phones: NDArray[np.uint8]


@dataclass(frozen=True)
class Prepared:
    """All examples, concatenated: example i lies in rows starts[i] to starts[i + 1]."""

    axes: tuple[str, ...]
    names: tuple[str, ...]
    starts: NDArray[np.int64]
    features: NDArray[np.float16]
    targets: NDArray[np.float16]
    phones: NDArray[np.uint8]


def write_prepared(path: Path, axes: tuple[str, ...], examples: Iterable[Example]) -> int:
    """Write all examples; returns how many hops they have."""
    kept = list(examples)
    lengths = [len(example.features) for example in kept]
    np.savez(
        path,
        axes=np.array(axes),
        names=np.array([example.name for example in kept]),
        starts=np.cumsum([0, *lengths]),
        features=np.concatenate([e.features for e in kept]).astype(np.float16),
        targets=np.concatenate([e.targets for e in kept]).astype(np.float16),
        phones=np.concatenate([e.phones for e in kept]).astype(np.uint8),
    )
    return sum(lengths)


def read_prepared(path: Path) -> Prepared:
    with np.load(path) as stored:
        return Prepared(
            axes=tuple(str(axis) for axis in stored["axes"]),
            names=tuple(str(name) for name in stored["names"]),
            starts=stored["starts"],
            features=stored["features"],
            targets=stored["targets"],
            phones=stored["phones"],
        )
