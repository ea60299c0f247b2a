"""Train the light branch of a pack: a small network that draws what its generator draws.

`python -m latentcam.realtime_models.training.generator.light --avatar PACK --out FOLDER`

It learns from the generator's own pictures (a distillation, Hinton et al. 2015), of latents that an
avatar meets: named, sampled and mixed faces, each with random axes moved. It begins as the
generator's own layers, of their channels those that count most (`inherit`). What is drawn in a step
depends on nothing but the step's number, so the same command goes on exactly where it stopped.
`make_pack --light FOLDER/light.pt` puts the result into a pack.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.decoders.auto import DECODERS, open_decoder
from latentcam.realtime_models.decoders.base import Decode
from latentcam.realtime_models.errors import AvatarPackError, BackendUnavailable
from latentcam.realtime_models.generator.basis import Basis
from latentcam.realtime_models.generator.latents import z_to_ws
from latentcam.realtime_models.generator.layers import GeneratorConfig, light_branch
from latentcam.realtime_models.generator.network import (
    Composed,
    Drawn,
    FaceTextures,
    SynthesisNetwork,
    bare,
    composed,
    load_part,
)
from latentcam.realtime_models.generator.textures import Textures
from latentcam.realtime_models.resolutions import textures_for
from latentcam.realtime_models.training.generator import losses
from latentcam.realtime_models.training.generator.inherit import inherit
from latentcam.realtime_models.training.generator.train import (
    channels_last,
    even_visibility,
    keep_freed_memory,
    moved_loss,
    uneven_loss,
)
from latentcam.realtime_models.training.whole import whole

CHECKPOINT = "light.pt"
SAVED_EVERY = 240.0  # seconds
REPORTED_EVERY = 200  # steps
HELD_OUT = 32  # latents that no step draws, for the figures
WEIGHED_WITH = 0xFFFFFFFE  # number of those that tell which channels count
NAMED, MIXED = 0.4, 0.2  # of the faces; the others are sampled
WARM_UP = 100  # steps
EMA_DECAY = 0.998
LAST_RATE = 0.02  # of the learning rate, at the end


class Latents:
    """What an avatar may meet, by number: the same number is the same latents."""

    def __init__(self, pack: AvatarPack) -> None:
        self._pack = pack
        self._basis = Basis(pack.card.axes, pack.generator["basis"])

    def draw(self, number: int, count: int) -> NDArray[np.float32]:
        """float32 [count, num_ws, w_dim]."""
        rng = np.random.default_rng((number, 1))
        drawn = []
        for _ in range(count):
            x = self._basis.random_control(rng)
            drawn.append(self._basis.move(self._face(rng), x))
        return np.stack(drawn).astype(np.float32)

    def _face(self, rng: np.random.Generator) -> Latent:
        kind = rng.random()
        if kind < NAMED:
            faces = self._pack.identities
            face: Latent = faces[rng.integers(len(faces))]
            return face
        if kind < 1 - MIXED:
            return self._sampled(rng)
        share = np.float32(rng.random())
        return share * self._face(rng) + (1 - share) * self._sampled(rng)

    def _sampled(self, rng: np.random.Generator) -> Latent:
        card, config = self._pack.card, self._pack.card.generator
        z = rng.standard_normal(config.z_dim).astype(np.float32)
        psi = rng.uniform(card.truncation_psi, 1)
        return z_to_ws(config, self._pack.generator, z, psi, card.truncation_cutoff)


class Imitation:
    """The light network, its moving average, the optimiser and how far they came."""

    def __init__(
        self,
        config: GeneratorConfig,
        steps: int,
        rate: float,
        device: str,
        textures: Textures | None = None,
    ) -> None:
        """steps: in all, over which the learning rate falls to almost nothing. textures: of the
        faces, in the size that it draws."""
        self.config, self.device, self._steps, self._rate = config, device, steps, rate
        self.network = SynthesisNetwork(config)
        self._textures = None if textures is None else FaceTextures(textures).to(device)
        channels_last(self.network.to(device))
        self.ema = copy.deepcopy(self.network).requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.network.parameters(), rate, (0.9, 0.99), fused=True)
        self._weight = losses.region_weight(config.resolution).to(device)
        self.step = 0

    def state(self, of: str) -> dict[str, Any]:
        """of: the digest of the generator that it learns from."""
        return {
            "of": of,
            "config": msgspec.to_builtins(self.config),
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }

    def load(self, state: dict[str, Any]) -> None:
        for name in ("network", "ema", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]

    def inherit(self, pack: AvatarPack) -> int:
        """Begin as the pack's generator, as far as it goes. Returns how many layers it gave."""
        whole = SynthesisNetwork(pack.card.generator)
        load_part(whole, pack.generator, "synthesis.")
        ws = torch.from_numpy(Latents(pack).draw(WEIGHED_WITH, HELD_OUT))
        got = inherit(self.network, whole, ws)
        self.ema.load_state_dict(self.network.state_dict())
        return len(got)

    def learn(self, ws: NDArray[np.float32], wanted: Tensor) -> float:
        """One step. ws: [N, num_ws, w_dim]; wanted: pictures [N, C, H, W] in [-1, 1]. Returns the
        loss."""
        share = self.step / self._steps
        rate = self._rate * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * share)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP)
        drawn, shown, worn = self._shown(self.network, ws)
        wanted = wanted.to(self.device)
        loss = losses.reconstruction(shown.picture, wanted, self._weight)
        if worn.any():
            loss = (
                loss
                + moved_loss(
                    [
                        losses.reconstruction(moved[worn], wanted[worn], self._weight)
                        for moved in shown.alone()
                    ]
                )
                + uneven_loss(drawn)
            )
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        even_visibility(self.network)
        self.step += 1
        decay = min(EMA_DECAY, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.ema.parameters()), list(self.network.parameters()), 1 - decay
            )
        return float(loss.detach())

    @torch.no_grad()
    def judge(self, ws: NDArray[np.float32], wanted: Tensor) -> dict[str, float]:
        """How near the moving average's pictures come, dB, before grey."""
        drawn = self._shown(self.ema, ws)[1].picture.cpu()
        pair = losses.before_grey(drawn), losses.before_grey(wanted)
        boxes = {"psnr": losses.WHOLE, "psnr_mouth": losses.MOUTH, "psnr_eyes": losses.EYES}
        return {name: round(losses.psnr(*pair, box), 2) for name, box in boxes.items()}

    def _shown(
        self, network: SynthesisNetwork, ws: NDArray[np.float32]
    ) -> tuple[Drawn, Composed, Tensor]:
        """What the network draws, what is seen of it, and where that has textures, bool [N]."""
        latents = torch.from_numpy(ws).to(self.device)
        with torch.autocast(self.device, dtype=torch.bfloat16):
            drawn = network.draw(latents)
        if self._textures is None:
            return drawn, bare(drawn), torch.zeros(len(ws), dtype=torch.bool)
        textures, share = self._textures(latents[:, self.config.num_ws - 1])
        return drawn, composed(self.config, drawn, textures, share), share[:, 0, 0, 0] > 0


