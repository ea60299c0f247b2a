"""How long does it take to put a face before a background?

    python -m latentcam.benchmarks.composition

On one core, as in a call: a face with alpha, a head and shoulders that touch the picture's sides,
into the picture of a camera, into that of a call, or stacked with its alpha for a page that draws
it itself; and a face without alpha, whose backdrop is extended or replaced. The ceiling is a tick,
33 ms at 30 fps, of which decoding needs most; the floor is a copy of the picture that comes out.
Beside the time that passes, the CPU's is reported, which others on a busy machine lengthen less.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.composition import Composer, Stack

WARM_UP = 20


def face(side: int, channels: int) -> NDArray[np.uint8]:
    """uint8 [side, side, channels]."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    head = np.clip((0.3 - np.hypot(y + 0.1, x)) * 40, 0, 1)
    alpha = np.maximum(head, np.clip((y - 0.25 - 0.2 * np.abs(x)) * 60, 0, 1))[..., None]
    colours = alpha * (200, 150, 120)
    if channels == 3:
        colours += (1 - alpha) * (90, 100, 110)
    picture = np.concatenate([colours, 255 * alpha], axis=2)[..., :channels]
    return np.ascontiguousarray(picture.round().astype(np.uint8))


def measure(make: Callable[[], NDArray[np.uint8]], count: int) -> dict[str, float]:
    """Milliseconds of each of `count` pictures."""
    passed, spent = [], []
    for index in range(-WARM_UP, count):
        clock, cpu = time.perf_counter(), time.thread_time()
        made = make()
        if index >= 0:
            passed.append(time.perf_counter() - clock)
            spent.append(time.thread_time() - cpu)
    floor = []
    for _ in range(WARM_UP):
        clock = time.perf_counter()
        made.copy()
        floor.append(time.perf_counter() - clock)
    p50, p95, p99 = (1000 * float(np.percentile(passed, p)) for p in (50, 95, 99))
    found = {
        "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "best_ms": 1000 * min(passed),
        "cpu_p50_ms": 1000 * float(np.percentile(spent, 50)), "copy_ms": 1000 * min(floor),
    }  # fmt: skip
    return {name: round(value, 3) for name, value in found.items()}


def rows(count: int) -> list[dict[str, Any]]:
    backgrounds, found = Backgrounds(), []
    room, own = backgrounds.find("room"), backgrounds.find("own")
    for side in (512, 256):
        clear = face(side, 4)
        camera, call, stack = Composer(1280, 720, room), Composer(side, side, room), Stack()
        found += [
            {"face": side, "into": "camera 1280x720", **measure(lambda: camera(clear), count)},  # noqa: B023
            {"face": side, "into": f"call {side}x{side}", **measure(lambda: call(clear), count)},  # noqa: B023
            {"face": side, "into": "stack for a page", **measure(lambda: stack(clear), count)},  # noqa: B023
        ]
    opaque = face(256, 3)
    for name, background in (("extended", own), ("replaced", room)):
        composer = Composer(1280, 720, background)
        into = f"camera 1280x720, no alpha, backdrop {name}"
        found.append({"face": 256, "into": into, **measure(lambda: composer(opaque), count)})  # noqa: B023
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=300, help="of a row")
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    found = rows(args.pictures)
    names = ("p50_ms", "p95_ms", "p99_ms", "best_ms", "cpu_p50_ms", "copy_ms")
    table = Table("face", "into", *(name.replace("_", " ") for name in names))
    for row in found:
        table.add_row(str(row["face"]), row["into"], *(f"{row[name]:.2f}" for name in names))
    Console(width=120).print(table)
    print_json({"benchmark": "composition", "rows": found, "card": card})


if __name__ == "__main__":
    main()
