"""Weights as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file


def save_weights(tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write a safetensors file, whole or not at all, which everybody may read: safetensors leaves
    it to its owner alone."""
    part = path.with_name(f"{path.name}.part")
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, part)
    part.chmod(0o644)
    part.replace(path)
