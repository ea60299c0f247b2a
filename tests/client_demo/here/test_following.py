"""The page follows a person as Python does: the same looks give the same motion."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.face_tracker import TrackedFace
from latentcam.realtime_models.motion.driven import (
    DRIVEN,
    HOLD,
    LIPS,
    VERSION,
    Driven,
    from_packet,
    to_packet,
)
from latentcam.realtime_models.motion.following import (
    SCORES,
    FollowState,
    Observed,
    colours,
    follow,
)
from latentcam.realtime_models.motion.performance import Performer, Settings
from tests.client_demo.conftest import FROM_BYTES, TO_BYTES, packed, unpacked
from tests.realtime_models.motion.test_following import NAMES, looks
from tests.voice import speech

FOLLOW = """async ([seen, lips]) => {
  const { Follower } = await import('/page/here/motion/following.js');
  const follower = new Follower();
  return seen.map((observed) => follower.follow(observed, lips));
}"""


def a_person() -> list[Observed]:
    """Somebody turns about, sits still, then moves as people do, with a break and a change of
    light: 12 s at about 30 pictures a second."""
    chance = np.random.default_rng(5)
    seen, at = [], 0.0
    walk = np.zeros(len(NAMES) + 3)
    for n in range(360):
        at += 5.0 if n == 250 else float(chance.uniform(0.02, 0.05))
        walk = 0.95 * walk + chance.normal(scale=0.0 if 40 < n < 130 else 0.12, size=len(walk))
        if n <= 40:
            walk[-3:] = 30 * np.sin(n)
        elif n < 130:
            walk[-3:] = 0
        scores = dict(zip(NAMES, np.clip(0.15 + walk[:-3], 0, 1).tolist(), strict=True))
        yaw, pitch, roll = (40 * walk[-3:]).tolist()
        light, redness = (20.0, 0.05) if 200 < n < 220 else (120.0, 0.05 - 0.06 * (n > 330))
        seen.append(Observed(at, scores, (yaw, pitch, roll), light, redness))
    return seen


def test_the_page_follows_as_python_does(page: Any) -> None:
    person, state, expected = a_person(), FollowState(), []
    for observed in person:
        driven, state = follow(observed, 0.7, state)
        expected.append(driven)
    asked = [
        {"at": o.at, "scores": o.scores, "angles": o.angles, "light": o.light, "redness": o.redness}
        for o in person
    ]
    got = page.evaluate(FOLLOW, [asked, 0.7])
    known = [driven is not None for driven in expected]
    assert [one is not None for one in got] == known and 100 < sum(known) < 300
    for one, driven in zip(got, expected, strict=True):
        if driven is not None:
            assert one["values"] == pytest.approx(dict(driven.values), abs=1e-9)
            assert one["lips"] == pytest.approx(driven.lips, abs=1e-9)


def test_names_and_reaches_are_those_of_python(page: Any) -> None:
    axes, lips, hold, scores = page.evaluate("""async () => {
      const { DRIVEN, LIPS, HOLD } = await import('/page/here/motion/driven.js');
      const { SCORES } = await import('/page/here/motion/following.js');
      return [DRIVEN, [...LIPS], HOLD, SCORES];
    }""")
    assert [(a["name"], a["low"], a["high"]) for a in axes] == [
        (a.name, a.low, a.high) for a in DRIVEN
    ]
    assert lips == list(LIPS) and hold == HOLD
    assert scores == {name: [list(names), end] for name, (names, end) in SCORES.items()}


def test_packets_are_those_of_python(page: Any) -> None:
    chance = np.random.default_rng(2)
    asked: list[tuple[dict[str, float], float, int]] = [({"headYaw": 1e6, "jawOpen": -3.0}, 7.0, 3)]
    for number in (0, 255, 65_535, 65_536):
        values = {axis.name: float(chance.uniform(axis.low, axis.high)) for axis in DRIVEN}
        asked.append((values, float(chance.random()), number))
    got = page.evaluate(
        """async (asked) => {
          const { toPacket } = await import('/page/here/motion/driven.js');
          return asked.map(([values, lips, number]) => (
            [...new Uint8Array(toPacket({ values, lips }, number))]));
        }""",
        [list(one) for one in asked],
    )
    for packet, (values, lips, number) in zip(got, asked, strict=True):
        ours, theirs = (
            from_packet(to_packet(Driven(values, lips), number)),
            from_packet(bytes(packet)),
        )
        assert packet[0] == VERSION and ours is not None and theirs is not None
        assert theirs[1] == ours[1] and abs(theirs[0].lips - ours[0].lips) <= 1 / 255
        for axis in DRIVEN:  # a tie may be rounded either way
            assert abs(theirs[0].values[axis.name] - ours[0].values[axis.name]) <= 1e-3


def test_angles_and_colours_are_those_of_python(page: Any) -> None:
    chance = np.random.default_rng(4)
    pose = np.eye(4)
    pose[:3, :3] = np.linalg.qr(chance.normal(size=(3, 3)))[0]
    face = TrackedFace(np.zeros((478, 3)), {}, pose)
    angles = page.evaluate(
        "async (m) => (await import('/page/here/motion/following.js')).anglesOf(m)",
        pose.T.ravel().tolist(),
    )
    assert angles == pytest.approx(face.angles)
    for picture, marks in looks():
        height, width = picture.shape[:2]
        whole = np.dstack([picture, np.full((height, width), 255, np.uint8)])
        got = page.evaluate(
            f"""async ([data, width, height, marks]) => {{
              const {{ colours }} = await import('/page/here/motion/following.js');
              return colours({{ data: new Uint8Array(({TO_BYTES})(data)), width, height }}, marks);
            }}""",
            [packed(whole), width, height, marks.tolist()],
        )
        light, redness = colours(picture, marks)
        assert (got["light"], got["redness"]) == pytest.approx((light, redness))


PERFORM = """async ([sound, driven]) => {
  const { Performer } = await import('/page/here/motion/performer.js');
  const { loadPack } = await import('/page/here/pack.js');
  const wasm = await fetch('/page/here/vendor/fvad.wasm');
  const detector = new WebAssembly.Module(await wasm.arrayBuffer());
  const { card, motion } = await loadPack((name) => fetch(`/studio/${name}`));
  const performer = new Performer({ card, motion, detector, seed: 9 });
  const samples = new Float32Array(TO_BYTES(sound)), poses = [];
  driven.forEach((one, tick) => {
    if (one) performer.drive(one);
    performer.hear(samples.slice(640 * tick, 640 * tick + 640));
    poses.push(...performer.pose());
  });
  return FROM_BYTES(new Float32Array(poses));
}""".replace("TO_BYTES", f"({TO_BYTES})").replace("FROM_BYTES", f"({FROM_BYTES})")


def test_what_a_camera_lends_is_mixed_as_in_python(page: Any) -> None:
    """With pauses: shorter ones are bridged, in longer ones the face goes its own way."""
    pack = load_pack("studio")
    sound, performer = speech(5.0), Performer(pack)
    chance, state = np.random.default_rng(6), performer.initial_state(9)
    lent: list[Driven | None] = []
    for tick in range(125):
        values = {axis.name: float(chance.uniform(axis.low, axis.high)) for axis in DRIVEN}
        quiet = tick < 10 or 40 <= tick < 48 or 70 <= tick < 100
        lent.append(None if quiet else Driven(values, float(chance.random())))
    expected, newest, since = [], None, 0
    for tick, driven in enumerate(lent):
        if driven is not None:
            newest, since = driven, tick
        is_held = newest is not None and (tick + 1 - since) * 640 / 16_000 <= HOLD
        x, state = performer.perform(
            sound[640 * tick : 640 * tick + 640], state, Settings(), newest if is_held else None
        )
        expected.append(x)
    asked = [one and {"values": dict(one.values), "lips": one.lips} for one in lent]
    text = page.evaluate(PERFORM, [packed(sound), json.loads(json.dumps(asked))])
    got = unpacked(text, np.float32).reshape(-1, len(pack.card.axes))
    assert np.abs(got - np.array(expected)).max() < 1e-3
