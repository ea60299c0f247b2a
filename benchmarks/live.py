"""How old is the face? `python -m benchmarks.live`

Real WebRTC peers over loopback against the real application: a sender paces a voice in packets of
20 ms, the receiver notes when each frame is in its hands. Age: from the moment the last sample of
a tick left the sender to that tick's frame at the receiver. It holds Opus, transport, the audio
receiver's buffer (--audio-prefetch), motion, decoding, VP8 both ways. The motion model's look-ahead
is not in it and is printed beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

import numpy as np

from benchmarks.machine_card import machine_card, print_card
from realtime_models.avatar import Avatar
from realtime_models.avatar_pack import DEFAULT_PACK, load_pack
from realtime_models.decoders.auto import open_decoder
from realtime_models.motion import MotionModel
from stream.engine import Engine
from stream.timeline import Timeline
from tests.peers import Caller, serving
from tests.voice import speech


async def measure(args: argparse.Namespace, engine: Engine) -> list[Caller]:
    callers = [Caller(speech(args.seconds, 48000)) for _ in range(args.sessions)]
    async with serving(engine, audio_prefetch=args.audio_prefetch) as port:
        sockets = [await caller.call(port) for caller in callers]
        await asyncio.sleep(args.seconds)
        for socket, caller in zip(sockets, callers, strict=True):
            await socket.close()
            await caller.aclose()
    return callers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", default=DEFAULT_PACK)
    parser.add_argument("--decoder", default="auto")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--audio-prefetch", type=int, default=2)
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    pack = load_pack(args.avatar)
    timeline = Timeline(args.fps)
    avatar = Avatar(pack, open_decoder(args.decoder, pack))
    motion = MotionModel(pack.card.motion, pack.motion)
    engine = Engine(avatar, motion, timeline, args.sessions)
    cpu = time.process_time()
    callers = asyncio.run(measure(args, engine))
    cpu = time.process_time() - cpu
    ages, sent, got = [], 0, 0
    for caller in callers:
        warm = [f for f in caller.frames if f[0] > 2 * 90_000]  # from the third second on
        first, last = warm[0][0], warm[-1][0]
        sent += round((last - first) * args.fps / 90_000) + 1
        got += len(warm)
        # The tick that begins at pts ends one tick later; its last sample left with the packet
        # that holds it, packet n at origin + n * 20 ms.
        for pts, arrived, _ in warm:
            end = pts / 90_000 + 1 / args.fps
            packet = int(np.ceil(end / 0.02 - 1e-6)) - 1
            ages.append(arrived - (caller.voice_origin + packet * 0.02))
    p50, p95, p99 = (float(np.percentile(ages, p)) * 1000 for p in (50, 95, 99))
    print(f"\n{avatar.decoder.description}, {args.sessions} session(s), {args.fps} fps")
    print(f"age: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms over {len(ages)} frames")
    look_ahead = motion.config.look_ahead_s * 1000
    print(f"frames: {got} of {sent}; look-ahead of the motion model: {look_ahead:.0f} ms")
    print(f"CPU of server and callers together: {cpu / args.seconds:.2f} cores")
    figures = {
        "p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "p99_ms": round(p99, 1),
        "frames": got, "of": sent, "look_ahead_ms": look_ahead, "fps": args.fps,
        "sessions": args.sessions, "audio_prefetch": args.audio_prefetch,
    }  # fmt: skip
    print(json.dumps({"benchmark": "live", **figures, "card": card}))


if __name__ == "__main__":
    main()
