"""How long does a picture take, and how near is that to what the machine can do?

    python -m benchmarks.decode
    python -m benchmarks.decode --decoder openvino cuda --network pack 16384@256 --batch 1 2 4

A row per decoder, network and batch. A network is `pack`, the avatar's own, or
CHANNEL_BASE@RESOLUTION with random weights: its speed is that of trained ones. The ceiling is a
tick, 40 ms at 25 fps for everything, of which decoding may take a third; and the arithmetic of
the machine, measured beside the rows as a large matrix product in the precision of each decoder
(before every row: the clock of a busy machine wanders), where PyTorch is installed; int8 is set
against bf16 or float32, whichever it is mixed with, and may exceed it. OpenVINO decodes the
pictures of a batch one by one, which is as fast on a CPU. A decoder that names what
is missing here is skipped with its own sentence.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.machine_card import machine_card, print_card, print_json
from benchmarks.options import avatar_options
from realtime_models.avatar import Avatar
from realtime_models.avatar_pack import AvatarPack, generator_shapes, load_pack
from realtime_models.decoders.auto import DECODERS, TORCH_CPU, open_decoder
from realtime_models.decoders.base import Decoder
from realtime_models.errors import BackendUnavailable
from realtime_models.generator_config import GeneratorConfig
from realtime_models.life import life

NETWORKS = ("pack", "8192@256", "16384@256", "8192@512")
CHANNEL_MAX = 512  # of the random networks, as in StyleGAN2
PRODUCT = {"cpu": 1024, "cuda": 8192}  # rows of the square matrices
TYPES = {"f32": "float32", "bf16": "bfloat16", "fp16": "float16"}  # in PyTorch
WARM_UP = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[avatar_options()],
    )
    parser.add_argument("--decoder", nargs="+", default=["auto"], choices=DECODERS)
    parser.add_argument(
        "--network", nargs="+", default=list(NETWORKS), metavar="pack | BASE@RESOLUTION"
    )
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--frames", type=int, default=100, help="pictures of a row, at least")
    args = parser.parse_args()
    if min(*args.batch, args.frames) < 1:
        parser.error("--batch and --frames must be at least 1")
    try:
        packs = {name: network(name, load_pack(args.avatar)) for name in args.network}
    except ValueError as error:
        parser.error(str(error))
    card = machine_card()
    print_card(card)
    peaks: dict[str, float] = {}
    rows, skipped = [], {}
    for decoder in args.decoder:
        for name, pack in packs.items():
            try:
                rows += measure(decoder, name, pack, args.batch, args.frames, peaks)
            except BackendUnavailable as error:
                skipped[decoder] = str(error)
                break
    show(rows, peaks)
    for decoder, sentence in skipped.items():
        print(f"{decoder}: skipped, {sentence}")
    result = {"benchmark": "decode", "rows": rows, "peak_tflops": rounded(peaks)}
    print_json({**result, "skipped": skipped, "card": card})


def network(name: str, pack: AvatarPack) -> AvatarPack:
    """The pack, or the pack's card with another generator and random weights."""
    if name == "pack":
        return pack
    base, _, resolution = name.partition("@")
    if not (base.isdigit() and resolution.isdigit()):
        raise ValueError(f"--network is {name!r}, expected pack or BASE@RESOLUTION, as 16384@256")
    own = msgspec.structs.asdict(pack.card.generator)
    changes = {"channel_base": int(base), "channel_max": CHANNEL_MAX, "resolution": int(resolution)}
    config = GeneratorConfig(**{**own, **changes})
    card = msgspec.structs.replace(
        pack.card,
        generator=config, int8=(), int8_crowded=(), name=name, digests={"random": name},
    )  # fmt: skip
    rng = np.random.default_rng(0)
    tensors = {}
    for key, shape in generator_shapes(card).items():
        scale = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        tensors[key] = (rng.standard_normal(shape) * scale).astype(np.float32)
        if key.endswith("affine.bias"):
            tensors[key] = np.ones(shape, np.float32)
    return AvatarPack(card, tensors, pack.motion)


