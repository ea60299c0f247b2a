"""Path-traced pictures whose factors are known, as `training.looks.render` writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latentcam.realtime_models.arrays import Control
from latentcam.realtime_models.axes import FACE_AXES


@dataclass(frozen=True, slots=True)
class Render:
    """Who does what on a picture. x: float32 [k] over FACE_AXES."""

    name: str
    x: Control
    path: Path

    def picture(self, size: int) -> NDArray[np.uint8]:
        """uint8 [size, size, 4], the colours multiplied by alpha as a decoder's are."""
        with Image.open(self.path) as opened:
            image = opened.convert("RGBA").convert("RGBa")
            if image.width != size:
                image = image.resize((size, size), Image.Resampling.BOX)
            return np.asarray(image, np.uint8).copy()


def read_renders(folder: Path) -> list[Render]:
    """All pictures of named people in a folder, in order.

    Raises FileNotFoundError if there is none, ValueError if one has other factors than FACE_AXES.
    """
    found = []
    for path in sorted((folder / "factors").glob("[0-9]*.json")):
        group = json.loads(path.read_text())
        for picture, x in zip(group["pictures"], group["xs"], strict=True):
            if len(x) != len(FACE_AXES):
                raise ValueError(f"{path} has {len(x)} factors, expected {len(FACE_AXES)}")
            if group["name"] and (folder / picture).exists():
                found.append(Render(group["name"], np.array(x, np.float32), folder / picture))
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no renders of named people, expected pictures and factors/ as "
            "training.looks.render writes them"
        )
    return found