def shown(decode: Decode, ws: NDArray[np.float32], size: int) -> Tensor:
    """The generator's own pictures, averaged down to a size: [N, C, size, size] in [-1, 1]."""
    levels = torch.from_numpy(decode(ws)).permute(0, 3, 1, 2).float()
    return F.interpolate(levels, size=(size, size), mode="area") / 127.5 - 1.0


def train(
    imitation: Imitation, pack: AvatarPack, decode: Decode, batch: int, until: int, out: Path
) -> None:
    """Learn until that step, with a checkpoint in `out` now and at the end."""
    latents, size = Latents(pack), imitation.config.resolution
    digest = pack.card.files.generator.digest
    held = latents.draw(-1 & 0xFFFFFFFF, HELD_OUT)
    wanted = shown(decode, held, size)
    total, saved = 0.0, time.monotonic()
    while imitation.step < until:
        ws = latents.draw(imitation.step, batch)
        total += imitation.learn(ws, shown(decode, ws, size))
        if imitation.step % REPORTED_EVERY == 0:
            figures = imitation.judge(held, wanted)
            loss = round(total / REPORTED_EVERY, 5)
            print(json.dumps({"step": imitation.step, "loss": loss, **figures}), flush=True)
            total = 0.0
        if time.monotonic() - saved >= SAVED_EVERY:
            save(imitation, digest, out)
            saved = time.monotonic()
    save(imitation, digest, out)


def save(imitation: Imitation, digest: str, folder: Path) -> None:
    """Whole or not at all."""
    with whole(folder / CHECKPOINT) as part:
        torch.save(imitation.state(digest), part)


def begun(path: Path, imitation: Imitation, pack: AvatarPack) -> None:
    """Go on from a checkpoint. Raises AvatarPackError if it is of another training."""
    state = torch.load(path, map_location=imitation.device, weights_only=True)
    if state["of"] != pack.card.files.generator.digest:
        raise AvatarPackError(f"{path} learned from another generator, expected {pack.card.name}'s")
    if state["config"] != msgspec.to_builtins(imitation.config):
        raise AvatarPackError(f"{path} holds a network of another size, expected the same options")
    imitation.load(state)
    print(f"going on at step {imitation.step}", flush=True)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", required=True, help="name or folder of the pack to learn from")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--resolution", type=int, default=256, help="pixels a side (default: 256)")
    parser.add_argument("--channel-base", type=int, default=4096, help="(default: 4096)")
    parser.add_argument("--channel-max", type=int, default=256, help="(default: 256)")
    parser.add_argument(
        "--subpixels", type=int, default=1,
        help="blocks that draw 2x2 pixels per position (default: 1)",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=40_000, help="in all (default: 40000)")
    parser.add_argument("--batch", type=int, default=8, help="(default: 8)")
    parser.add_argument("--rate", type=float, default=2e-3, help="of learning (default: 0.002)")
    parser.add_argument(
        "--decoder", default="auto", choices=DECODERS, help="draws what is imitated (default: auto)"
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="(default: cpu)")
    args = parser.parse_args(argv)
    keep_freed_memory()
    torch.manual_seed(0)
    try:
        pack = load_pack(args.avatar)
        config = light_branch(
            pack.card.generator, resolution=args.resolution, channel_base=args.channel_base,
            channel_max=args.channel_max, subpixels=args.subpixels,
        )  # fmt: skip
        textures = textures_for(pack, config)
        imitation = Imitation(config, args.steps, args.rate, args.device, textures)
        args.out.mkdir(parents=True, exist_ok=True)
        if (path := args.out / CHECKPOINT).exists():
            begun(path, imitation, pack)
        else:
            print(f"begins with {imitation.inherit(pack)} of the generator's layers", flush=True)
        decoder = open_decoder(args.decoder, pack)
    except (ValueError, BackendUnavailable) as error:
        parser.error(str(error))
    whole = pack.card.generator.macs / 1e9
    print(f"{config.macs / 1e9:.2f} GMAC, learning from {whole:.2f}", flush=True)
    train(imitation, pack, decoder.decode, args.batch, args.steps, args.out)


if __name__ == "__main__":
    main()
