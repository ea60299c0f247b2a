"""The face of somebody who listens: nods, a smile now and then, eyes on whoever speaks.

What moves it is the other voice, of a call for example; the lips follow their own voice alone.
Listeners answer without a word 0.7 s after a stretch of low pitch (Ward and Tsukahara 2000,
"Prosodic features which cue back-channel responses in English and Japanese"), and when a phrase is
over; at its end their eyes blink as well (Nakano and Kitazawa 2010, "Eyeblink entrainment at
breakpoints of speech"). A nod of several dips begins deeper, and each dip is smaller than the one
before (Mori et al. 2025, "Structure of nods in conversation"). Listeners look at the speaker more
than speakers look at them (Kendon 1967). How many of the chances to nod are taken, how deep a nod
is, and when a smile comes, is ours: by eye. All of it is causal, and drawn from the seed and the
number of the chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.realtime_models.motion.gate import FRAME, GateState, gate, gate_initial_state
from latentcam.realtime_models.motion.gestures import MEMORY, Spring, pitch, running_spread

STEP = FRAME / SAMPLE_RATE  # seconds between two looks at the other voice
STAYS_S = 2.5  # seconds of the other's silence until nobody is listened to any more
ATTEND_HZ, TILT_HZ, SMILE_HZ = 0.6, 0.35, 0.5  # natural frequencies, critically damped
PHRASE_S = 0.7  # seconds of voice that a phrase has at least before it is answered
LOW = 0.64  # standard deviations under the mean: the lowest quarter of the pitches
LOW_S, ANSWER_S = 0.11, 0.7  # seconds of low pitch, and until it is answered
LOW_SHARE, PAUSE_SHARE = 0.25, 0.55  # of the chances to nod that are taken
HESITATES_S = 0.3  # seconds at most between the end of a phrase and a nod
APART_S = 2.0  # seconds from one nod to the next at least
NOD_DEGREES, NOD_HZ = (1.8, 4.0), (1.4, 2.0)  # of a nod with one dip: least and most
DEEPER, FADES = 1.2, 0.6  # the first dip for each one that follows, and that one beside it
DIPS = (0.45, 0.8)  # share of the nods with one dip, with at most two; others have three
TILT = 1.6  # degrees, standard deviation of how a head is held while it listens
SMILE, SMILE_SHARE, SMILE_S = (0.12, 0.28), 0.25, (1.5, 3.5)  # height, share of nods, seconds
SQUINT = 0.4  # of a smile's height: cheeks lift the lids
BLINK_SHARE, BLINK_S = 0.4, 0.26


@dataclass(frozen=True, slots=True)
class Nod:
    """begins: the hop. dips: how often the head goes down and comes back. degrees: the first."""

    begins: int = -1000
    dips: int = 0
    degrees: float = 0.0
    hertz: float = 1.0

    @property
    def ends(self) -> float:
        """The hop at which the head is back."""
        return self.begins + self.dips / (self.hertz * STEP)

    def at(self, hop: int) -> float:
        """Degrees down."""
        if not self.begins <= hop < self.ends:
            return 0.0
        cycles = (hop - self.begins) * STEP * self.hertz
        return self.degrees * FADES ** int(cycles) * math.sin(math.pi * cycles) ** 2


@dataclass(frozen=True, slots=True)
class ListeningState:
    """All that is remembered of the other voice, and of the face that hears it. Never written after
    it is made.

    rest: float32 [n], n < FRAME: samples that were not looked at yet. octave, octave_spread: mean
    and standard deviation of log2 of the voice's Hz. low, spoken: hops of low pitch in a row, and
    of voice in this phrase. heard_at, blink_at: hops. attention: 1 while the face listens.
    """

    seed: int
    rest: Samples
    gate: GateState
    hops: int = 0
    octave: float = 0.0  # 0: nothing heard yet
    octave_spread: float = 0.2
    low: int = 0
    spoken: int = 0
    heard_at: int = -1000
    chances: int = 0
    turns: int = 0  # how often the face began to listen
    listens: bool = False
    nod: Nod = Nod()
    smile: float = 0.0  # height of the newest smile, and the hop of its end
    smile_until: int = 0
    blink_at: int = -1000
    tilted: float = 0.0  # degrees, where the head is tilting to
    attention: Spring = Spring()
    tilt: Spring = Spring()
    smiling: Spring = Spring()


def listening_initial_state(seed: int) -> ListeningState:
    """Before the other voice's first sample."""
    return ListeningState(seed, np.zeros(0, np.float32), gate_initial_state())


