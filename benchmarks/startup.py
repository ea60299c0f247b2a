"""How long from the command to the first picture? `python -m latentcam.benchmarks.startup`

`latentcam serve` starts with an empty cache folder, and again with what the first start left there;
a caller waits for its address and asks for a picture at once. ready: until the address is printed.
first picture: until a decoded frame is in the caller's hands. From the second run on, files are in
the system's memory; the first start after a boot also reads them from the disk. Only on Linux,
where XDG_CACHE_HOME names the cache folder.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np

from latentcam.benchmarks.tools.call import Call
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.benchmarks.tools.served import served
from latentcam.realtime_models.avatar_pack import load_pack

FPS = 25
SILENCE = np.zeros(48000, np.float32)


def start(avatar: str, look_ahead: float, cache: Path) -> tuple[float, float]:
    """Seconds until ready, and until the first picture."""
    begun = time.monotonic()
    with served("--avatar", avatar, cache=cache) as server:
        ready = time.monotonic() - begun

        async def first_picture() -> float:
            call = Call(SILENCE, FPS, look_ahead)
            await call.open(server.port)
            await call.close()
            return call.first_frame

        return ready, ready + asyncio.run(first_picture())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[avatar_options()],
    )
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    look_ahead = load_pack(args.avatar).card.motion.look_ahead_s
    found: dict[str, list[tuple[float, float]]] = {"empty cache": [], "warm cache": []}
    for _ in range(args.runs):
        with tempfile.TemporaryDirectory() as folder:
            for times in found.values():
                times.append(start(args.avatar, look_ahead, Path(folder)))
    figures = {}
    print()
    for name, times in found.items():
        ready, picture = (np.array(column) for column in zip(*times, strict=True))
        figures[name] = {
            "ready_s": round(float(np.median(ready)), 2),
            "first_picture_s": round(float(np.median(picture)), 2),
            "worst_s": round(float(picture.max()), 2),
        }
        print(
            f"{name:<12} ready {figures[name]['ready_s']:.2f} s, first picture "
            f"{figures[name]['first_picture_s']:.2f} s (medians of {args.runs}), "
            f"worst {figures[name]['worst_s']:.2f} s"
        )
    print_json({"benchmark": "startup", **figures, "runs": args.runs, "card": card})


if __name__ == "__main__":
    main()
