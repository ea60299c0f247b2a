"""How long does a picture take, and how near is that to what the machine can do?

    python -m latentcam.benchmarks.decode
    python -m latentcam.benchmarks.decode --decoder openvino cuda --batch 1 2
    python -m latentcam.benchmarks.decode --decoder openvino-int8 openvino-bf16 --lanes 2

A row per decoder, network and batch. A network is `pack`, the avatar's own, or
CHANNEL_BASE@RESOLUTION with random weights, which are as fast as trained ones; --channels,
--subpixels and --channel-max shape these. There are two
ceilings: the tick, 40 ms at 25 fps for everything, of which decoding may take a third; and, if
PyTorch is installed, the arithmetic of the machine, measured as a large matrix product in each
decoder's precision (before every row, because the clock of a busy machine varies). int8 is compared
with bf16 or float32, whichever it is mixed with, and may exceed it. OpenVINO decodes the pictures
of a batch one by one, which is as fast on a CPU. --lanes adds a row for each decoder that has
lanes: so many pictures at once, as when sessions share it. PSNR compares the pack's faces with
random expressions to the same in float32. A decoder that cannot run here is skipped with its own
sentence about what is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.card import Weights, generator_shapes
from latentcam.realtime_models.decoders.auto import DECODERS, open_decoder
from latentcam.realtime_models.decoders.base import Decode, Decoder
from latentcam.realtime_models.decoders.install import TORCH_CPU
from latentcam.realtime_models.errors import BackendUnavailable
from latentcam.realtime_models.generator.basis import Basis
from latentcam.realtime_models.generator.layers import stylegan2
from latentcam.realtime_models.motion.life import life

NETWORKS = ("pack", "8192@256", "16384@256", "8192@512")
PRODUCT = {"cpu": 1024, "cuda": 8192}  # rows of the square matrices
TYPES = {"f32": "float32", "bf16": "bfloat16", "fp16": "float16"}  # in PyTorch
WARM_UP = 5
EXPRESSIONS = 24  # of which PSNR is the mean


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
    parser.add_argument("--channels", type=int, choices=(3, 4), help="of pictures; 4: alpha")
    parser.add_argument("--subpixels", type=int, help="blocks that draw 2x2 pixels per position")
    parser.add_argument("--channel-max", type=int, default=512, help="as in StyleGAN2")
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--frames", type=int, default=100, help="pictures of a row, at least")
    parser.add_argument("--lanes", type=int, default=0, help="pictures at once, 0 for one alone")
    args = parser.parse_args()
    if min(*args.batch, args.frames) < 1:
        parser.error("--batch and --frames must be at least 1")
    if args.lanes < 0 or args.lanes == 1:
        parser.error(f"--lanes is {args.lanes}, expected 0, or 2 and more")
    try:
        pack = load_pack(args.avatar)
        own, fine = pack.card.generator, args.subpixels
        shape = Shape(
            channels=args.channels or own.channels,
            subpixels=sum(a.pixels > 1 for a in own.layers) if fine is None else fine,
            channel_max=args.channel_max,
        )
        packs = {name: network(name, pack, shape) for name in args.network}
    except ValueError as error:
        parser.error(str(error))
    card = machine_card()
    print_card(card)
    peaks: dict[str, float] = {}
    rows, skipped = [], {}
    for decoder in args.decoder:
        for name, pack in packs.items():
            try:
                found = measure(decoder, name, pack, args.batch, args.frames, peaks, args.lanes)
            except BackendUnavailable as error:
                skipped[decoder] = str(error)
                break
            rows += found
    show(rows, peaks)
    for decoder, sentence in skipped.items():
        print(f"{decoder}: skipped, {sentence}")
    result = {"benchmark": "decode", "rows": rows, "peak_tflops": rounded(peaks)}
    print_json({**result, "skipped": skipped, "card": card})


@dataclass(frozen=True, slots=True)
class Shape:
    """Of the random networks: see `stylegan2`."""

    channels: Literal[3, 4]
    subpixels: int
    channel_max: int


def network(name: str, pack: AvatarPack, shape: Shape) -> AvatarPack:
    """The pack, or the pack's card with another generator and random weights."""
    if name == "pack":
        return pack
    base, _, resolution = name.partition("@")
    if not (base.isdigit() and resolution.isdigit()):
        raise ValueError(f"--network is {name!r}, expected pack or BASE@RESOLUTION, as 16384@256")
    own = pack.card.generator
    config = stylegan2(
        z_dim=own.z_dim, w_dim=own.w_dim, mapping_layers=own.mapping.layers,
        resolution=int(resolution), channel_base=int(base), channel_max=shape.channel_max,
        channels=shape.channels, subpixels=shape.subpixels,
    )  # fmt: skip
    files = msgspec.structs.replace(
        pack.card.files, generator=Weights(hashlib.sha256(name.encode()).hexdigest()), light=None
    )
    card = msgspec.structs.replace(
        pack.card,
        generator=config, int8=(), int8_crowded=(), smaller=(), light=None, name=name,
        files=files,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    tensors = {}
    for key, size in generator_shapes(card).items():
        scale = 1 / np.sqrt(np.prod(size[1:])) if len(size) > 1 else 0.1
        tensors[key] = (rng.standard_normal(size) * scale).astype(np.float32)
        if key.endswith("affine.bias"):
            tensors[key] = np.ones(size, np.float32)
    faces = rng.standard_normal((len(card.identities), config.num_ws, config.w_dim))
    return AvatarPack(card, tensors, pack.motion, faces.astype(np.float32), str(config.resolution))


def measure(
    name: str,
    network: str,
    pack: AvatarPack,
    sizes: list[int],
    frames: int,
    peaks: dict[str, float],
    lanes: int = 0,
) -> list[dict[str, Any]]:
    """A row per batch size, and one of `lanes` at once where the decoder has any. peaks: precision
    and device -> TFLOP/s, raised when better is seen."""
    begun = time.perf_counter()
    decoder = open_decoder(name, pack, lanes)
    ws = moving_face(pack, decoder, max(sizes) * WARM_UP)
    decoder.decode(ws[:1])
    open_s = time.perf_counter() - begun
    precision, device = arithmetic(decoder)
    flop = 2 * pack.card.generator.macs
    fine = psnr_to_float32(pack, [decoder.decode, *decoder.lanes[:1]]) if network == "pack" else {}
    rows = []
    for size in sizes:
        for kind in {precision, "f32"} if importlib.util.find_spec("torch") else ():
            label = f"{kind} on {device}"
            peaks[label] = max(peaks.get(label, 0.0), product_rate(kind, device))
        batches = np.array_split(ws[: size * WARM_UP], WARM_UP)
        seconds = timed(lambda i: decoder.decode(batches[i % WARM_UP]), -(-frames // size))  # noqa: B023
        rows.append({"batch": size, "at_once": 1, **spread(seconds, size), **fine.get(0, {})})
    if decoder.lanes:
        seconds = side_by_side(decoder.lanes, ws[:WARM_UP], frames)
        at_once = len(decoder.lanes)
        rows.append({"batch": 1, "at_once": at_once, **spread(seconds, at_once), **fine.get(1, {})})
    for row in rows:
        row["tflops"] = round(flop / row["picture_ms"] / 1e9, 3)
        if peak := peaks.get(f"{precision} on {device}"):
            row |= rounded({"peak_tflops": peak, "share": row["tflops"] / peak})
    first = {
        "decoder": decoder.description,
        "network": network,
        "gmac": round(flop / 2e9, 2),
        "open_s": round(open_s, 2),
    }
    return [{**first, **row} for row in rows]


def spread(seconds: list[float], pictures: int) -> dict[str, float]:
    """Milliseconds of calls that give so many pictures, or of as many calls at once."""
    p50, p95, p99 = (float(np.percentile(seconds, p)) * 1000 for p in (50, 95, 99))
    times = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "best_ms": min(seconds) * 1000}
    return rounded({**times, "picture_ms": p50 / pictures})


def side_by_side(lanes: Sequence[Decode], ws: NDArray[np.float32], count: int) -> list[float]:
    """Seconds of each of `count` pictures of every lane, all lanes busy at the same time."""

    def work(lane: Decode) -> list[float]:
        return timed(lambda i: lane(ws[i % len(ws)][None]), count)

    with ThreadPoolExecutor(len(lanes)) as threads:
        return [second for seconds in threads.map(work, lanes) for second in seconds]


def psnr_to_float32(pack: AvatarPack, decodes: Sequence[Decode]) -> dict[int, dict[str, float]]:
    """Index of the decoder's call -> the mean PSNR of its pictures, dB; without those that are
    equal."""
    count, rng = len(FACE_AXES), np.random.default_rng(0)
    basis = Basis(pack.card.axes[:count], pack.generator["basis"][:, :, :count])
    people = (pack.identities[i % len(pack.identities)] for i in range(EXPRESSIONS))
    ws = np.stack([basis.move(one, basis.random_control(rng)) for one in people])
    wanted = open_decoder("openvino-f32", pack).decode(ws).astype(np.float64)
    found = {}
    for index, decode in enumerate(decodes):
        error = np.square(decode(ws) - wanted).mean(axis=(1, 2, 3))
        if error.min() > 0:
            found[index] = {"psnr_db": round(float(np.mean(10 * np.log10(255**2 / error))), 1)}
    return found


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
    table = Table("decoder", "network", "GMAC", "batch", "at once", "open s", "p50 ms", "p95 ms")
    for heading in ("p99 ms", "best ms", "ms a picture", "TFLOP/s", "of the peak", "PSNR dB"):
        table.add_column(heading)
    names = ("decoder", "network", "gmac", "batch", "at_once", "open_s", "p50_ms", "p95_ms")
    for row in rows:
        figures = [str(row[name]) for name in (*names, "p99_ms", "best_ms", "picture_ms", "tflops")]
        share = f"{row['share']:.0%}" if "share" in row else "unknown"
        table.add_row(*figures, share, str(row.get("psnr_db", "")))
    Console(width=150).print(table)
    for label, rate in sorted(peaks.items()):
        print(f"matrix product, {label}: {rate:.3f} TFLOP/s at best")
    if rows and not peaks:
        print(f"the machine's arithmetic was not measured: that needs PyTorch, {TORCH_CPU}")


if __name__ == "__main__":
    main()
