"""A voice is heard within a second at any level, whatever came before; a room still is not.

The gate remembered how loud the speaker was, and forgot it only while something nearly as loud was
heard: after a shout, a laugh or a jingle the same voice, softer, moved no lips for minutes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_pack
from latentcam.realtime_models.motion.gate import GateState, gate, gate_initial_state
from latentcam.realtime_models.motion.performance import Performer, Settings
from tests.voice import speech

LEVELS = (-55.0, -50.0, -45.0, -40.0, -32.0, -26.0, -20.0, -10.0)  # dBFS, rms


def at_dbfs(sound: NDArray[np.floating], level: float) -> Samples:
    return np.asarray(sound * 10 ** (level / 20) / np.sqrt(np.mean(sound**2)), np.float32)


def seconds(count: float) -> NDArray[np.float64]:
    return np.arange(int(count * SAMPLE_RATE)) / SAMPLE_RATE


def noise(count: float, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(int(count * SAMPLE_RATE))


def laugh() -> Samples:
    return np.asarray(speech(3.0) * (np.sin(2 * np.pi * 5 * seconds(3.0)) > 0), np.float32)


def jingle() -> NDArray[np.float64]:
    t = seconds(5.0)
    chord = sum(np.sin(2 * np.pi * hertz * t) for hertz in (220, 277, 330, 440, 660))
    return np.asarray(chord * (0.6 + 0.4 * np.sin(4 * np.pi * t)))


def somebody_else(count: float) -> Samples:
    """As `speech`, higher by a half."""
    fast = speech(1.5 * count)
    at = np.arange(int(count * SAMPLE_RATE)) * 1.5
    return np.asarray(np.interp(at, np.arange(len(fast)), fast), np.float32)


LOUD: dict[str, Callable[[], Samples]] = {
    "the same voice": lambda: at_dbfs(speech(3.0), -10.0),
    "a shout": lambda: at_dbfs(speech(2.0), -5.0).clip(-1.0, 1.0),
    "a laugh": lambda: at_dbfs(laugh(), -8.0),
    "a jingle": lambda: at_dbfs(jingle(), -8.0),
    "a door": lambda: at_dbfs(noise(0.5) * np.exp(-seconds(0.5) / 0.06), -12.0).clip(-1.0, 1.0),
    "clipping": lambda: at_dbfs(speech(3.0), 6.0).clip(-1.0, 1.0),
    "another speaker": lambda: at_dbfs(somebody_else(10.0), -12.0),
    "rain": lambda: at_dbfs(noise(5.0), -10.0),
    "a tone": lambda: at_dbfs(np.sin(2 * np.pi * 440 * seconds(5.0)), -6.0),
    "nothing": lambda: np.zeros(SAMPLE_RATE, np.float32),
}


def hear(sound: Samples, state: GateState) -> tuple[NDArray[np.float64], GateState]:
    """How far the gate is open after every 10 ms, and the state for what follows."""
    opened = []
    for i in range(0, len(sound), 160):
        state = gate(sound[i : i + 160], state)
        opened.append(state.open)
    return np.array(opened), state


@pytest.mark.parametrize("what", LOUD)
def test_a_voice_is_heard_within_a_second_whatever_came_before(what: str) -> None:
    _, loud = hear(LOUD[what](), gate_initial_state())
    hiss = (1e-5 * noise(2.0)).astype(np.float32)
    for level in LEVELS:
        for pause in (0.0, 1.5):
            _, state = hear(hiss[: int(pause * SAMPLE_RATE)], loud)
            opened, state = hear(at_dbfs(speech(2.0), level) + hiss, state)
            late = (what, level, pause, opened)
            assert opened[:100].max() == 1.0 and opened[100:].min() == 1.0 and state.speaking, late


@pytest.mark.parametrize("level", [-55.0, -45.0, -32.0])
@pytest.mark.parametrize("what", ["the same voice", "a jingle", "a shout"])
def test_soft_lips_move_again_after_something_loud(what: str, level: float) -> None:
    pack = load_pack(DEFAULT_PACK)
    performer, still = Performer(pack), Settings(life=0.0)
    jaw = [axis.name for axis in pack.card.axes].index("jawOpen")

    def moved(before: Samples) -> NDArray[np.float32]:
        state, xs = performer.initial_state(seed=0), []
        _, state = performer.perform(before, state, still)
        for tick in at_dbfs(speech(4.0), level).reshape(-1, 640):
            x, state = performer.perform(tick, state, still)
            xs.append(x[jaw])
        return np.array(xs)

    alone, after = moved(np.zeros(640, np.float32)), moved(LOUD[what]())
    assert after[25:75].max() > 0.5 * alone[25:75].max()
    assert after[75:].mean() == pytest.approx(alone[75:].mean(), rel=0.2)


@pytest.mark.parametrize("below", [20.0, 30.0, 40.0])
def test_noise_after_a_voice_does_not_open_it_however_long(below: float) -> None:
    _, state = hear(at_dbfs(speech(3.0), -26.0), gate_initial_state())
    _, state = hear(at_dbfs(noise(1.0), -26.0 - below), state)
    assert not hear(at_dbfs(noise(20.0), -26.0 - below), state)[0].any()


@pytest.mark.parametrize("below", [20.0, 30.0])
def test_other_people_are_not_heard_in_the_pauses_of_who_speaks(below: float) -> None:
    """Far below the speaker, and not for as long as it takes to be a new speaker."""
    others = at_dbfs(somebody_else(0.55), -26.0 - below)
    turn = np.concatenate([at_dbfs(speech(1.5), -26.0), others])
    _, state = hear(turn, gate_initial_state())
    opened, _ = hear(np.tile(turn, 5), state)
    late = opened.reshape(5, -1)[:, 150 + 46 :]  # HOLD and FADE are over
    assert not late.any()
