"""`latentcam avatar distil`: a small generator in a large one's place."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.card import Card
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.pack_places import CARD, find_pack
from latentcam.realtime_models.training.latents.errors import LatentsError


def add(new_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """The action's parser."""
    parser = new_parser(
        description="Trains our small network to draw what the pack's generator draws, and writes "
        "a pack with the same faces and axes. It stops by itself when it gets no better; the same "
        "command goes on from where it was stopped.",
    )
    parser.add_argument("--avatar", required=True, help="name or folder of an avatar pack")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new pack")
    parser.add_argument("--work", type=Path, required=True, help="folder of pictures, checkpoint")
    parser.add_argument("--resolution", type=int, help="of the small one; default: at most 256")
    parser.add_argument("--pictures", type=int, default=6000, help="of the large one to learn from")
    parser.add_argument("--minutes", type=float, default=240.0, help="of training, at most")
    parser.add_argument("--every", type=int, default=500, help="steps between two judgements")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--vgg", type=Path, help="ONNX file of VGG16: a perceptual loss, too")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Distil. Raises what `main` tells the user."""
    import torch

    from latentcam.realtime_models.training.generator.train import keep_freed_memory
    from latentcam.realtime_models.training.latents import distil
    from latentcam.realtime_models.training.latents.faces import Faces
    from latentcam.realtime_models.training.perceptual import Vgg16

    pack = load_pack(args.avatar)
    teacher = pack.card.generator
    if (args.out / CARD).exists():
        raise LatentsError(f"{args.out} is a pack already, expected a new folder")
    if args.pictures < 2 * distil.HELD_OUT or args.batch < 1 or args.every < 1:
        raise LatentsError(
            f"got --pictures {args.pictures}, --batch {args.batch} and --every {args.every}, "
            f"expected at least {2 * distil.HELD_OUT}, 1 and 1"
        )
    resolution = args.resolution or min(teacher.resolution, 256)
    try:
        student = distil.small_config(teacher, resolution)
        eyes = None if args.vgg is None else Vgg16(args.vgg)
    except (ValueError, FileNotFoundError) as error:
        raise LatentsError(str(error)) from None
    keep_freed_memory()
    torch.manual_seed(0)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    rows = distil.row_map(teacher, student)
    args.work.mkdir(parents=True, exist_ok=True)
    folder = args.work / f"pairs{resolution}"
    distil.draw_pairs(pack, Faces(pack).draw, folder, args.pictures, resolution, say)
    ws, images = distil.load_pairs(folder, rows)
    distiller = distil.Distiller(student, args.device, eyes)
    checkpoint = args.work / "checkpoint.pt"
    if checkpoint.exists():
        try:
            distiller.load(torch.load(checkpoint, map_location=args.device, weights_only=True))
        except (RuntimeError, KeyError):
            raise LatentsError(f"{checkpoint} is of another training, expected its own") from None
        say(f"going on at step {distiller.progress.steps}")
    say(f"{len(ws)} pictures; {teacher.macs / 1e9:.2f} GMAC become {student.macs / 1e9:.2f}")
    decibel = distil.distil(
        distiller, ws, images, args.work,
        minutes=args.minutes, every=args.every, batch=args.batch, say=say,
    )  # fmt: skip
    tensors = {
        f"synthesis.{name}": tensor.cpu().numpy()
        for name, tensor in distiller.ema.state_dict().items()
    }
    write(pack, find_pack(args.avatar).name, args.out, student, rows, tensors)
    print(f"{args.out}: {decibel:.1f} dB on held-out latents")


def write(
    pack: AvatarPack,
    name: str,
    out: Path,
    student: GeneratorConfig,
    rows: list[int],
    synthesis: dict[str, NDArray[np.float32]],
) -> Card:
    """The same pack with another synthesis network. rows: see `distil.row_map`."""
    from latentcam.realtime_models.training.int8 import int8_layers, ready_for_int8
    from latentcam.realtime_models.training.write_pack import unwritten, write_with_motion_of

    kept = {n: tensor for n, tensor in pack.generator.items() if n.startswith("mapping.")}
    tensors = {**kept, **synthesis, "basis": pack.generator["basis"][rows]}
    identities = pack.identities[:, rows]
    int8, crowded = int8_layers(student)
    tensors = ready_for_int8(student, tensors, identities, pack.card.axes, (*int8, *crowded))
    cutoff = pack.card.truncation_cutoff
    card = msgspec.structs.replace(
        pack.card,
        name=out.name,
        provenance=f"{pack.card.provenance} Distilled into a smaller network.",
        files=unwritten(),
        light=None,  # it learned other pictures
        generator=student,
        int8=int8,
        int8_crowded=crowded,
        truncation_cutoff=None if cutoff is None else sum(row < cutoff for row in rows),
        retrain=(*pack.card.retrain, f"latentcam avatar distil --avatar {name} --out {out.name}"),
    )
    return write_with_motion_of(pack, name, out, card, tensors, identities)
