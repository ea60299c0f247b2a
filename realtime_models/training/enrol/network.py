"""A pack's generator in torch: frozen, as the teacher, or free to learn one person."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.card import Card
from latentcam.realtime_models.generator.network import (
    Drawn,
    FaceTextures,
    SynthesisNetwork,
    composed,
    load_part,
)
from latentcam.realtime_models.training.expressions import EMOTIONS
from latentcam.realtime_models.training.generator.data import reach
from latentcam.realtime_models.training.generator.losses import levels

RANK = 6  # of the change of V
PREFIX = "synthesis."


def moving(card: Card) -> list[int]:
    """Places in x of the axes that move a face and that no other axis is made of."""
    names = {axis.name for axis in FACE_AXES}
    return [i for i, axis in enumerate(card.axes) if axis.name in names]


def synthesis_of(pack: AvatarPack, device: str = "cpu") -> SynthesisNetwork:
    """The pack's network from latents in W+ to pictures, frozen; without textures."""
    network = SynthesisNetwork(pack.card.generator)
    load_part(network, pack.generator, PREFIX)
    return network.requires_grad_(False).to(device)


def autocast(device: str) -> torch.autocast:
    """bfloat16 where it is faster: on a GPU, and on CPUs with units for it."""
    fast = device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if device == "cpu" and fast:
        # oneDNN also computes it without such units, and then it is slower than float32.
        fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast(device, dtype=torch.bfloat16, enabled=fast)


class Teacher:
    """The pack as it is: pictures of its faces, to be learned from and never forgotten.

    anchors: float32 [n, num_ws, w_dim]; basis over the reach of its axes. synthesis draws without
    the faces' textures, which `pictures` have.
    """

    def __init__(self, pack: AvatarPack, device: str = "cpu") -> None:
        self.card, self.device = pack.card, device
        self.synthesis = synthesis_of(pack, device)
        worn = None if pack.textures is None else FaceTextures(pack.textures).to(device)
        self.textures = worn
        self.anchors = torch.from_numpy(pack.identities.copy()).to(device)
        axes, most = pack.card.axes, reach(pack.card.axes).to(device)
        self.basis = torch.tensor(pack.generator["basis"], device=device) * most
        self.low = torch.tensor([axis.low for axis in axes], device=device) / most
        self.high = torch.tensor([axis.high for axis in axes], device=device) / most

    def latents(self, anchors: Tensor, x: Tensor) -> Tensor:
        """anchors [n, num_ws, w_dim], x [n, k] over its reach -> ws."""
        return anchors + torch.einsum("ldk,nk->nld", self.basis, x)

    @torch.no_grad()
    def pictures(self, ws: Tensor, stop: int | None = None, batch: int = 8) -> Tensor:
        """float32 [n, C, size, size] in [-1, 1]."""
        parts = []
        for part in ws.to(self.device).split(batch):
            with autocast(self.device):
                drawn = self.synthesis.draw(part, stop)
            if self.textures is None:
                parts.append(drawn.picture.float())
            else:
                worn = self.textures(part[:, -1])
                parts.append(composed(self.card.generator, drawn, *worn).picture)
        return torch.cat(parts)

    def random_x(self, count: int, rng: np.random.Generator, share: float = 0.3) -> Tensor:
        """float32 [count, k] over its reach: some of the moving axes anywhere in their range, the
        others at rest; the head turned in half of them."""
        axes = self.card.axes
        x = np.zeros((count, len(axes)), np.float32)
        for i in moving(self.card):
            active = rng.random(count) < (0.5 if axes[i].name.startswith("head") else share)
            low, high = float(self.low[i]), float(self.high[i])
            x[:, i] = np.where(active, rng.uniform(low, high, count), 0)
        return torch.from_numpy(x).to(self.device)


