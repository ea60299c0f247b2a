"""How many can talk at once? `python -m latentcam.benchmarks.capacity`

Adds one session at a time until ticks are dropped or faces grow old; then one caller more than
there are places, who must be turned away without the others noticing. The callers run on the same
machine, in a process of their own, and take their share of it.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

import httpx
from aiortc import RTCPeerConnection

from latentcam.benchmarks.glass_to_glass import SETTLE, measure
from latentcam.benchmarks.tools.call import Call
from latentcam.benchmarks.tools.caller import NoFace
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import session_options
from latentcam.benchmarks.tools.plots import save_capacity
from latentcam.benchmarks.tools.served import Served, served
from latentcam.benchmarks.tools.voice import talk
from latentcam.realtime_models.avatar_pack import load_pack

OLDEST = 150.0  # ms, p95 age of a face that still feels live
FEWEST = 0.98  # share of the ticks that must be shown
KNOCKS, BETWEEN_KNOCKS = 10, 0.6  # seconds


async def turned_away(server: Served, places: int, fps: int, look_ahead: float) -> dict[str, Any]:
    """Fill all places, then knock ten times. Returns what the talkers noticed, beside what
    happened to them for as long before."""
    # Made beforehand: they would take the callers' time.
    http = httpx.AsyncClient()
    stranger = RTCPeerConnection()
    stranger.addTransceiver("audio", "sendrecv")
    stranger.addTransceiver("video", "recvonly")
    await stranger.setLocalDescription(await stranger.createOffer())
    calls = [Call(talk(30.0, 48000, seed=i), fps, look_ahead) for i in range(places)]
    for call in calls:
        await call.open(server.port)
    await asyncio.sleep(SETTLE)
    statuses: list[int] = []
    shown, skipped = [], [sum(call.telemetry["skipped"] for call in calls)]
    for knocking in (False, True):
        for call in calls:
            call.take_shown()
        for _ in range(KNOCKS):
            if knocking:
                statuses.append(await server.offer(http, stranger.localDescription.sdp))
            await asyncio.sleep(BETWEEN_KNOCKS)
        shown.append(sum(len(call.take_shown()) for call in calls))
        skipped.append(sum(call.telemetry["skipped"] for call in calls))
    for call in calls:
        await call.close()
    await stranger.close()
    await http.aclose()
    return {
        "statuses": sorted(set(statuses)),
        "knocks": len(statuses),
        "frames_before": shown[0],
        "frames_meanwhile": shown[1],
        "skipped_before": skipped[1] - skipped[0],
        "skipped_meanwhile": skipped[2] - skipped[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[session_options()],
    )
    parser.add_argument("--seconds", type=float, default=12.0, help="of each number of sessions")
    parser.add_argument("--most", type=int, default=8, help="sessions at which to stop")
    parser.add_argument("--out", type=Path, help="a plot, .png or .svg")
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    found = capacity(args.avatar, args.decoder, args.fps, args.seconds, args.most)
    if args.out:
        save_capacity(args.out, found["steps"])
    print_json({"benchmark": "capacity", **found, "card": card})


def capacity(avatar: str, decoder: str, fps: int, seconds: float, most: int) -> dict[str, Any]:
    """steps: figures for each number of sessions; places: the most that held; full: what a full
    server did to those who talked."""
    look_ahead = load_pack(avatar).card.motion.look_ahead_s
    options = ["--avatar", avatar, "--decoder", decoder, "--fps", str(fps)]
    steps: list[dict[str, Any]] = []
    places = 0
    print("\nsessions   age p50   age p95   frames        server cores")
    for sessions in range(1, most + 1):
        with served(*options, "--max-sessions", str(sessions)) as server:
            try:
                figures = asyncio.run(
                    measure(server, seconds, fps, look_ahead, None, False, sessions)
                )
            except NoFace:
                if sessions == 1:
                    raise
                print(f"{sessions:8d}  one of them showed no face", flush=True)
                break
        age, share = figures["age"], figures["frames"] / max(1, figures["of"])
        steps.append(figures)
        print(
            f"{sessions:8d}  {age['p50_ms']:8.1f}  {age['p95_ms']:8.1f}  "
            f"{figures['frames']:5d}/{figures['of']:<5d}   {figures['server_cores']:.2f}",
            flush=True,
        )
        if age["p95_ms"] > OLDEST or share < FEWEST:
            break
        places = sessions
    full: dict[str, Any] | None = None
    if places:
        with served(*options, "--max-sessions", str(places)) as server:
            try:
                full = asyncio.run(turned_away(server, places, fps, look_ahead))
            except NoFace as error:
                print(error, flush=True)
        print(f"\n{places} talk and more knock: {full}")
    return {"fps": fps, "places": places, "full": full, "steps": steps}


if __name__ == "__main__":
    main()
