"""Gestures that follow how something is said: nods, turns of the head and raised brows.

Pitch and loudness stand out where a word is stressed; there heads nod and turn (Munhall et al.
2004, "Visual prosody and speech intelligibility"; Graf et al. 2002, "Visual prosody: facial
movements accompanying speech"), and some of the rises of pitch come with a rise of the brows (Cavé
et al. 1996). When an utterance is over, eyes often blink (Nakano and Kitazawa 2010). All of it is
causal, and which way a head turns is drawn from the seed and the number of the accent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from latentcam.realtime_models.arrays import Samples

RATE = 16000  # Hz, what `gestures` hears
HOP = 160  # samples between two looks at the voice, 10 ms
WINDOW = 640  # samples that pitch is looked for in, 40 ms
THINNED = 2  # pitch is looked for at 8 kHz
LOWEST, HIGHEST = 70.0, 400.0  # Hz
PERIODIC = 0.55  # normalised autocorrelation of a voiced window
QUIETEST_DB = -55.0  # dBFS, softer is no voice
MEMORY = 0.004  # share per voiced hop that the speaker's own mean and spread move: 2.5 s
SWIFTNESS = 0.15  # share per hop that emphasis follows: 60 ms
ACCENT = 0.7  # standard deviations of emphasis that make an accent
APART_S = 0.5  # seconds between two accents at least
NOD = 32.0  # degrees per second of an accent's push, 1.8 degrees at the nod's lowest point
TURN, TILT = 1.6, 0.9  # degrees, standard deviation of where a head turns with an accent
BROW, BROW_SHARE, BROW_S = 0.4, 0.25, 0.25  # height, share of the accents, seconds
HEAD_HZ, TURN_HZ, BROW_HZ = 1.1, 0.7, 1.8  # natural frequencies, critically damped
UTTERANCE_S, PAUSE_S = 1.0, 0.3  # an utterance lasts, and a pause after it
END_BLINK_SHARE = 0.5
BLINK_S = 0.26


@dataclass(frozen=True, slots=True)
class Spring:
    """Something with mass on its way to rest or to a place. value in the axis's unit."""

    value: float = 0.0
    speed: float = 0.0  # per second

    def towards(self, place: float, hertz: float, seconds: float) -> Spring:
        """Critically damped, exactly, whatever the step."""
        omega = 2.0 * math.pi * hertz
        away, fade = self.value - place, math.exp(-omega * seconds)
        push = self.speed + omega * away
        value = place + (away + push * seconds) * fade
        return Spring(value, (self.speed - omega * push * seconds) * fade)


@dataclass(frozen=True, slots=True)
class Manner:
    """How this speaker speaks: means and standard deviations of log2 of Hz, and of dBFS."""

    octave: float = 0.0  # 0: nothing heard yet
    octave_spread: float = 0.2
    loudness: float = -30.0
    loudness_spread: float = 6.0


@dataclass(frozen=True, slots=True)
class GestureState:
    """All that is remembered of one voice. Never written after it is made.

    heard: float32 [n], WINDOW - HOP <= n < WINDOW: samples that the next look also needs.
    """

    seed: int
    heard: Samples
    hops: int = 0
    manner: Manner = Manner()
    emphasis: float = 0.0
    accents: int = 0
    accent_at: int = -1000
    spoken: int = 0  # voiced hops of this utterance
    voiced_at: int = -1000
    blink_at: int = -1000
    brow_until: int = 0
    yaw: float = 0.0  # where the head is turning to
    roll: float = 0.0
    head_pitch: Spring = Spring()
    head_yaw: Spring = Spring()
    head_roll: Spring = Spring()
    brow: Spring = Spring()


def gestures_initial_state(seed: int) -> GestureState:
    return GestureState(seed, np.zeros(WINDOW - HOP, np.float32))


def gestures(
    samples: Samples, state: GestureState, strength: float = 1.0
) -> tuple[dict[str, float], GestureState]:
    """Hear what follows; say where head and brows are, by axis name, to be added to the rest.

    samples: float32 [n] at 16 kHz, finite, in order; any chunking gives the same result. strength:
    scales every move but the lids', which either close or do not. The given state is not changed.
    """
    heard = np.concatenate([state.heard, samples])
    count = (len(heard) - (WINDOW - HOP)) // HOP
    for i in range(count):
        state = _look(heard[i * HOP : i * HOP + WINDOW], state)
    state = replace(state, heard=heard[count * HOP :].copy())
    brow = strength * max(0.0, state.brow.value)
    since = (state.hops - state.blink_at) * HOP / RATE
    return {
        "headPitch": strength * state.head_pitch.value,
        "headYaw": strength * state.head_yaw.value,
        "headRoll": strength * state.head_roll.value,
        "browInnerUp": brow,
        "browOuterUp": 0.8 * brow,
        "eyeBlink": math.sin(math.pi * since / BLINK_S) ** 2 if 0 <= since < BLINK_S else 0.0,
    }, state


