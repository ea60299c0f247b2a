"""From latents to levels in PyTorch: what the decoders that use PyTorch run or compile."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.generator.network import SynthesisNetwork, load_part

PRECISIONS = {"f32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class PictureNetwork(nn.Module):
    """ws float32 [n, num_ws, w_dim] -> levels float32 [n, H, W, 3 or 4], whole numbers from 0 to
    255, of an `arrays.Picture`.

    precision: of the features, a key of PRECISIONS; the weights of the pack are not changed.
    """

    def __init__(self, pack: AvatarPack, precision: str = "f32") -> None:
        super().__init__()
        self.synthesis = SynthesisNetwork(pack.card.generator).eval()
        load_part(self.synthesis, pack.generator, "synthesis.")
        self.synthesis.freeze(PRECISIONS[precision])
        self.synthesis.wear(pack.textures)

    def forward(self, ws: Tensor) -> Tensor:
        pictures = self.synthesis(ws)
        levels: Tensor = (pictures * 127.5 + 127.5).round().clamp(0, 255)
        if levels.shape[1] == 4:  # no colour exceeds its alpha, whatever the network draws
            levels = torch.minimum(levels, levels[:, 3:])
        return levels.permute(0, 2, 3, 1)
