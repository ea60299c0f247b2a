"""How long does one picture take? `python -m benchmarks.decode`

The avatar's decoder on latents of a moving face, one at a time, as a session asks for them.
The ceiling is a tick: 40 ms at 25 fps for everything, of which decoding may take a third.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from benchmarks.machine_card import machine_card, print_card
from realtime_models.avatar import Avatar
from realtime_models.avatar_pack import DEFAULT_PACK, load_pack
from realtime_models.decoders.auto import DECODERS, open_decoder
from realtime_models.life import life


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", default=DEFAULT_PACK)
    parser.add_argument("--decoder", default="auto", choices=DECODERS)
    parser.add_argument("--frames", type=int, default=300)
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    pack = load_pack(args.avatar)
    begun = time.perf_counter()
    avatar = Avatar(pack, open_decoder(args.decoder, pack))
    anchor = avatar.anchor(pack.card.identities[0])
    controls = [avatar.basis.control(life(tick / 25, seed=0)) for tick in range(args.frames)]
    avatar.render(anchor, controls[0])
    opened = time.perf_counter() - begun
    for x in controls[:20]:
        avatar.render(anchor, x)
    seconds = []
    for x in controls:
        begun = time.perf_counter()
        avatar.render(anchor, x)
        seconds.append(time.perf_counter() - begun)
    p50, p95, p99 = (float(np.percentile(seconds, p)) * 1000 for p in (50, 95, 99))
    size, macs = pack.card.generator.resolution, pack.card.generator.macs
    print(f"\n{avatar.decoder.description}: {size}x{size}, {macs / 1e9:.2f} GMAC a picture")
    print(f"opened in {opened:.2f} s; p50 {p50:.2f} ms, p95 {p95:.2f} ms, p99 {p99:.2f} ms")
    print(f"{2 * macs / p50 / 1e9:.2f} TFLOP/s at p50")
    figures = {"open_s": opened, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}
    rounded = {name: round(value, 3) for name, value in figures.items()}
    decoder = avatar.decoder.description
    print(json.dumps({"benchmark": "decode", "decoder": decoder, **rounded, "card": card}))


if __name__ == "__main__":
    main()
