"""How far is the voice in the virtual microphone from the lips on the virtual camera?

    python -m latentcam.benchmarks.voice_offset --minutes 10

Speech is played into a PulseAudio sink without a sound card; the parts of `latentcam camera` hear
its monitor, show a face and play the voice into the virtual microphone, from which `parec` records
as a meeting app does. A picture counts from the moment it is given to the camera, sound from the
moment it is read from the microphone. What was heard is located in the recording by correlation,
four times a second; a picture shows the mouth at a known position in what was heard. The offset is
positive when the voice is late. The picture alone contributes up to half a tick: it stands still
while the voice goes on.

Needs `pip install ".[bench,camera]"`, a running PulseAudio or PipeWire, and its tools `pactl`,
`pacat` and `parec`.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import session_options
from latentcam.benchmarks.tools.voice import talk
from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.opened import open_pack
from latentcam.stream.composition import I420, Composer
from latentcam.stream.engine import Engine
from latentcam.stream.errors import DeviceError
from latentcam.stream.local import pulse
from latentcam.stream.local.camera_sink import CameraSink
from latentcam.stream.local.sound_devices import VOICE_RATE
from latentcam.stream.local.voice_out import VoiceLine, VoiceOut
from latentcam.stream.local.voice_source import Microphone, Voice
from latentcam.stream.messages import Frame
from latentcam.stream.session import Session
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_motion import VoiceMotion

SPEECH = "latentcam_speech"
FIRST = 15 * VOICE_RATE  # what was heard in the beginning; the voice repeats after 30 s
WINDOW = VOICE_RATE // 4  # of the recording, searched for in what was heard
RAW = ("--format=float32le", f"--rate={VOICE_RATE}", "--channels=1", "--raw")


@contextmanager
def speaker() -> Iterator[str]:
    """Somebody who speaks into a sink without end; yields the source to hear it from."""
    index = pulse.run_pactl("load-module", "module-null-sink", f"sink_name={SPEECH}", "rate=48000")
    voice, rng, stop = talk(30.0, VOICE_RATE), np.random.default_rng(0), threading.Event()
    try:
        with subprocess.Popen(
            ["pacat", "--playback", f"--device={SPEECH}", *RAW], stdin=subprocess.PIPE
        ) as player:

            def speak() -> None:
                assert player.stdin is not None
                while not stop.is_set():  # the sink takes it at its own speed
                    for block in voice.reshape(-1, VOICE_RATE // 10):
                        hiss = rng.normal(0, 0.003, len(block)).astype(np.float32)
                        player.stdin.write((block + hiss).tobytes())
                        if stop.is_set():
                            return

            thread = threading.Thread(target=speak, name="speaker")
            thread.start()
            try:
                yield f"{SPEECH}.monitor"
            finally:
                stop.set()
                thread.join()
                player.terminate()
    finally:
        pulse.run_pactl("unload-module", index)


class Recorder:
    """What a meeting app records from a microphone, and when it read it."""

    def __init__(self, source: str) -> None:
        self._process = subprocess.Popen(
            ["parec", f"--device={source}", "--latency-msec=10", *RAW], stdout=subprocess.PIPE
        )
        self.parts: list[NDArray[np.float32]] = []
        self._read: list[tuple[int, float]] = []  # samples in all, time.monotonic()
        self._thread = threading.Thread(target=self._run, name="recorder")
        self._thread.start()

    def _run(self) -> None:
        assert self._process.stdout is not None
        count, rest = 0, b""
        while data := self._process.stdout.read1(65536):  # type: ignore[attr-defined]
            data, now = rest + data, time.monotonic()
            whole = len(data) // 4 * 4
            self.parts.append(np.frombuffer(data[:whole], np.float32))
            rest, count = data[whole:], count + whole // 4
            self._read.append((count, now))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._thread.join()

    def times(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions and when they were read; the median of a second around takes jitter away."""
        positions = np.array([count for count, _ in self._read], np.float64)
        late = np.array([now for _, now in self._read]) - positions / VOICE_RATE
        smooth = np.array([np.median(late[max(0, i - 50) : i + 51]) for i in range(len(late))])
        return positions, positions / VOICE_RATE + smooth