def listening(
    other: Samples, speaks: bool, state: ListeningState, strength: float = 1.0
) -> tuple[dict[str, float], ListeningState]:
    """Hear what the other says next; say how a listener's face moves, by axis name, to be added to
    the rest.

    other: float32 [n] at 16 kHz, finite, in order; any chunking gives the same result. speaks:
    whether the face itself is speaking, and so does not listen. strength: scales every move but the
    lids'. No axis that the lips speak with is among those returned. The given state is not changed.
    """
    heard = np.concatenate([state.rest, other])
    count = len(heard) // FRAME
    for frame in heard[: count * FRAME].reshape(count, FRAME):
        state = _hear(frame, speaks, state)
    state = replace(state, rest=heard[count * FRAME :].copy())
    smile = strength * max(0.0, state.smiling.value)
    since = (state.hops - state.blink_at) * STEP
    return {
        "headPitch": -strength * state.attention.value * state.nod.at(state.hops),
        "headRoll": strength * state.tilt.value,
        "mouthSmile": smile,
        "eyeSquint": SQUINT * smile,
        "eyeBlink": math.sin(math.pi * since / BLINK_S) ** 2 if 0 <= since < BLINK_S else 0.0,
    }, state


def _hear(frame: Samples, speaks: bool, state: ListeningState) -> ListeningState:
    now, was_speaking = state.hops + 1, state.gate.speaking
    heard = gate(frame, state.gate)
    hertz = pitch(heard.recent) if heard.silent == 0.0 else None
    octave, spread, low, spoken = state.octave, state.octave_spread, 0, state.spoken
    if hertz is not None:
        # A jump by an octave is an error of the tracker: not all of it is believed.
        octave = octave or math.log2(hertz)
        higher = min(max(math.log2(hertz) - octave, -0.5), 0.5)
        low = state.low + 1 if higher < -LOW * spread else 0
        octave, spread = octave + MEMORY * higher, running_spread(spread, higher, 0.08)
        spoken += 1
    heard_at = now if heard.speaking else state.heard_at
    listens = not speaks and (now - heard_at) * STEP < STAYS_S
    state = replace(
        state, hops=now, gate=heard, octave=octave, octave_spread=spread, low=low, spoken=spoken,
        heard_at=heard_at,
    )  # fmt: skip
    if listens != state.listens:
        state = _turned(listens, state)
    long_enough, over = spoken * STEP >= PHRASE_S, was_speaking and not heard.speaking
    if listens and long_enough and low == round(LOW_S / STEP):
        state = _chance(LOW_SHARE, ANSWER_S, state)
    if over:
        if listens and long_enough:
            state = _phrase_over(state)
        state = replace(state, spoken=0)
    smiles = listens and now < state.smile_until
    return replace(
        state,
        attention=state.attention.towards(1.0 if listens else 0.0, ATTEND_HZ, STEP),
        tilt=state.tilt.towards(state.tilted, TILT_HZ, STEP),
        smiling=state.smiling.towards(state.smile if smiles else 0.0, SMILE_HZ, STEP),
    )


def _turned(listens: bool, state: ListeningState) -> ListeningState:
    """The face begins to listen, or stops: a nod that was due is not wanted any more."""
    nod = state.nod if state.nod.begins <= state.hops else Nod()
    if not listens:
        return replace(state, listens=False, nod=nod, tilted=0.0)
    tilted = TILT * float(np.random.default_rng([state.seed, state.turns, 3]).normal())
    return replace(state, listens=True, turns=state.turns + 1, tilted=tilted)


def _phrase_over(state: ListeningState) -> ListeningState:
    chance = np.random.default_rng([state.seed, state.chances, 4])
    blinks = chance.random() < BLINK_SHARE
    after = float(chance.uniform(0.0, HESITATES_S))
    state = _chance(PAUSE_SHARE, after, state)
    return replace(state, blink_at=state.hops) if blinks else state


def _chance(share: float, after_s: float, state: ListeningState) -> ListeningState:
    """A moment at which listeners nod: this one may, unless it just did or is about to."""
    chance = np.random.default_rng([state.seed, state.chances, 5])
    state = replace(state, chances=state.chances + 1)
    begins = state.hops + round(after_s / STEP)
    if chance.random() >= share or (begins - state.nod.ends) * STEP < APART_S:
        return state
    drawn = float(chance.random())
    dips = 1 + sum(drawn >= up_to for up_to in DIPS)
    degrees = DEEPER ** (dips - 1) * float(chance.uniform(*NOD_DEGREES))
    nod = Nod(begins, dips, degrees, float(chance.uniform(*NOD_HZ)))
    if chance.random() < SMILE_SHARE:
        smile, lasts = float(chance.uniform(*SMILE)), float(chance.uniform(*SMILE_S))
        state = replace(state, smile=smile, smile_until=begins + round(lasts / STEP))
    return replace(state, nod=nod)
