"""How old is the face, and do lips and voice agree? `python -m latentcam.benchmarks.glass_to_glass`

The real application in a process of its own, real WebRTC peers over loopback. Every frame has its
tick stamped into the pixels.

age: from handing the last packet of a tick, already encoded, to the caller's sender, until that
    tick's frame, decoded, is in the caller's hands. The caller completes a frame at its last packet
    (the marker bit), as browsers do; aiortc's own receiver, which waits for the next frame, is
    measured alongside.
onset: for a face that moves only its lips, from sending the first packet of a sentence, after a
    second of silence, to the first frame whose mouth has left its rest; includes the response of
    the motion model.
skew: by how much the returned voice is later than the lips for a receiver that keeps both in sync
    by sender reports; the voice is located in what was sent by correlation.

The motion model's look-ahead is part of onset and skew, but not of the age; it is printed beside
it.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any, NamedTuple

import numpy as np
import psutil

from latentcam.benchmarks.tools.call import Call, Shown, percentiles
from latentcam.benchmarks.tools.link import Script
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import session_options
from latentcam.benchmarks.tools.served import Served, served
from latentcam.benchmarks.tools.voice import PAUSE, onsets, talk
from latentcam.realtime_models.avatar_pack import load_pack

SETTLE = 3.0  # seconds of talk before anything counts
LEFT_REST = 4.0  # times the mouth's own noise at rest


async def measure(
    server: Served, seconds: float, fps: int, look_ahead: float, script: Script | None,
    patient: bool, sessions: int = 1, life: float = 1.0,
) -> dict[str, Any]:  # fmt: skip
    """Figures of `sessions` calls at once that talk for `seconds`; onsets only of a still face."""
    total = seconds + SETTLE
    calls = [
        Call(talk(total, 48000, seed=i), fps, look_ahead, patient, script, life=life)
        for i in range(sessions)
    ]
    for call in calls:
        await call.open(server.port)
    process = psutil.Process(server.pid)
    process.cpu_percent()
    await asyncio.sleep(total)
    cpu, stages = process.cpu_percent() / 100, (await server.stats())["stages"]
    ages, waits, skews, frames, expected = [], [], [], 0, 0
    for call in calls:
        await call.close()
        shown = [s for s in call.take_shown() if SETTLE < s.at < total]
        ages += [s.age for s in shown]
        waits += [] if life else answers(shown, total)
        skews += [skew for at, skew in call.skews if at > SETTLE]
        frames += len({s.tick for s in shown})
        spanned = shown[-1].tick - shown[0].tick + 1 if shown else 0
        expected += max(spanned, round(seconds * fps) - 1)  # a call that froze lacks the rest
    sure = [abs(skew) for skew in skews]
    return {
        "sessions": sessions,
        "fps": fps,
        "loss": script.loss if script else 0.0,
        "jitter_ms": script.jitter * 1000 if script else 0.0,
        "receiver": "aiortc" if patient else "marker",
        "age": percentiles(ages),
        "frames": frames,
        "of": expected,
        "onset": {**percentiles(waits), "n": len(waits)},
        "skew": {
            "p50_ms": percentiles(skews)["p50_ms"],
            "p95_of_size_ms": percentiles(sure)["p95_ms"],
            "n": len(skews),
        },
        "first_frame_ms": round(max(call.first_frame for call in calls) * 1000),
        "server_cores": round(cpu, 2),
        "stages": stages,
    }


def answers(shown: list[Shown], total: float) -> list[float]:
    """Seconds from each sentence's onset to the first frame whose mouth has left its rest."""
    waits = []
    for onset in onsets(total):
        rest = [s.mouth for s in shown if onset - 0.4 * PAUSE < s.at < onset]
        if len(rest) < 5:
            continue
        still = np.median(rest, axis=0)
        noise = max(float(np.abs(mouth - still).mean()) for mouth in rest)
        for frame in shown:
            moved = float(np.abs(frame.mouth - still).mean())
            if onset < frame.at < onset + 1.0 and moved > LEFT_REST * noise:
                waits.append(frame.at - onset)
                break
    return waits


def print_figures(name: str, figures: dict[str, Any]) -> None:
    age, onset, skew = figures["age"], figures["onset"], figures["skew"]
    print(
        f"{name:<34} age p50 {age['p50_ms']:6.1f}  p95 {age['p95_ms']:6.1f}  "
        f"p99 {age['p99_ms']:6.1f} ms  frames {figures['frames']}/{figures['of']}  "
        + (f"onset p50 {onset['p50_ms']:.0f} ms, n {onset['n']}  " if onset["n"] else "")
        + f"skew p50 {skew['p50_ms']:+.1f}, 95 % within {skew['p95_of_size_ms']:.1f} ms",
        flush=True,
    )


def print_stages(figures: dict[str, Any]) -> None:
    for stage, found in figures["stages"].items():
        p50, p95 = found["p50_ms"], found["p95_ms"]
        print(f"    {stage:<8} p50 {p50:6.2f}  p95 {p95:6.2f} ms  {found['what']}")
    rest = figures["age"]["p50_ms"] - figures["stages"]["age"]["p50_ms"]
    print(f"    {'outside':<8} p50 {rest:6.2f} ms  VP8 of the caller, both ways, transport")


class Scene(NamedTuple):
    """script: what the link does. patient: the receiver is aiortc's own."""

    name: str
    fps: int
    script: Script | None = None
    patient: bool = False
    life: float = 1.0


def scenes(fps: int, quick: bool) -> list[Scene]:
    first = [
        Scene(f"{fps} fps, loopback", fps),
        Scene(f"{fps} fps, a still face", fps, life=0.0),
    ]
    if quick:
        return first
    other = 30 if fps == 25 else 25
    lossy = [
        Scene(f"{loss:.0%} loss, {jitter * 1000:.0f} ms jitter", fps, Script(loss, jitter))
        for loss, jitter in ((0.0, 0.03), (0.02, 0.0), (0.05, 0.0), (0.02, 0.03), (0.05, 0.03))
    ]
    return [
        *first,
        Scene(f"{fps} fps, aiortc's own receiver", fps, patient=True),
        Scene(f"{other} fps, loopback", other),
        *lossy,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[session_options()],
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of each scene")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--audio-prefetch", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="without loss and jitter")
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    look_ahead = load_pack(args.avatar).card.motion.look_ahead_s
    print(f"\nlook-ahead of the motion model: {look_ahead * 1000:.0f} ms, not in the age\n")
    results = {}
    for name, fps, script, patient, life in scenes(args.fps, args.quick):
        options = [
            "--avatar", args.avatar, "--decoder", args.decoder, "--fps", str(fps),
            "--max-sessions", str(args.sessions), "--audio-prefetch", str(args.audio_prefetch),
        ]  # fmt: skip
        with served(*options) as server:
            results[name] = asyncio.run(
                measure(server, args.seconds, fps, look_ahead, script, patient, args.sessions, life)
            )
        print_figures(name, results[name])
        if len(results) == 1:
            print_stages(results[name])
    prefetch = {"audio_prefetch": args.audio_prefetch, "look_ahead_ms": look_ahead * 1000}
    print_json({"benchmark": "glass_to_glass", **prefetch, "scenes": results, "card": card})


if __name__ == "__main__":
    main()
