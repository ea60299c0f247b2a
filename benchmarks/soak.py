"""Is it the same after hours? `python -m latentcam.benchmarks.soak --minutes 30 --out soak.png`

One long call to the real application: age, skew of the returned voice, memory of the server and
what was dropped, a figure of each for every ten seconds, and a plot. Compares the first and the
last fifth of the call. --loss and --jitter degrade the link throughout.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from latentcam.benchmarks.tools.call import Call
from latentcam.benchmarks.tools.link import Script, link_options, script_of
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import session_options
from latentcam.benchmarks.tools.plots import save_soak
from latentcam.benchmarks.tools.served import Served, served
from latentcam.benchmarks.tools.voice import talk
from latentcam.realtime_models.avatar_pack import load_pack

EVERY = 10.0  # seconds
SETTLE = 30.0  # seconds until caches are full and rates found
VOICE = 60.0  # seconds, then again from the start
FIFTH = 5


@dataclass(frozen=True)
class Point:
    """One stretch of the call. Times in ms, memory in MiB; NaN where nothing was found."""

    at_s: float
    age_p50: float
    age_p95: float
    skew_p50: float
    skew_p95_of_size: float
    shown: int
    dropped: int
    rss: float


async def soak(
    server: Served, seconds: float, fps: int, look_ahead: float, script: Script | None
) -> list[Point]:
    call = Call(talk(VOICE, 48000), fps, look_ahead, script=script)
    await call.open(server.port)
    process, loop = psutil.Process(server.pid), asyncio.get_running_loop()
    begun, newest = loop.time(), None
    points: list[Point] = []
    await asyncio.sleep(SETTLE)
    call.take_shown()
    call.skews.clear()
    while loop.time() - begun < seconds:
        await asyncio.sleep(begun + SETTLE + (len(points) + 1) * EVERY - loop.time())
        shown = call.take_shown()
        if not shown:
            raise RuntimeError(f"no frame came for {EVERY:.0f} s, {loop.time() - begun:.0f} s on")
        ages = 1000 * np.array([s.age for s in shown])
        skews = 1000 * np.array([skew for _, skew in call.skews])
        first = shown[0].tick if newest is None else newest + 1
        newest = shown[-1].tick
        dropped = newest - first + 1 - len({s.tick for s in shown})
        point = Point(
            round(loop.time() - begun, 1),
            round(float(np.percentile(ages, 50)), 1),
            round(float(np.percentile(ages, 95)), 1),
            round(float(np.percentile(skews, 50)), 1) if len(skews) else float("nan"),
            round(float(np.percentile(abs(skews), 95)), 1) if len(skews) else float("nan"),
            len(shown),
            dropped,
            round(process.memory_info().rss / 2**20, 1),
        )
        points.append(point)
        call.skews.clear()
        call.caller.voice.clear()
        print_json(asdict(point))
    await call.close()
    return points


def compare(points: list[Point]) -> dict[str, Any]:
    """Medians over the first and the last fifth, and the whole."""
    part = max(1, len(points) // FIFTH)

    def medians(some: list[Point]) -> dict[str, float]:
        names = ("age_p50", "age_p95", "skew_p50", "skew_p95_of_size", "rss")
        return {n: round(float(np.nanmedian([getattr(p, n) for p in some])), 1) for n in names}

    first, last = medians(points[:part]), medians(points[-part:])
    spread = np.nanstd([p.age_p50 for p in points]), np.nanstd([p.skew_p50 for p in points])
    return {
        "first": first,
        "last": last,
        "rss_growth": round(last["rss"] / first["rss"] - 1, 4),
        "age_noise_ms": round(float(spread[0]), 1),
        "skew_noise_ms": round(float(spread[1]), 1),
        "shown": sum(p.shown for p in points),
        "dropped": sum(p.dropped for p in points),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[session_options(), link_options()],
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--out", type=Path, help="a plot, .png or .svg")
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    look_ahead = load_pack(args.avatar).card.motion.look_ahead_s
    script = script_of(args)
    options = ["--avatar", args.avatar, "--decoder", args.decoder, "--fps", str(args.fps)]
    with served(*options) as server:
        points = asyncio.run(soak(server, args.minutes * 60, args.fps, look_ahead, script))
    found = compare(points)
    for when in ("first", "last"):
        print(f"{when} fifth: " + ", ".join(f"{n} {v}" for n, v in found[when].items()))
    print(f"memory grew by {found['rss_growth']:.1%}; {found['dropped']} ticks not shown")
    if args.out:
        save_soak(args.out, [asdict(point) for point in points], found)
    link = {"loss": args.loss, "jitter_ms": args.jitter * 1000}
    print_json({"benchmark": "soak", "minutes": args.minutes, **link, **found, "card": card})


if __name__ == "__main__":
    main()
