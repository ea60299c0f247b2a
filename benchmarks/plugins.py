"""Do lips and sound stay together in a framework, and does the face stop when told to?

    python -m latentcam.benchmarks.plugins livekit --minutes 10

An agent's speech is handed in as text-to-speech does it, an utterance at a time in one burst, to
the framework's own parts; who watches is in the same process (LiveKit: its local tracks, without a
server) or at the other end of a WebRTC connection over loopback (pipecat, Gradio). Pictures show
only how far the mouth is open, so that drawing costs nothing and lips can be read exactly.

offset: how much later than the lips the voice is heard, by a viewer that keeps both in sync where
    the framework leaves that to the viewer; every two seconds, voice and lips each located in what
    was said.
onset: from handing in an utterance to the first of it that is heard.
stop: from an interruption to the last picture with an open mouth, and to the last sound.
silent: the widest that the mouth opened while nothing was said.

The frameworks exclude each other's versions of some libraries: an environment for each.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.mouths import Lips, MouthDecoder, Recording
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.benchmarks.tools.voice import PAUSE, SENTENCE, talk
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.engine import Engine
from latentcam.stream.timeline import Timeline

STAGES = {"livekit": "livekit_room", "pipecat": "pipecat_call", "gradio": "fastrtc_call"}
PERIOD = 7 * (SENTENCE + PAUSE)  # seconds from one utterance to the next
OPEN, AUDIBLE = 0.05, 2e-3
INTERRUPTIONS, GRACE = 20, 1.0  # seconds


async def measure(framework: str, avatar: str, minutes: float, fps: int) -> dict[str, Any]:
    tools = importlib.import_module(f"latentcam.benchmarks.tools.{STAGES[framework]}")
    pack = load_pack(avatar)
    identity = pack.card.identities[0]
    avatar_ = Avatar(pack, MouthDecoder(pack, identity))
    engine = Engine(avatar_, Performer(pack), Timeline(fps), 1)
    voice = talk(60.0 * minutes, tools.RATE)
    loop = asyncio.get_running_loop()
    said: list[float] = []
    await engine.warm_up()
    async with tools.stage(engine, identity) as stage:
        stage.face.settings = Settings(life=0.0)
        recording, begun = stage.recording, loop.time()
        for begin in np.arange(0.0, 60.0 * minutes, PERIOD):
            await asyncio.sleep(begun + begin + PAUSE - loop.time())
            said.append(loop.time())
            first, last = round((begin + PAUSE) * tools.RATE), round((begin + PERIOD) * tools.RATE)
            await stage.say(voice[first:last])
        await asyncio.sleep(begun + 60.0 * minutes + 2 * PAUSE - loop.time())
        talked = loop.time()
        await asyncio.sleep(10.0)
        silent = loop.time()
        rng = np.random.default_rng(0)
        interruptions = [
            await interrupt(stage, voice, rng.uniform(0.5, 1.5)) for _ in range(INTERRUPTIONS)
        ]
    await engine.aclose()
    stage.settle()
    silence = [opened for at, opened in recording.pictures if talked + 1.0 < at < silent - 1.0]
    stops = [stop(recording, at) for at in interruptions]
    onsets = []
    for at in said:
        heard = (t for t, s in recording.sound if t > at and np.abs(s).max() > AUDIBLE)
        onsets.append(next(heard) - at)
    recording.cut(talked)
    offsets = recording.offsets(Lips(pack, voice, tools.RATE), 1 / fps, begun)
    tenth = max(1, len(offsets) // 10)
    return {
        "framework": framework,
        "minutes": minutes,
        "fps": fps,
        "pictures": len(recording.pictures),
        "offset": {
            **{f"p{p}_ms": ms(np.percentile(offsets[:, 1], p)) for p in (5, 50, 95)},
            "p95_of_size_ms": ms(np.percentile(np.abs(offsets[:, 1]), 95)),
            "first_tenth_p50_ms": ms(np.median(offsets[:tenth, 1])),
            "last_tenth_p50_ms": ms(np.median(offsets[-tenth:, 1])),
            "n": len(offsets),
        },
        "onset": {**{f"p{p}_ms": ms(np.percentile(onsets, p)) for p in (50, 95)}, "n": len(onsets)},
        "stop": {
            "lips_max_ms": ms(max(lips for lips, _, _ in stops)),
            "sound_max_ms": ms(max(sound for _, sound, _ in stops)),
            "open_pictures_max": max(pictures for _, _, pictures in stops),
            "n": len(stops),
        },
        "silent_max": round(max(silence), 3),
    }


async def interrupt(stage: Any, voice: NDArray[np.float32], after: float) -> float:
    """When somebody was interrupted who had talked for so many seconds, and had some to fall
    silent."""
    loop, recording = asyncio.get_running_loop(), stage.recording
    await stage.say(voice[round(PAUSE * stage.rate) : round(PERIOD * stage.rate)])
    while recording.pictures[-1][1] < 2 * OPEN or np.abs(recording.sound[-1][1]).max() < AUDIBLE:
        await asyncio.sleep(0.005)
    await asyncio.sleep(after)
    at = loop.time()
    await stage.interrupt()
    await asyncio.sleep(2 * GRACE)
    return at


def stop(recording: Recording, at: float) -> tuple[float, float, int]:
    """Seconds from an interruption to the last open mouth and to the last sound, and how many
    pictures after it had an open mouth."""
    lips = [t - at for t, opened in recording.pictures if at < t < at + GRACE and opened > OPEN]
    sound = [
        t - at for t, s in recording.sound if at < t < at + GRACE and np.abs(s).max() > AUDIBLE
    ]
    return max(lips, default=0.0), max(sound, default=0.0), len(lips)


def ms(seconds: Any) -> float:
    return round(float(seconds) * 1000, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], parents=[avatar_options()]
    )
    parser.add_argument("framework", choices=STAGES)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--fps", type=int, default=25, help="frames per second")
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    figures = asyncio.run(measure(args.framework, args.avatar, args.minutes, args.fps))
    offset, onset, stop = figures["offset"], figures["onset"], figures["stop"]
    print(
        f"voice {offset['p50_ms']:+.1f} ms after the lips, 95 % within "
        f"{offset['p95_of_size_ms']:.1f} ms, n {offset['n']}; heard {onset['p50_ms']:.0f} ms "
        f"after it was handed in; interrupted: lips {stop['lips_max_ms']:.0f} ms, sound "
        f"{stop['sound_max_ms']:.0f} ms, {stop['open_pictures_max']} open pictures at most"
    )
    print_json({"benchmark": "plugins", "machine": card, "figures": figures})


if __name__ == "__main__":
    main()
