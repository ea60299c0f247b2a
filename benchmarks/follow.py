"""Does the face follow a person's head and lips, and how late?

    python -m latentcam.benchmarks.follow CLIP... --tracker face_landmarker.task

Each clip is played to the tracker as a webcam would be, once for the person's rest, and once more
to be followed, lips and all, without a voice. The face that is drawn is tracked in turn, and
compared with the person. Who reads a sentence hardly turns, so another face of the avatar is such a
person as well, one that turns its head to and fro and opens its mouth:

r: Pearson's, of the head's yaw and of the score jawOpen, when both are as late as they come out.
late: by how many milliseconds the face is best shifted, parabola through the best three ticks; what
    the filter and the easing of the face add to tracking and drawing.
moves: standard deviation of the person's yaw, degrees. Below one degree the trackers' own noise is
    a good part of it.
track: milliseconds that one picture takes to be tracked.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.arrays import SAMPLE_RATE, Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.face_tracker import FaceTracker, TrackedFace
from latentcam.realtime_models.motion.driven import Driven
from latentcam.realtime_models.motion.following import REST_SECONDS, FollowState, follow
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.realtime_models.opened import open_pack

FPS = 25
TURNS = 150  # pictures of a person who turns
MOST_LATE = 10  # ticks


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures of a person at rest, and of the person who is followed, FPS a second."""

    name: str
    rest: list[Rgb]
    pictures: list[Rgb]


def filmed(path: Path) -> Clip:
    """While a sentence is read the mouth is closed often enough to tell rest."""
    with av.open(str(path)) as film:
        pictures = [
            frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in film.decode(video=0)
        ]
    return Clip(path.name, pictures, pictures)


def turning(avatar: Avatar, identity: str) -> Clip:
    """An avatar's face as the person, in front of grey."""
    anchor, control = avatar.anchor(identity), avatar.basis.control
    still = composite(avatar.render(anchor, control({})))
    moving = []
    for n in range(TURNS):
        yaw, jaw = np.sin(2 * np.pi * n / FPS / 3.1), np.sin(2 * np.pi * n / FPS / 0.7)
        x = control({"headYaw": 18.0 * yaw, "jawOpen": 0.6 * max(0.0, jaw)})
        moving.append(composite(avatar.render(anchor, x)))
    return Clip("drawn", [still] * (round(REST_SECONDS * FPS) + 2), moving)


def followed(
    clip: Clip, model: Path
) -> tuple[list[TrackedFace | None], list[Driven | None], list[float]]:
    """The person in each picture, what their head lends, and how long each picture was tracked."""
    tracker, state = FaceTracker(model, video=True), FollowState()
    seen: list[TrackedFace | None] = []
    lent: list[Driven | None] = []
    took = []
    for n, picture in enumerate(clip.rest + clip.pictures):
        begun = time.perf_counter()
        face = tracker.track(picture, n / FPS)
        took.append(time.perf_counter() - begun)
        driven = None
        if face is not None:
            driven, state = follow(face.observed(n / FPS, picture), 1.0, state)
        seen.append(face)
        lent.append(driven)
    return seen[len(clip.rest) :], lent[len(clip.rest) :], took


def drawn(
    avatar: Avatar, performer: Performer, identity: str, lent: Sequence[Driven | None]
) -> Iterator[Rgb]:
    """The face that follows, picture by picture."""
    state, settings = performer.initial_state(seed=1), Settings(life=0.0)
    state = replace(state, following=1.0)  # it has been followed for a while
    silence = np.zeros(SAMPLE_RATE // FPS, np.float32)
    anchor, newest = avatar.anchor(identity), None
    for driven in lent:
        newest = driven or newest
        x, state = performer.perform(silence, state, settings, newest)
        yield composite(avatar.render(anchor, x))


def compared(person: NDArray[np.float64], face: NDArray[np.float64]) -> tuple[float, float]:
    """(r, ticks that the face is late) where they agree best."""
    count = len(person)
    rs = []
    for late in range(MOST_LATE + 1):
        a, b = person[: count - late], face[late:]
        known = np.isfinite(a) & np.isfinite(b)
        rs.append(float(np.corrcoef(a[known], b[known])[0, 1]))
    best = int(np.argmax(rs))
    if 0 < best < MOST_LATE:
        before, at, after = rs[best - 1 : best + 2]
        return at, best + 0.5 * (before - after) / (before - 2 * at + after)
    return rs[best], float(best)


def course(faces: Sequence[TrackedFace | None]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Yaw and jawOpen of each; NaN where there is no face."""
    yaw = [np.nan if face is None else face.angles[0] for face in faces]
    jaw = [np.nan if face is None else face.scores["jawOpen"] for face in faces]
    return np.array(yaw), np.array(jaw)


def measure(
    clip: Clip, model: Path, avatar: Avatar, performer: Performer, identity: str
) -> dict[str, Any]:
    seen, lent, took = followed(clip, model)
    tracker = FaceTracker(model)
    ours = [tracker.track(picture) for picture in drawn(avatar, performer, identity, lent)]
    (yaw, jaw), (our_yaw, our_jaw) = course(seen), course(ours)
    (r_yaw, late_yaw), (r_jaw, late_jaw) = compared(yaw, our_yaw), compared(jaw, our_jaw)
    return {
        "clip": clip.name,
        "r_yaw": round(r_yaw, 3), "late_yaw_ms": round(1000 * late_yaw / FPS, 1),
        "r_jaw": round(r_jaw, 3), "late_jaw_ms": round(1000 * late_jaw / FPS, 1),
        "moves": round(float(np.nanstd(yaw)), 2),
        "missing": sum(face is None for face in seen),
        "track_ms": [round(float(q), 1) for q in np.percentile(took, (50, 95)) * 1000],
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], parents=[avatar_options()]
    )
    parser.add_argument("clips", type=Path, nargs="*", help="films of one face each, 25 fps")
    parser.add_argument("--tracker", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument("--identity", help="whose face; default: the avatar's first")
    args = parser.parse_args(argv)
    card = machine_card()
    print_card(card)
    opened = open_pack(args.avatar, "auto")
    identity = args.identity or opened.avatar.card.identities[0]
    rows = []
    print("clip        r yaw  late ms  r jaw  late ms  moves  missing  track ms (p50, p95)")
    person = turning(opened.avatar, opened.avatar.card.identities[-1])
    for clip in chain([person], map(filmed, args.clips)):
        row = measure(clip, args.tracker, opened.avatar, opened.performer, identity)
        rows.append(row)
        print(
            f"{row['clip']:10}  {row['r_yaw']:5.3f}  {row['late_yaw_ms']:7.0f}  "
            f"{row['r_jaw']:5.3f}  {row['late_jaw_ms']:7.0f}  {row['moves']:5.2f}  "
            f"{row['missing']:7}  {row['track_ms']}",
            flush=True,
        )
    filmed_rows = rows[1:] or rows  # the first is the drawn person
    median = {
        key: float(np.median([row[key] for row in filmed_rows])) for key in ("r_yaw", "r_jaw")
    }
    print(f"median      {median['r_yaw']:5.3f}           {median['r_jaw']:5.3f}")
    print_json({"benchmark": "follow", "card": card, "median": median, "rows": rows})


if __name__ == "__main__":
    main()
