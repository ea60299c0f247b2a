"""The page hears as Python does: the same sound gives the same motion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.motion.manner import BARED, MANNERS
from latentcam.realtime_models.motion.performance import Performer, Settings
from tests.client_demo.conftest import FROM_BYTES, TO_BYTES, packed, unpacked
from tests.voice import speech

TICK = 640  # samples
SEED = 3_456_789_012  # as large as those of calls
SETTINGS = (  # from which tick on
    (0, Settings()),
    (60, Settings({"mouthSmile": 0.4, "headYaw": -9.0, "nothing": 1.0}, 1.6)),
    (120, Settings({"happy": 0.8, "sad": -0.5, "angry": 7.0})),
    (190, Settings({}, 0.0)),
    (230, Settings({"jawOpen": 5.0}, 0.5)),
)

PERFORM = """async ([sound, seed, settings, cut]) => {
  const { Performer } = await import('/page/here/motion/performer.js');
  const { loadPack } = await import('/page/here/pack.js');
  const wasm = await fetch('/page/here/vendor/fvad.wasm');
  const detector = new WebAssembly.Module(await wasm.arrayBuffer());
  const { card, motion } = await loadPack((name) => fetch(`/studio/${name}`));
  const performer = new Performer({ card, motion, detector, seed });
  const samples = new Float32Array(TO_BYTES(sound)), poses = [], opened = [];
  for (let at = 0; at + 640 <= samples.length; at += 640) {
    const found = settings.find(([tick]) => tick * 640 === at);
    if (found) performer.settings = found[1];
    for (let i = 0; i < 640; i += cut) {
      performer.hear(samples.slice(at + i, at + Math.min(i + cut, 640)));
    }
    poses.push(...performer.pose());
    opened.push(performer.speaking ? 1 : 0);
  }
  return [FROM_BYTES(new Float32Array(poses)), opened];
}""".replace("TO_BYTES", f"({TO_BYTES})").replace("FROM_BYTES", f"({FROM_BYTES})")


@pytest.fixture(scope="module")
def pack() -> AvatarPack:
    return load_pack("studio")


def a_conversation() -> NDArray[np.float32]:
    """Speech, a pause, a softer voice in a louder room, a shout, digital silence, a broken sample:
    13 s."""
    rng = np.random.default_rng(1)
    said = np.concatenate([
        speech(2.0), np.zeros(16_000, np.float32), 0.15 * speech(3.0), np.zeros(32_000, np.float32),
        4.0 * speech(1.0), np.zeros(16_000, np.float32), 0.5 * speech(2.0),
        np.zeros(16_000, np.float32),
    ])  # fmt: skip
    room = 1e-3 * rng.standard_normal(len(said)).astype(np.float32)
    room[-16_000:] = 0.0
    sound = said + room
    sound[5000], sound[90_000:90_002] = np.nan, (np.inf, -np.inf)
    return np.asarray(sound, np.float32)


@pytest.mark.parametrize("cut", [128, 640, 43])
def test_control_vectors_are_those_of_python(page: Any, pack: AvatarPack, cut: int) -> None:
    """However the sound is cut: an audio thread gets it in pieces that fit nothing."""
    sound, performer = a_conversation(), Performer(pack)
    state, settings = performer.initial_state(SEED), Settings()
    expected, speaking = [], []
    for tick in range(len(sound) // TICK):
        settings = dict(SETTINGS).get(tick, settings)
        samples = sound[tick * TICK : (tick + 1) * TICK]
        x, state = performer.perform(samples, state, settings)
        expected.append(x)
        speaking.append(state.gate.speaking)
    assert 50 < sum(speaking) < len(speaking) - 50, "there is no speech or no silence in it"

    asked = [[tick, {"expression": dict(s.expression), "life": s.life}] for tick, s in SETTINGS]
    text, opened = page.evaluate(PERFORM, [packed(sound), SEED, asked, cut])
    got = unpacked(text, np.float32).reshape(-1, len(pack.card.axes))
    assert [bool(one) for one in opened] == speaking
    assert np.abs(got - np.array(expected)).max() < 1e-3


def test_axes_reach_as_far_as_those_of_python(page: Any) -> None:
    degrees = page.evaluate("async () => (await import('/page/here/motion/performer.js')).DEGREES")
    for axis in FACE_AXES:
        most = degrees.get(axis.name)
        expected = (0.0, 1.0) if most is None else (-most, most)
        assert (axis.low, axis.high) == expected, axis.name


def test_moods_speak_as_in_python(page: Any) -> None:
    manners = page.evaluate("async () => (await import('/page/here/motion/manner.js')).MANNERS")
    assert manners == {
        mood: {axis: list(move) for axis, move in moves.items()} for mood, moves in MANNERS.items()
    }
    bared = page.evaluate("async () => (await import('/page/here/motion/manner.js')).BARED")
    assert bared == BARED


def test_random_numbers_are_those_of_numpy(page: Any) -> None:
    """Every branch of the ziggurat is taken: its tail comes once in 4000 numbers."""
    keys = [[0], [7, 2], [2**40 + 3], [5, 2**70 + 11, 1], [1, 2, 3, 4, 5, 6]]
    draw = """async (keys) => {
      const { Random } = await import('/page/here/motion/random.js');
      return keys.map((key) => {
        const random = new Random(...key.map(BigInt));
        const first = [random.random(), random.uniform(0.5, 1.2)];
        return [...first, ...Array.from({ length: 5000 }, () => random.normal())];
      });
    }"""
    got = page.evaluate(draw, [[str(number) for number in key] for key in keys])
    for key, numbers in zip(keys, got, strict=True):
        chance = np.random.default_rng(key)
        expected = [chance.random(), chance.uniform(0.5, 1.2), *chance.standard_normal(5000)]
        assert np.abs(np.array(numbers) - expected).max() < 1e-9
    assert np.abs(got).max() > 3.66
