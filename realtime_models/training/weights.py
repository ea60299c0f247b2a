"""Weights as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from latentcam.realtime_models.training.whole import whole


def save_weights(
    tensors: Mapping[str, NDArray[Any]], path: Path, metadata: dict[str, str] | None = None
) -> None:
    """Write a safetensors file, whole or not at all, which everybody may read: safetensors leaves
    it to its owner alone."""
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    with whole(path) as part:
        save_file(contiguous, part, metadata)
        part.chmod(0o644)