def measure(
    name: str,
    network: str,
    pack: AvatarPack,
    sizes: list[int],
    frames: int,
    peaks: dict[str, float],
) -> list[dict[str, Any]]:
    """A row per batch size. peaks: precision and device -> TFLOP/s, raised when better is seen."""
    begun = time.perf_counter()
    decoder = open_decoder(name, pack)
    ws = moving_face(pack, decoder, max(sizes) * WARM_UP)
    decoder.decode(ws[:1])
    open_s = time.perf_counter() - begun
    precision, device = arithmetic(decoder)
    flop = 2 * pack.card.generator.macs
    rows = []
    for size in sizes:
        for kind in {precision, "f32"} if importlib.util.find_spec("torch") else ():
            label = f"{kind} on {device}"
            peaks[label] = max(peaks.get(label, 0.0), product_rate(kind, device))
        batches = np.array_split(ws[: size * WARM_UP], WARM_UP)
        seconds = timed(lambda i: decoder.decode(batches[i % WARM_UP]), -(-frames // size))  # noqa: B023
        p50, p95, p99 = (float(np.percentile(seconds, p)) * 1000 for p in (50, 95, 99))
        times = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "best_ms": min(seconds) * 1000}
        rates = {
            "picture_ms": p50 / size,
            "tflops": flop * size / p50 / 1e9,
        }
        if peak := peaks.get(f"{precision} on {device}"):
            rates |= {"peak_tflops": peak, "share": rates["tflops"] / peak}
        rows.append(
            {
                "decoder": decoder.description,
                "network": network,
                "gmac": round(flop / 2e9, 2),
                "batch": size,
                "open_s": round(open_s, 2),
                **rounded({**times, **rates}),
            }
        )
    return rows


def moving_face(pack: AvatarPack, decoder: Decoder, ticks: int) -> NDArray[np.float32]:
    avatar = Avatar(pack, decoder)
    anchor = avatar.anchor(pack.card.identities[0])
    controls = [avatar.basis.control(life(tick / 25, seed=0)) for tick in range(ticks)]
    return np.stack([avatar.basis.move(anchor, x) for x in controls]).astype(np.float32)


def arithmetic(decoder: Decoder) -> tuple[str, str]:
    """Precision and device, as the decoder's description names them."""
    words = decoder.description.replace("float32", "f32").replace("(", " ").replace(",", " ")
    precision = next(word for word in words.split() if word in TYPES)
    return precision, "cuda" if words.startswith(("cuda", "tensorrt")) else "cpu"


def product_rate(precision: str, device: str) -> float:
    """TFLOP/s of a square matrix product in PyTorch, the best of 15."""
    import torch

    side = PRODUCT[device]
    a = torch.ones(side, side, dtype=getattr(torch, TYPES[precision]), device=device)

    def product(_: int) -> None:
        torch.mm(a, a)
        if device == "cuda":
            torch.cuda.synchronize()

    return 2 * side**3 / min(timed(product, 15)) / 1e12


def timed(run: Callable[[int], object], count: int) -> list[float]:
    """Seconds of each of `count` runs, after a warm-up."""
    seconds = []
    for index in range(-WARM_UP, count):
        begun = time.perf_counter()
        run(index)
        if index >= 0:
            seconds.append(time.perf_counter() - begun)
    return seconds


def rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in figures.items()}


def show(rows: list[dict[str, Any]], peaks: dict[str, float]) -> None:
    table = Table("decoder", "network", "GMAC", "batch", "open s", "p50 ms", "p95 ms", "p99 ms")
    for heading in ("best ms", "ms a picture", "TFLOP/s", "of the peak"):
        table.add_column(heading)
    names = ("decoder", "network", "gmac", "batch", "open_s", "p50_ms", "p95_ms", "p99_ms")
    for row in rows:
        figures = [str(row[name]) for name in (*names, "best_ms", "picture_ms", "tflops")]
        table.add_row(*figures, f"{row['share']:.0%}" if "share" in row else "unknown")
    Console(width=150).print(table)
    for label, rate in sorted(peaks.items()):
        print(f"matrix product, {label}: {rate:.3f} TFLOP/s at best")
    if rows and not peaks:
        print(f"the machine's arithmetic was not measured: that needs PyTorch, {TORCH_CPU}")


if __name__ == "__main__":
    main()
