"""PyTorch, float32, on the CPU: slow, and the truth that other decoders are compared with."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from realtime_models.avatar_pack import AvatarPack
from realtime_models.stylegan2 import SynthesisNetwork


class EagerDecoder:
    """The synthesis network as it was trained."""

    description = "eager (torch float32, CPU)"

    def __init__(self, pack: AvatarPack) -> None:
        self._network = SynthesisNetwork(pack.card.generator).eval().requires_grad_(False)
        prefix = "synthesis."
        self._network.load_state_dict(
            {
                name.removeprefix(prefix): torch.from_numpy(tensor.copy())
                for name, tensor in pack.generator.items()
                if name.startswith(prefix)
            }
        )

    @torch.inference_mode()
    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        pictures = self._network(torch.from_numpy(np.ascontiguousarray(ws)))
        levels = (pictures * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
        rgb: NDArray[np.uint8] = levels.permute(0, 2, 3, 1).contiguous().numpy()
        return rgb
