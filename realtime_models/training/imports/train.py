"""Train a generator of the official architecture on rendered heads, to try imports with.

`python -m latentcam.realtime_models.training.imports.train --data SHARDS --out FOLDER`

All that is known of a picture, who it shows and how, becomes its z: each axis by its rank among the
pictures, as a number from N(0, I), beside the numbers of the identity. So what the voice moves is
mixed into W by the mapping network, as in any StyleGAN, and the generator is trained on known
pairs, which takes a CPU an hour where an adversarial training takes days. Pictures with alpha are
put before grey. The same command goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from latentcam.realtime_models.generator.layers import official
from latentcam.realtime_models.training.generator.data import Heads, load_heads
from latentcam.realtime_models.training.generator.losses import before_grey
from latentcam.realtime_models.training.generator.train import (
    Stage,
    Trainer,
    keep_freed_memory,
    run_stage,
    save,
)


def normal_scores(values: Tensor, rng: np.random.Generator) -> Tensor:
    """float32 [n, k] -> the same order in each column, distributed as N(0, 1); equal values in any
    order, as many faces rest."""
    n = len(values)
    shuffled = rng.permutation(n)
    order = values[shuffled].argsort(dim=0, stable=True)
    ranks = torch.empty_like(order)
    ranks.scatter_(0, order, torch.arange(n)[:, None].expand_as(order).contiguous())
    scores = torch.special.ndtri((ranks.double() + 0.5) / n).float()
    placed = torch.empty_like(scores)
    placed[shuffled] = scores
    return placed


def as_unknown(train: Heads, held_out: Heads) -> tuple[Heads, Heads]:
    """The same pictures, RGB, with all their factors in z. The held out ones are ranked among all,
    so that they have the same distribution."""
    x = normal_scores(torch.cat([train.x, held_out.x]), np.random.default_rng(0))
    whole = []
    for heads, scores in ((train, x[: len(train)]), (held_out, x[len(train) :])):
        pictures = torch.cat(
            [
                ((before_grey(part.float() / 127.5 - 1) + 1) * 127.5).round().clamp(0, 255).byte()
                for part in heads.images.split(64)
            ]
        )
        z = torch.cat([heads.z, scores], dim=1)
        whole.append(Heads(pictures, z, heads.x, heads.curated))
    return whole[0], whole[1]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of rendered shards")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint and sheets")
    parser.add_argument(
        "--stages", default="32:8,64:16,128:36", help="SIZE:MINUTES or SIZE:COUNTsteps each"
    )
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--channel-base", type=int, default=4096)
    parser.add_argument("--channel-max", type=int, default=256)
    parser.add_argument("--w-dim", type=int, default=256)
    parser.add_argument("--mapping-layers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    args = parser.parse_args(argv)
    args.curated_share, args.more_share = None, 0.0
    try:
        stages = [Stage.parse(text) for text in args.stages.split(",")]
    except ValueError as error:
        parser.error(f"--stages {args.stages}: {error}")
    sizes = [4 << i for i in range(args.resolution.bit_length() - 2)]
    if args.resolution not in sizes[1:]:
        parser.error(f"--resolution is {args.resolution}, expected a power of two from 8 up")
    args.out.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    torch.manual_seed(0)
    try:
        train, held_out = as_unknown(*load_heads(args.data))
        config = official(
            z_dim=train.z.shape[1],
            w_dim=args.w_dim,
            mapping_layers=args.mapping_layers,
            widths={size: min(args.channel_base // size, args.channel_max) for size in sizes},
        )
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    trainer = Trainer(config, 0, args.device)  # no row of a latent is moved by a basis
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        trainer.load(torch.load(checkpoint, map_location=args.device, weights_only=True))
        print(f"going on at stage {trainer.stage}, step {trainer.steps}", flush=True)
    print(
        f"{len(train)} pictures, {len(held_out)} held out, {config.macs / 1e9:.2f} GMAC", flush=True
    )
    while trainer.stage < len(stages):
        if trainer.elapsed == 0.0:
            trainer.new_optimisers(1.5e-3 if trainer.stage == 0 else 1e-3, (0.9, 0.99))
        run_stage(trainer, stages[trainer.stage], train, None, held_out, args)
        trainer.stage, trainer.elapsed = trainer.stage + 1, 0.0
        with torch.no_grad():
            mapping = trainer.ema.mapping
            z = torch.randn(10_000, config.z_dim, device=args.device)
            mapping.w_avg.copy_(mapping(z).mean(dim=0))
        save(trainer, args.out)


if __name__ == "__main__":
    main()