class Student(nn.Module):
    """A pack's generator on its way to one person: an anchor of its own, a change of V of low rank
    (the motion of this person), and free convolutions.

    `ws` = anchor + (V + U C) x, with x over its reach. texture: the person's, in [-1, 1],
    [1, *GeneratorConfig.texture_shape], moved into what is drawn; None of a generator without a
    flow.
    """

    def __init__(
        self,
        teacher: Teacher,
        anchor: Tensor,
        texture: Tensor | None = None,
        gain: Tensor | None = None,
    ) -> None:
        """gain: float32 [3], what the colours that are drawn are multiplied by to begin with."""
        super().__init__()
        self.register_buffer("texture", texture, persistent=False)
        self.texture: Tensor | None
        self.config = teacher.card.generator
        self.synthesis = copy.deepcopy(teacher.synthesis).requires_grad_(True)
        if gain is not None:
            tint(self.synthesis, gain)
        self.anchor = nn.Parameter(anchor.detach().clone())
        self.register_buffer("basis", teacher.basis.clone())
        self.basis: Tensor
        rows, width, k = teacher.basis.shape
        self.columns = nn.Parameter(torch.zeros(rows, width, RANK, device=anchor.device))
        mix = torch.randn(RANK, k, generator=torch.Generator().manual_seed(0)) / k**0.5
        free = torch.zeros(k)
        free[moving(teacher.card)] = 1.0
        self.mix = nn.Parameter((mix * free).to(anchor.device))
        self.register_buffer("free", free.to(anchor.device))
        self.free: Tensor

    def change(self) -> Tensor:
        """Of V: [num_ws, w_dim, k]. Where an axis moves nothing in V, it stays so."""
        return torch.einsum("ldr,rk->ldk", self.columns, self.mix * self.free)

    def latents(self, x: Tensor) -> Tensor:
        """x: [n, k] over its reach."""
        return self.anchor + torch.einsum("ldk,nk->nld", self.basis + self.change(), x)

    def shown(self, drawn: Drawn) -> Tensor:
        """What is seen of what was drawn of the person."""
        if self.texture is None:
            return drawn.picture.float()
        textures = self.texture.expand(len(drawn.picture), -1, -1, -1)
        return composed(self.config, drawn, textures, textures.new_ones(1, 1, 1, 1)).picture

    def texture_levels(self) -> NDArray[np.uint8] | None:
        """The texture as a pack holds it: uint8 [1, *GeneratorConfig.texture_shape]."""
        return None if self.texture is None else levels(self.texture).transpose(0, 3, 1, 2)

    def pictures(self, ws: Tensor, stop: int | None = None) -> Tensor:
        """float32 [n, C, size, size] of the person."""
        return self.shown(self.synthesis.draw(ws, stop))

    def forward(self, x: Tensor, stop: int | None = None) -> Tensor:
        return self.pictures(self.latents(x), stop)


@torch.no_grad()
def tint(network: SynthesisNetwork, gain: Tensor) -> None:
    """Multiply the colours that it draws, of pictures of any size, in [-1, 1] with black at -1."""
    drawing = [layer for layer in network.config.layers if layer.draws]
    for layer in drawing:
        conv = network.conv(layer)
        factors = gain.repeat_interleave(layer.pixels**2)  # as pixel_shuffle takes channels
        conv.weight[: len(factors)] *= factors[:, None, None, None]
        conv.bias[: len(factors)] *= factors
    first = gain.repeat_interleave(drawing[0].pixels ** 2)
    network.conv(drawing[0]).bias[: len(first)] += first - 1


@torch.no_grad()
def tensors_of(pack: AvatarPack, student: Student) -> dict[str, NDArray[np.float32]]:
    """generator.safetensors' content: what the student learned, and the pack's for the rest.

    An emotion is made of axes, so V changes for it as it does for them.
    """
    tensors = {name: tensor.copy() for name, tensor in pack.generator.items()}
    for name, value in student.synthesis.state_dict().items():
        tensors[PREFIX + name] = value.float().cpu().numpy()
    axes = pack.card.axes
    change = (student.change().cpu() / reach(axes)).numpy()
    index = {axis.name: i for i, axis in enumerate(axes)}
    tensors["basis"] = tensors["basis"] + change
    for emotion, parts in EMOTIONS.items():
        if emotion in index:
            for name, share in parts.items():
                if name in index:
                    tensors["basis"][:, :, index[emotion]] += share * change[:, :, index[name]]
    return tensors
