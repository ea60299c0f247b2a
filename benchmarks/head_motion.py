"""How much does a head move while somebody speaks, and how smoothly?

    python -m latentcam.benchmarks.head_motion --data DIR [--data DIR…] [--clips 40] [--life 1]

Each folder holds clips of people who speak: NAME.npz with the head's pose (`head`, [frames, 4, 4])
and `fps`, and NAME.flac with the sound (realtime_models.training.motion describes them). The same
voices are heard by the face, one speaker's clips one after the other, as if in one session. Of
both, people and face:

moves: standard deviation of yaw, pitch and roll, degrees, within stretches as long as the clips,
    root of the mean square. Clips of three seconds do not show how a head wanders in a minute.
wanders: the same within a minute; of the face only, since no clip is as long.
speed, push: 50th, 95th and 99th percentile of the angular speed (degrees a second) and of its
    change (degrees a second, each second), all axes together. Both are taken of the course through
    a window of SMOOTH seconds, as trackers jitter by more than heads do.
voice: by how much faster the head moves where the voice is loud than where it is soft, above and
    below the clip's own median loudness: ratio of the mean speeds.

No figure is one of time.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.realtime_models.motion.gestures import gestures, gestures_initial_state
from latentcam.realtime_models.motion.life import life
from latentcam.stream.voice_file import read_voice

HEAD = ("headYaw", "headPitch", "headRoll")
SMOOTH = 0.2  # seconds
PERCENTILES = (50, 95, 99)
MINUTE = 60.0  # seconds

Angles = NDArray[np.float64]
"""float64 [frames, 3]: yaw, pitch, roll in degrees, with the signs of HEAD."""


def angles(pose: NDArray[Any]) -> Angles:
    """pose: [frames, 4, 4], as MediaPipe gives it; the rotation may be scaled."""
    r = pose[:, :3, :3].astype(np.float64)
    r /= np.linalg.norm(r, axis=1, keepdims=True)
    yaw = np.arctan2(r[:, 0, 2], r[:, 2, 2])
    pitch = np.arcsin(r[:, 1, 2].clip(-1, 1))
    roll = np.arctan2(-r[:, 1, 0], r[:, 1, 1])
    return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=1)), np.float64)


def smoothed(course: Angles, fps: float) -> Angles:
    """Through a window of SMOOTH seconds (Hann's), without its ends."""
    window = np.hanning(round(SMOOTH * fps) + 2)[1:-1]
    window /= window.sum()
    return np.stack([np.convolve(axis, window, "valid") for axis in course.T], axis=1)


def moves(stretches: Iterable[Angles]) -> list[float]:
    """Yaw, pitch, roll."""
    squares = [stretch.var(axis=0) for stretch in stretches]
    return [round(float(value), 2) for value in np.sqrt(np.mean(squares, axis=0))]


def speeds(course: Angles, fps: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Degrees a second, and the size of their change each second."""
    velocity = np.diff(smoothed(course, fps), axis=0) * fps
    push = np.diff(velocity, axis=0) * fps
    return np.linalg.norm(velocity, axis=1), np.linalg.norm(push, axis=1)


def loudness(voice: Samples, frames: int, fps: float) -> NDArray[np.float64]:
    """dBFS of each frame."""
    size = round(SAMPLE_RATE / fps)
    cut = np.pad(voice, (0, max(0, frames * size - len(voice))))[: frames * size]
    return np.asarray(10 * np.log10(np.square(cut.reshape(frames, size)).mean(axis=1) + 1e-10))


def with_voice(course: Angles, voice: Samples, fps: float) -> float:
    """Mean speed where the voice is loud over that where it is soft."""
    speed, _ = speeds(course, fps)
    lost = (len(course) - len(speed)) // 2
    loud = loudness(voice, len(course), fps)[lost : lost + len(speed)]
    over = loud > np.median(loud)
    return float(speed[over].mean() / speed[~over].mean())


def figures(clips: Sequence[tuple[Angles, Samples]], fps: float) -> dict[str, Any]:
    speed, push = zip(*(speeds(course, fps) for course, _ in clips), strict=True)
    return {
        "moves": moves(course for course, _ in clips),
        "speed": _percentiles(np.concatenate(speed)),
        "push": _percentiles(np.concatenate(push)),
        "voice": round(float(np.median([with_voice(*clip, fps) for clip in clips])), 2),
    }


def performed(voice: Samples, fps: float, strength: float, seed: int) -> Angles:
    """The face's own head while it hears the voice."""
    state, size, rows = gestures_initial_state(seed), round(SAMPLE_RATE / fps), []
    for tick in range(len(voice) // size):
        moved, state = gestures(voice[tick * size : (tick + 1) * size], state, strength)
        lived = life((tick + 1) / fps, seed, strength)
        rows.append([moved[name] + lived[name] for name in HEAD])
    return np.array(rows)


def read_clips(folder: Path, most: int) -> dict[str, list[tuple[Angles, Samples, float]]]:
    """By speaker: heads, voices, frames a second. most: clips of each speaker. Where the tracker
    lost the face the clip is left out."""
    found: dict[str, list[tuple[Angles, Samples, float]]] = defaultdict(list)
    for path in sorted(folder.glob("*.npz")):
        speaker = "_".join(path.stem.split("_")[:2]) if "_" in path.stem else folder.name
        if len(found[speaker]) == most:
            continue
        stored = np.load(path)
        if np.isfinite(stored["head"]).all():
            voice = np.concatenate(list(read_voice(path.with_suffix(".flac"), SAMPLE_RATE)))
            found[speaker].append((angles(stored["head"]), voice, float(stored["fps"])))
    return found


def compared(
    speakers: dict[str, list[tuple[Angles, Samples, float]]], strength: float
) -> dict[str, Any]:
    """The figures of the people, and those of the face that hears them."""
    people: list[tuple[Angles, Samples]] = []
    face: list[tuple[Angles, Samples]] = []
    minutes: list[Angles] = []
    for seed, clips in enumerate(speakers.values()):
        fps, size = clips[0][2], round(SAMPLE_RATE / clips[0][2])
        voices = [np.pad(voice, (0, -len(voice) % size)) for _, voice, _ in clips]
        whole = performed(np.concatenate(voices), fps, strength, seed)
        cuts = np.cumsum([len(voice) // size for voice in voices])
        face += list(zip(np.split(whole, cuts)[:-1], voices, strict=True))
        people += [(course, voice) for course, voice, _ in clips]
        long = round(MINUTE * fps)
        minutes += [whole[at : at + long] for at in range(0, len(whole) - long + 1, long)]
    return {
        "people": figures(people, fps),
        "face": {**figures(face, fps), **({"wanders": moves(minutes)} if minutes else {})},
        "clips": len(people),
        "speakers": len(speakers),
    }


def _percentiles(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 1) for value in np.percentile(values, PERCENTILES)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--clips", type=int, default=40, help="of each speaker, at most")
    parser.add_argument("--life", type=float, default=1.0, help="strength of the face's life")
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    found = {}
    for folder in args.data:
        speakers = read_clips(folder, args.clips)
        if not speakers:
            parser.error(f"{folder} holds no clips, expected NAME.npz and NAME.flac")
        found[folder.name] = compared(speakers, args.life)
        print(f"{folder.name}: {found[folder.name]['clips']} clips of {len(speakers)} speaker(s)")
        for who in ("people", "face"):
            print(f"  {who}: " + ", ".join(f"{k} {v}" for k, v in found[folder.name][who].items()))
    print_json({"card": card, "life": args.life, **found})


if __name__ == "__main__":
    main()
