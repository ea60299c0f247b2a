"""Gestures that follow how something is said: a head that moves, nods and raised brows.

Pitch and loudness stand out where a word is stressed; there heads nod (Munhall et al. 2004, "Visual
prosody and speech intelligibility"; Graf et al. 2002, "Visual prosody: facial movements
accompanying speech"), and some of the rises of pitch come with a rise of the brows (Cavé et al.
1996). When an utterance is over, eyes often blink (Nakano and Kitazawa 2010).

As long as there is a voice the head goes from place to place, faster up and down than to the sides.
How fast, and how far within seconds and within a session, follows the tracked heads of eleven
readers (`benchmarks/head_motion.py`); they sit still, so a head here wanders as far as the
liveliest of them. All of it is causal, and where a head goes is drawn from the seed and the number
of the place.
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
NOD, NOD_S = 2.2, 0.2  # degrees that an accent calls for, most of which are reached; seconds
BEAT_S = 0.2, 0.45  # seconds of voice from one place of the head to the next: least and most
WANDER_S = 4.0  # seconds in which most of a head's wandering is forgotten
WANDER = 2.2, 1.7, 1.0  # degrees, standard deviation: yaw, pitch, roll
SHAKE = 0.6, 1.0, 0.6  # degrees, of what each beat adds for itself
BACK_S = 1.5  # seconds in which a head comes back to the listener when an utterance is over
COUNTER = 0.6  # of a turn, that the eyes do not take part in
BROW, BROW_SHARE, BROW_S = 0.4, 0.25, 0.25  # height, share of the accents, seconds
PITCH_HZ, TURN_HZ, BROW_HZ = 1.8, 1.0, 1.8  # natural frequencies, critically damped
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


Place = tuple[float, float, float]
"""Where a head is: yaw, pitch, roll in degrees."""


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
    nod: float = 0.0  # degrees, of the newest accent
    nod_until: int = 0
    beats: int = 0
    beat_at: int = 0  # the next one comes at this hop, or when there is a voice again
    wander: Place = (0.0, 0.0, 0.0)
    shake: Place = (0.0, 0.0, 0.0)
    head_yaw: Spring = Spring()
    head_pitch: Spring = Spring()
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
    yaw, pitched = strength * state.head_yaw.value, strength * state.head_pitch.value
    return {
        "headYaw": yaw,
        "headPitch": pitched,
        "headRoll": strength * state.head_roll.value,
        "gazeYaw": -COUNTER * yaw,
        "gazePitch": -COUNTER * pitched,
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
            running_spread(manner.octave_spread, higher, 0.08),
            manner.loudness + MEMORY * louder,
            running_spread(manner.loudness_spread, louder, 3.0),
        )
        spoken, voiced_at = spoken + 1, now
    emphasis = state.emphasis + SWIFTNESS * (min(wanted, 3.0) - state.emphasis)
    if hertz is not None and now >= state.beat_at:
        state = _beat(now, state)
    nod, nod_until = state.nod, state.nod_until
    accents, accent_at, brow_until = state.accents, state.accent_at, state.brow_until
    if emphasis > ACCENT >= state.emphasis and (now - accent_at) * seconds > APART_S:
        chance = np.random.default_rng([state.seed, accents])
        force = min(1.6, emphasis / ACCENT)
        nod, nod_until = force * NOD * float(chance.uniform(0.5, 1.2)), now + round(NOD_S / seconds)
        if chance.random() < BROW_SHARE:
            brow_until = now + round(BROW_S / seconds)
        accents, accent_at = accents + 1, now
    quiet = (now - voiced_at) * seconds
    blink_at, wander, shake = state.blink_at, state.wander, state.shake
    if quiet > PAUSE_S:
        left = math.exp(-seconds / BACK_S)
        wander, shake = _scaled(left, wander), (0.0, 0.0, 0.0)
    if spoken and quiet > PAUSE_S:  # the utterance is over: back to the listener
        chance = np.random.default_rng([state.seed, accents, 1])
        if spoken * seconds > UTTERANCE_S and chance.random() < END_BLINK_SHARE:
            blink_at = now
        spoken = 0
    yaw, down, roll = (a + b for a, b in zip(wander, shake, strict=True))
    down -= nod if now < nod_until else 0.0
    return replace(
        state, hops=now, manner=manner, emphasis=emphasis, accents=accents, accent_at=accent_at,
        spoken=spoken, voiced_at=voiced_at, blink_at=blink_at, brow_until=brow_until,
        nod=nod, nod_until=nod_until, wander=wander, shake=shake,
        head_yaw=state.head_yaw.towards(yaw, TURN_HZ, seconds),
        head_pitch=state.head_pitch.towards(down, PITCH_HZ, seconds),
        head_roll=state.head_roll.towards(roll, TURN_HZ, seconds),
        brow=state.brow.towards(BROW if now < brow_until else 0.0, BROW_HZ, seconds),
    )  # fmt: skip


def _beat(now: int, state: GestureState) -> GestureState:
    """The head's next place: an autoregressive walk that forgets itself within WANDER_S, and a
    little that belongs to this beat alone."""
    chance = np.random.default_rng([state.seed, state.beats, 2])
    lasts = float(chance.uniform(*BEAT_S))
    kept = math.exp(-lasts / WANDER_S)
    fresh = math.sqrt(1.0 - kept * kept)
    drawn = chance.normal(size=6).tolist()
    yaw, pitched, roll = (
        kept * before + fresh * spread * normal
        for before, spread, normal in zip(state.wander, WANDER, drawn[:3], strict=True)
    )
    shake = (SHAKE[0] * drawn[3], SHAKE[1] * drawn[4], SHAKE[2] * drawn[5])
    beat_at = now + round(lasts * RATE / HOP)
    return replace(
        state, beats=state.beats + 1, beat_at=beat_at, wander=(yaw, pitched, roll), shake=shake
    )


def _scaled(share: float, place: Place) -> Place:
    return share * place[0], share * place[1], share * place[2]


def running_spread(spread: float, away: float, least: float) -> float:
    """A running standard deviation, never below `least`."""
    return max(least, math.sqrt(spread**2 + MEMORY * (away**2 - spread**2)))
