"""Give named faces of a pack a new look, without training its generator.

`python -m latentcam.realtime_models.training.generator.anchors --help`

A named face is a latent, its anchor, and its textures. Where only a few faces were changed and
rendered anew, their anchors are looked for again in W+ (Abdal et al. 2019, "Image2StyleGAN"; for
photographs, whose axes are only tracked and which have no texture yet: `enrol.pivot`), with the
generator as it is and the new textures, from pictures in any pose. The last row of an anchor
stays: by it a texture is found. Changes identities.safetensors, textures.safetensors and the card;
`seal` comes after it. The next training of the generator learns these faces better.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.pack_places import find_pack
from latentcam.realtime_models.training.generator import losses, windows
from latentcam.realtime_models.training.generator.data import Heads, load_heads, load_textures
from latentcam.realtime_models.training.generator.train import Trainer, keep_freed_memory
from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.perceptual import Vgg16, perceptual_distance
from latentcam.realtime_models.training.write_pack import (
    write_card,
    write_identities,
    write_textures,
)

BATCH = 4
RATE = 0.02  # of a step, in standard deviations of w
SEEN_WEIGHT = 0.1  # of the perceptual distance
FAR_WEIGHT = 1e-4  # of the squared distance from where the search began
W_SAMPLES = 2000


class Search:
    """Looks for anchors with a pack's generator. textures: uint8, of every named face."""

    def __init__(
        self, pack: AvatarPack, textures: NDArray[np.uint8], eyes: Vgg16 | None = None
    ) -> None:
        self.config, self.eyes = pack.card.generator, eyes
        self._trainer = Trainer(self.config, self.config.num_ws, "cpu")
        self._trainer.begin_from(pack)
        self._trainer.textures = torch.from_numpy(textures).float() / 127.5 - 1
        self._generator = self._trainer.ema
        with torch.no_grad():
            w = self._generator.mapping(torch.randn(W_SAMPLES, self.config.z_dim))
        self._spread = w.std(dim=0) + 1e-3
        self._weight = losses.region_weight(self.config.resolution)

    def fit(
        self, heads: Heads, anchor: NDArray[np.float32], steps: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], float, float]:
        """The anchor [num_ws, w_dim] after so many steps; the loss of the first steps and of the
        last, over whole pictures. heads: of one named face."""
        begun = torch.from_numpy(anchor.astype(np.float32))
        moved = torch.zeros_like(begun).requires_grad_(True)
        free = torch.ones(len(begun), 1)
        free[-1] = 0
        optimiser = torch.optim.Adam([moved], RATE)
        lost: list[float] = []
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = RATE * min(1.0, 2 * (steps - step) / steps)
            index = torch.from_numpy(rng.integers(0, len(heads), BATCH))
            about_mouth = bool(step % 3) and self.config.resolution > windows.BASE
            window = windows.Window.around(losses.MOUTH) if about_mouth else windows.WHOLE
            loss = self._unlike(heads, index, begun + free * self._spread * moved, window)
            if not about_mouth:
                lost.append(float(loss.detach()))
            optimiser.zero_grad()
            (loss + FAR_WEIGHT * moved.square().sum()).backward()
            optimiser.step()
        found = (begun + free * self._spread * moved).detach().numpy()
        few = max(1, len(lost) // 5)
        return found, float(np.mean(lost[:few])), float(np.mean(lost[-few:]))

    def _unlike(
        self, heads: Heads, index: Tensor, anchor: Tensor, window: windows.Window
    ) -> Tensor:
        real, _, x = heads.batch(index)
        latents = anchor + torch.einsum("ldk,nk->nld", self._generator.basis, x)
        size = self.config.resolution
        with torch.autocast("cpu", dtype=torch.bfloat16):
            drawn = windows.draw(self._generator.synthesis, latents, (size,), window)[0]
        fake = self._trainer.shown(drawn, heads.curated[index], window, size).picture
        weight = self._weight
        if window != windows.WHOLE:
            real, weight = window.of(real), windows.weight_of(weight, window)
        loss = losses.reconstruction(fake, real, weight)
        if self.eyes is not None and window != windows.WHOLE:
            seen = (losses.before_grey(fake), losses.before_grey(real))
            loss = loss + SEEN_WEIGHT * perceptual_distance(self.eyes, *seen)
        return loss


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", required=True, help="name or folder of the pack to change")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of shards")
    parser.add_argument(
        "--textures", type=Path, required=True, help="folder of `looks.render --rest`, of everybody"
    )
    parser.add_argument("--only", nargs="+", required=True, choices=list(CAST), metavar="NAME")
    parser.add_argument("--steps", type=int, default=150, help="for each (default: 150)")
    parser.add_argument("--vgg", type=Path, help="ONNX file of VGG16: a perceptual loss, too")
    args = parser.parse_args(argv)
    keep_freed_memory()
    torch.manual_seed(0)
    try:
        pack, folder = load_pack(args.avatar), find_pack(args.avatar)
        if pack.card.identities != tuple(CAST) or not pack.card.generator.flow:
            raise AvatarPackError(f"{folder} holds other faces, expected the cast with textures")
        pictures = _joined([part for data in args.data for part in load_heads(data)])
        textures = load_textures(args.textures, list(CAST), pack.card.generator)
        search = Search(pack, textures, Vgg16(args.vgg) if args.vgg else None)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    numbers = {name: list(CAST).index(name) for name in args.only}
    for name, number in numbers.items():
        if not (pictures.curated == number).any():
            parser.error(f"--data holds no picture of {name}, expected some")
    anchors = pack.identities.copy()
    for name, number in numbers.items():
        own = pictures.select((pictures.curated == number).nonzero()[:, 0])
        rng = np.random.default_rng(number)
        anchors[number], before, after = search.fit(own, anchors[number], args.steps, rng)
        print(f"{name:10} {len(own)} pictures: loss {before:.4f}, then {after:.4f}", flush=True)
    files = msgspec.structs.replace(
        pack.card.files,
        identities=write_identities(folder, anchors),
        textures=write_textures(folder, textures),
    )
    write_card(folder, msgspec.structs.replace(pack.card, files=files))


def _joined(parts: list[Heads]) -> Heads:
    return Heads(
        *(
            torch.cat([getattr(part, name) for part in parts])
            for name in ("images", "z", "x", "curated")
        )
    )


if __name__ == "__main__":
    main()