def offsets(
    heard: NDArray[np.float32],
    recorder: Recorder,
    pictures: list[tuple[int, float]],
    timeline: Timeline,
    look_ahead: float,
) -> NDArray[np.float64]:
    """Rows of (time, offset), seconds: how much later than its picture the voice is heard."""
    recorded = np.concatenate(recorder.parts)
    positions, times = recorder.times()
    ticks = np.array([tick for tick, _ in pictures])
    shown = np.array([at for _, at in pictures]) + 0.5 / timeline.fps
    mouths = (ticks + 1) / timeline.fps - look_ahead  # seconds of what was heard
    reach, rows = 2 * VOICE_RATE, []
    guess: int | None = None  # how much further on a sound is in `heard` than in the recording
    for start in range(0, len(recorded) - WINDOW, WINDOW):
        window = recorded[start : start + WINDOW]
        if np.sqrt(np.mean(window**2)) < 0.02:
            continue  # a pause
        first = 0 if guess is None else max(0, start + guess - reach)
        last = FIRST if guess is None else start + guess + WINDOW + reach
        place = heard[first:last]
        if len(place) < WINDOW:
            continue
        match = correlate(place, window, mode="valid", method="fft")
        best = int(np.argmax(match))
        found = place[best : best + WINDOW]
        likeness = match[best] / (np.linalg.norm(found) * np.linalg.norm(window) + 1e-9)
        if likeness < 0.8:
            continue
        guess = first + best - start
        middle = start + WINDOW / 2
        mouth = (first + best + WINDOW / 2) / VOICE_RATE
        if mouths[0] <= mouth <= mouths[-1]:
            at = float(np.interp(middle, positions, times))
            rows.append((at, at - float(np.interp(mouth, mouths, shown))))
    return np.array(rows).reshape(-1, 2)


async def measure(
    source: str, sink: str, microphone: str, seconds: float, avatar: str, decoder: str, fps: int
) -> NDArray[np.float64]:
    """Rows of (time, offset), seconds."""
    timeline, opened = Timeline(fps), open_pack(avatar, decoder)
    pack, face = opened.pack, opened.avatar
    engine = Engine(face, opened.performer, timeline, 1)
    look_ahead = engine.performer.look_ahead_s
    heard: list[Samples] = []
    pictures: list[tuple[int, float]] = []
    async with AsyncExitStack() as stack:
        sound, composing, showing = (
            stack.enter_context(ThreadPoolExecutor(1, name))
            for name in ("sound", "compose", "camera")
        )
        stack.push_async_callback(engine.aclose)
        await engine.warm_up()
        ear = Microphone(source, sound)
        await ear.open()
        stack.push_async_callback(ear.close)
        line, composer = VoiceLine(0.15), Composer(1280, 720)
        mouth = VoiceOut(sink, line, sound)
        await mouth.open()
        stack.push_async_callback(mouth.close)

        def on_sound(samples: Samples, born: float) -> None:
            heard.append(samples)
            line.put(samples, born)

        def show(picture: I420, frame: Frame | None) -> None:
            if frame is not None:
                pictures.append((frame.tick, time.monotonic()))

        grey = np.full((1080, 1280), 128, np.uint8)
        frames = CameraSink(composer, show, fps, composing, showing, grey)
        voice = Voice(ear.sounds(), timeline, on_sound)
        motion = VoiceMotion(engine, voice.chunks(), seed=0)
        session = Session(engine, motion.motions(), frames, face.anchor(pack.card.identities[0]))

        def delay() -> float | None:
            ready = frames.meter.frames >= fps
            return timeline.lips_after(frames.meter.age(50), look_ahead) if ready else None

        recorder = Recorder(microphone)
        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                for loop in (session.run(), frames.run(), mouth.run(delay)):
                    tasks.create_task(loop)
        except TimeoutError:
            pass
        finally:
            recorder.close()
        print(
            f"picture's age p50 {frames.meter.age(50) * 1000:.0f} ms, "
            f"p95 {frames.meter.age(95) * 1000:.0f} ms; voice delayed by {line.delay * 1000:.0f} "
            f"ms; {line.jumps} jumps, {frames.repeated} pictures repeated, "
            f"{session.skipped} motions skipped"
        )
    return offsets(np.concatenate(heard), recorder, pictures, timeline, look_ahead)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], parents=[session_options()]
    )
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--settle", type=float, default=20.0, help="seconds before it counts")
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    seconds = args.settle + 60.0 * args.minutes
    try:
        with speaker() as source, pulse.virtual_microphone() as sink:
            rows = asyncio.run(
                measure(source, sink, pulse.SOURCE, seconds, args.avatar, args.decoder, args.fps)
            )
    except DeviceError as error:
        raise SystemExit(str(error)) from None
    rows = rows[rows[:, 0] > rows[0, 0] + args.settle]
    if not len(rows):
        raise SystemExit("nothing of the voice was found in the recording")
    late = rows[:, 1] * 1000
    figures = {
        "n": len(late),
        "minutes": args.minutes,
        "fps": args.fps,
        "offset_ms": {f"p{p}": round(float(np.percentile(late, p)), 1) for p in (5, 50, 95)},
        "off_ms": {f"p{p}": round(float(np.percentile(abs(late), p)), 1) for p in (50, 95, 99)},
    }
    print_json({"benchmark": "voice_offset", **figures, "card": card})


if __name__ == "__main__":
    main()
