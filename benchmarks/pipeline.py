"""How fast is a file rendered? `python -m latentcam.benchmarks.pipeline`

A generated voice of --seconds becomes an MP4 with the steps of `latentcam render`, one after the
other. Reports where the time goes, frame by frame, and how many times real time the whole is,
including what the encoder holds until the end. The ceiling is the slowest stage alone; the stages
take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import session_options
from latentcam.benchmarks.tools.voice import talk
from latentcam.realtime_models.motion.performance import Settings
from latentcam.realtime_models.opened import open_pack
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.offline import perform_file
from latentcam.stream.timeline import Timeline
from latentcam.stream.video_file import OUTPUT_RATE, new_video
from latentcam.stream.voice_file import Blocks, read_voice

STAGES = ("motion", "decode", "encode")


class Watch:
    """Seconds by stage, one after the other."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds.setdefault(name, []).append(time.perf_counter() - begun)


def write_wav(path: Path, seconds: float) -> None:
    pcm = (talk(seconds, OUTPUT_RATE) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(OUTPUT_RATE)
        file.writeframes(pcm.tobytes())


def pipeline(avatar_name: str, decoder: str, fps: int, seconds: float) -> dict[str, Any]:
    """Seconds by stage, frames, and how many times real time: above 1 is faster than it plays."""
    watch, timeline = Watch(), Timeline(fps)
    with tempfile.TemporaryDirectory() as folder:
        speech, video = Path(folder) / "speech.wav", Path(folder) / "face.mp4"
        write_wav(speech, seconds)
        with watch.stage("open"):
            opened = open_pack(avatar_name, decoder)
            pack, avatar, performer = opened.pack, opened.avatar, opened.performer
            anchor = avatar.anchor(pack.card.identities[0])
            avatar.render(anchor, avatar.basis.control({}))
        voice = Blocks(read_voice(speech, OUTPUT_RATE))
        controls = perform_file(performer, timeline, speech, 0, Settings())
        frames = 0
        with contextlib.ExitStack() as closing:
            side = pack.card.generator.resolution
            file = closing.enter_context(new_video(video, timeline, side, Backgrounds().first))
            while True:
                with watch.stage("motion"):
                    x = next(controls, None)
                if x is None:
                    break
                with watch.stage("decode"):
                    picture = avatar.render(anchor, x)
                with watch.stage("encode"):
                    begin = frames * OUTPUT_RATE // fps
                    count = (frames + 1) * OUTPUT_RATE // fps - begin
                    file.write(frames, picture, voice.take(count))
                frames += 1
            with watch.stage("encode"):  # what the encoder still holds
                closing.close()
        size = video.stat().st_size
    spent = {name: sum(seconds) for name, seconds in watch.seconds.items()}
    working = sum(spent.values()) - spent["open"]
    # Without the last calls, which find no more motion and drain the encoder.
    each = {name: np.array(watch.seconds[name][:frames]) for name in STAGES}
    each["all"] = sum(each.values(), np.zeros(frames))
    return {
        "decoder": avatar.decoder.description,
        "speech_s": seconds,
        "frames": frames,
        "times_real_time": round(seconds / working, 2),  # above 1: faster than it plays
        "ms_per_frame": {name: round(1000 * s / frames, 2) for name, s in spent.items()},
        "frame_ms": {
            name: {f"p{p}": round(1000 * float(np.percentile(s, p)), 2) for p in (50, 95, 99)}
            for name, s in each.items()
        },
        "open_s": round(spent["open"], 2),
        "kbit_per_s": round(8 * size / seconds / 1000),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[session_options()],
    )
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    found = pipeline(args.avatar, args.decoder, args.fps, args.seconds)
    print(f"\n{found['decoder']}: {found['times_real_time']:.1f} times real time")
    for stage, ms in found["frame_ms"].items():
        print(f"    {stage:<8} p50 {ms['p50']:6.2f}  p95 {ms['p95']:6.2f}  p99 {ms['p99']:6.2f} ms")
    print_json({"benchmark": "pipeline", **found, "card": card})


if __name__ == "__main__":
    main()
