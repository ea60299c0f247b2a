"""PyTorch, float32, on the CPU: slow, and the truth that other decoders are compared with."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.base import Decode
from latentcam.realtime_models.decoders.pictures import PictureNetwork


class EagerDecoder:
    """The synthesis network as it was trained."""

    description = "eager (torch float32, CPU)"
    lanes: tuple[Decode, ...] = ()

    def __init__(self, pack: AvatarPack) -> None:
        self.resolution = pack.resolution
        self._network = PictureNetwork(pack)

    @torch.inference_mode()
    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        levels = self._network(torch.from_numpy(np.ascontiguousarray(ws)))
        pictures: NDArray[np.uint8] = levels.to(torch.uint8).contiguous().numpy()
        return pictures
