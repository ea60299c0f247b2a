"""A pack's pictures before a plain background, and who is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.auto import open_decoder
from latentcam.realtime_models.generator.latents import w_to_ws
from latentcam.realtime_models.training.identity_judge import IdentityJudge, distance

BATCH = 8


class Faces:
    """decoder: a name of `decoders.auto`."""

    def __init__(self, pack: AvatarPack, decoder: str = "auto") -> None:
        self.pack = pack
        self._decoder = open_decoder(decoder, pack)

    def draw(self, ws: NDArray[np.float32]) -> list[Rgb]:
        """ws: float32 [n, num_ws, w_dim], or [n, w_dim]: the same w for every layer."""
        if ws.ndim == 2:
            ws = np.stack([w_to_ws(self.pack.card.generator, w) for w in ws])
        pictures = []
        for begin in range(0, len(ws), BATCH):
            drawn = self._decoder.decode(np.ascontiguousarray(ws[begin : begin + BATCH]))
            pictures += [composite(picture) for picture in drawn]
        return pictures


class Identities:
    """How far two pictures' people are from each other. folder: of `IdentityJudge`'s model files;
    without one nobody knows."""

    def __init__(self, folder: Path | None) -> None:
        self._judge = None if folder is None else IdentityJudge(folder)

    def __call__(self, a: Rgb, b: Rgb) -> float | None:
        if self._judge is None:
            return None
        found = [self._judge.describe(picture) for picture in (a, b)]
        return None if found[0] is None or found[1] is None else distance(found[0], found[1])
