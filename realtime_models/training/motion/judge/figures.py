"""The numbers by which lips are judged; pure functions of curves at 100 Hz."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.training.motion.data.phones import (
    CLOSED_LIPS,
    OPEN_VOWELS,
    SILENCE,
    Phone,
)

Curve = NDArray[np.float64]


def correlation(got: Curve, wanted: Curve) -> float:
    return float(np.corrcoef(got, wanted)[0, 1])


def best_lag(got: Curve, wanted: Curve, reach: int = 12) -> int:
    """Hops by which `got` is late against `wanted`: where they correlate best."""
    n = len(got)

    def at(lag: int) -> float:
        return correlation(
            got[max(0, lag) : n + min(0, lag)], wanted[max(0, -lag) : n - max(0, lag)]
        )

    return max(range(-reach, reach + 1), key=at)


def auc(high: Sequence[float], low: Sequence[float]) -> float:
    """The chance that one of `high` lies over one of `low` (Mann and Whitney 1947)."""
    both = np.concatenate([high, low])
    order = np.argsort(np.argsort(both, kind="stable")) + 1.0
    for value in np.unique(both):  # ties share their rank
        same = both == value
        if same.sum() > 1:
            order[same] = order[same].mean()
    n, m = len(high), len(low)
    return float((order[:n].sum() - n * (n + 1) / 2) / (n * m))


def auc_interval(
    clips: Sequence[tuple[Sequence[float], Sequence[float]]], resamples: int = 500, seed: int = 0
) -> tuple[float, float]:
    """Where 95 % of the AUCs of bootstrap samples lie, each of as many clips, drawn with
    replacement (Efron 1979): the moments of a clip are not independent of one another.

    clips: what `auc` compares, high and low, of each clip.
    """
    high, low = (np.concatenate([clip[i] for clip in clips]) for i in (0, 1))
    first, second = (np.array([len(clip[i]) for clip in clips]) for i in (0, 1))
    over = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    of_high, of_low = (np.repeat(np.eye(len(clips)), n, axis=0) for n in (first, second))
    wins = of_high.T @ over @ of_low  # [clips, clips]
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(clips), np.full(len(clips), 1 / len(clips)), size=resamples)
    pairs = (drawn @ first) * (drawn @ second)
    won = np.einsum("ri,ij,rj->r", drawn, wins, drawn, optimize=True)
    bounds = np.quantile((won / np.maximum(pairs, 1))[pairs > 0], [0.025, 0.975])
    return float(bounds[0]), float(bounds[1])


def at_phone(curve: Curve, phone: Phone) -> float:
    """The curve in the middle of a phone; hop i shows (i + 1) * 10 ms."""
    middle = (phone.start + phone.stop) / 2
    return float(curve[int(np.clip(round(middle * 100) - 1, 0, len(curve) - 1))])


def open_and_closed(curve: Curve, phones: Sequence[Phone]) -> tuple[list[float], list[float]]:
    """The curve at the middle of open vowels (a diphthong at its first half), and at M, B, P."""
    opened = [at_phone(curve, p) for p in phones if p.name in OPEN_VOWELS]
    closed = [at_phone(curve, p) for p in phones if p.name in CLOSED_LIPS]
    return opened, closed


def closures(curve: Curve, phones: Sequence[Phone], share: float = 0.15) -> list[bool]:
    """For each M, B, P: do lips come together from a frame (40 ms) before it to one after?

    Together: the aperture is below `share` of the clip's range (1st to 99th percentile).
    """
    around = [(p.start - 0.04, p.stop + 0.04) for p in phones if p.name in CLOSED_LIPS]
    return _together(curve, around, share)


def needless_closures(
    curve: Curve, phones: Sequence[Phone], share: float = 0.15, away_s: float = 0.08
) -> list[bool]:
    """For each phone that is farther than `away_s` from M, B, P and silence: do lips come together
    in it all the same? A mouth that is shut too often has its closures for nothing."""
    shut = [p for p in phones if p.name in CLOSED_LIPS or p.name == SILENCE]
    others = [
        (p.start, p.stop)
        for p in phones
        if all(s.start >= p.stop + away_s or s.stop <= p.start - away_s for s in shut)
    ]
    return _together(curve, others, share)


def _together(curve: Curve, spans: Sequence[tuple[float, float]], share: float) -> list[bool]:
    """For each (start, stop) in seconds."""
    low, high = np.quantile(curve, [0.01, 0.99])
    limit = low + share * (high - low)
    hops = [slice(max(0, round(start * 100) - 1), round(stop * 100)) for start, stop in spans]
    return [bool(curve[some].min() <= limit) for some in hops]