def pitch(window: Samples) -> float | None:
    """Hz, or None where nothing is periodic. window: float32 [WINDOW]."""
    thin = window.reshape(-1, THINNED).mean(1)
    thin = thin - thin.mean()
    energy = float(thin @ thin)
    if energy < 1e-9:
        return None
    first = int(RATE / THINNED / HIGHEST)
    lags = np.arange(first, int(RATE / THINNED / LOWEST) + 1)
    alike = np.correlate(np.pad(thin[first:], (0, int(lags[-1]))), thin, "valid")  # [lags]
    # Energies of both ends, so that long lags are not held against a low voice.
    squares = np.cumsum(thin**2)
    left, right = squares[len(thin) - 1 - lags], squares[-1] - squares[lags - 1]
    likeness = alike / np.sqrt(left * right + 1e-12)
    best = float(likeness.max())
    if best < PERIODIC:
        return None
    # The shortest lag that is nearly as good: not an octave below.
    return RATE / THINNED / float(lags[np.flatnonzero(likeness > 0.92 * best)[0]])


def _look(window: Samples, state: GestureState) -> GestureState:
    seconds, now = HOP / RATE, state.hops + 1
    loudness = 10.0 * math.log10(float(window @ window) / WINDOW + 1e-12)
    hertz = pitch(window) if loudness > QUIETEST_DB else None
    manner, wanted = state.manner, 0.0
    spoken, voiced_at = state.spoken, state.voiced_at
    if hertz is not None:
        octave = math.log2(hertz)
        mean = manner.octave or octave
        # A jump by an octave is an error of the tracker: not all of it is believed.
        higher, louder = min(max(octave - mean, -0.5), 0.5), loudness - manner.loudness
        wanted = 0.6 * higher / manner.octave_spread + 0.4 * louder / manner.loudness_spread
        manner = Manner(
            mean + MEMORY * higher,
            _spread(manner.octave_spread, higher, 0.08),
            manner.loudness + MEMORY * louder,
            _spread(manner.loudness_spread, louder, 3.0),
        )
        spoken, voiced_at = spoken + 1, now
    emphasis = state.emphasis + SWIFTNESS * (min(wanted, 3.0) - state.emphasis)
    head, yaw, roll = state.head_pitch, state.yaw, state.roll
    accents, accent_at, brow_until = state.accents, state.accent_at, state.brow_until
    if emphasis > ACCENT >= state.emphasis and (now - accent_at) * seconds > APART_S:
        chance = np.random.default_rng([state.seed, accents])
        force = min(1.6, emphasis / ACCENT)
        head = Spring(head.value, head.speed - force * NOD * float(chance.uniform(0.5, 1.2)))
        yaw, roll = TURN * float(chance.normal()), TILT * float(chance.normal())
        if chance.random() < BROW_SHARE:
            brow_until = now + round(BROW_S / seconds)
        accents, accent_at = accents + 1, now
    quiet = (now - voiced_at) * seconds
    blink_at = state.blink_at
    if spoken and quiet > PAUSE_S:  # the utterance is over: back to the listener
        chance = np.random.default_rng([state.seed, accents, 1])
        if spoken * seconds > UTTERANCE_S and chance.random() < END_BLINK_SHARE:
            blink_at = now
        spoken, yaw, roll = 0, 0.0, 0.0
    return replace(
        state, hops=now, manner=manner, emphasis=emphasis, accents=accents, accent_at=accent_at,
        spoken=spoken, voiced_at=voiced_at, blink_at=blink_at, brow_until=brow_until,
        yaw=yaw, roll=roll,
        head_pitch=head.towards(0.0, HEAD_HZ, seconds),
        head_yaw=state.head_yaw.towards(yaw, TURN_HZ, seconds),
        head_roll=state.head_roll.towards(roll, TURN_HZ, seconds),
        brow=state.brow.towards(BROW if now < brow_until else 0.0, BROW_HZ, seconds),
    )  # fmt: skip


def _spread(spread: float, away: float, least: float) -> float:
    """A running standard deviation, never below `least`."""
    return max(least, math.sqrt(spread**2 + MEMORY * (away**2 - spread**2)))
