"""Does a mouth belong to a voice? A judge of lip-sync that has seen real pairs only.

Canonical correlations (Hotelling 1936) between what is heard around a moment and what a mouth does
around it, learned from tracked clips; a pair's score is how well both go together in time, and its
offset the shift at which they do so best. It is asked what networks such as SyncNet (Chung and
Zisserman 2016) are asked, and is small enough to be fitted anew on each run. Scores mean nothing by
themselves: read them between that of real pairs and that of pairs whose voice was exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.motion.mel import MelConfig, log_mel, mel_initial_state
from latentcam.realtime_models.training.motion.data.lips import LipClip, at_hops

Float64 = NDArray[np.float64]

HEARD = (-12, -8, -4, 0, 4, 8, 12)  # hops around a moment, 10 ms each
SEEN = (-8, -4, 0, 4, 8)
RIDGE = 0.05  # share of the mean variance that is added to each
PAIRS = 6  # canonical pairs that are asked
REACH = 30  # hops to either side that an offset is looked for in
CURVES = 3


@dataclass(frozen=True)
class Pair:
    """A voice and a mouth. mouth: float64 [frames, CURVES], aperture and width over the face's
    height, and MediaPipe's score of mouthPucker; frame k at (k + 0.5) / fps."""

    samples: Samples
    mouth: Float64
    fps: float


def pair_of(clip: LipClip) -> Pair:
    """A clip as it was filmed, brought into step as far as is known."""
    curves = np.column_stack([clip.geometry[:, :2], clip.scores["mouthPucker"]])
    late = round(clip.late_s * 16000)
    samples = clip.samples[late:] if late >= 0 else np.pad(clip.samples, (-late, 0))
    return Pair(samples, curves, clip.fps)


class SyncJudge:
    """Fitted to pairs that are in step; knows nothing of whom it judges."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        """pairs: of several speakers, at least some seconds in all."""
        heard, seen = (np.concatenate(part) for part in zip(*map(_views, pairs), strict=True))
        self._mean, self._std = heard.mean(0), heard.std(0) + 1e-6
        heard = (heard - self._mean) / self._std
        a, b = _whitening(heard), _whitening(seen)
        u, strength, vt = np.linalg.svd(a.T @ (heard.T @ seen / len(heard)) @ b)
        self._hear, self._see = a @ u[:, :PAIRS], b @ vt[:PAIRS].T
        self._weight = strength[:PAIRS] / strength[:PAIRS].sum()

    def scores(self, pair: Pair) -> Float64:
        """float64 [2 REACH + 1]: how well voice and mouth go together when the mouth is moved by
        -REACH to REACH hops; positive offsets are mouths that are late."""
        heard, seen = _views(pair)
        heard, seen = ((heard - self._mean) / self._std) @ self._hear, seen @ self._see
        n = len(heard)
        out = [
            _alike(heard[max(0, -late) : n - max(0, late)], seen[max(0, late) : n + min(0, late)])
            @ self._weight
            for late in range(-REACH, REACH + 1)
        ]
        return np.asarray(out)

    def judge(self, pair: Pair) -> dict[str, float]:
        """score: of the pair as it is. confidence: by how much that exceeds the median of other
        offsets, as SyncNet's does. offset_ms: by how much the mouth is late."""
        scores = self.scores(pair)
        return {
            "score": float(scores[REACH]),
            "confidence": float(scores[REACH] - np.median(scores)),
            "offset_ms": 10.0 * float(np.argmax(scores) - REACH),
        }


def ceiling_and_floor(judge: SyncJudge, pairs: Sequence[Pair]) -> tuple[float, float]:
    """The mean score of real pairs, and of the same mouths with each the next pair's voice."""
    real = [judge.judge(pair)["score"] for pair in pairs]
    others = [*pairs[1:], pairs[0]]
    false = [
        judge.judge(Pair(other.samples, pair.mouth, pair.fps))["score"]
        for pair, other in zip(pairs, others, strict=True)
    ]
    return float(np.mean(real)), float(np.mean(false))


def _views(pair: Pair) -> tuple[Float64, Float64]:
    """What is heard and what is seen around each hop: float64 [hops, many] each."""
    config = MelConfig()
    mel = log_mel(pair.samples, mel_initial_state(config), config)[0].astype(np.float64)
    hops = min(len(mel), int(len(pair.mouth) / pair.fps * 100))
    moves = at_hops(pair.mouth, pair.fps, hops).astype(np.float64)
    # Each mouth has its own rest and range.
    moves = (moves - moves.mean(0)) / (moves.std(0) + 1e-6)
    return _around(mel[:hops], HEARD), _around(moves, SEEN)


def _around(values: Float64, at: Sequence[int]) -> Float64:
    """[hops, n] -> [hops, len(at) n]; the first and the last value stand for what lies beyond."""
    hops = np.arange(len(values))
    return np.concatenate([values[(hops + i).clip(0, len(values) - 1)] for i in at], axis=1)


def _whitening(values: Float64) -> Float64:
    """[n, k] -> [k, k]: what makes the columns uncorrelated and of variance one, nearly."""
    covariance = values.T @ values / len(values)
    powers, directions = np.linalg.eigh(covariance)
    return np.asarray(directions / np.sqrt(powers.clip(0) + RIDGE * powers.mean()))


def _alike(a: Float64, b: Float64) -> Float64:
    """r of each column: [n, k], [n, k] -> [k]."""
    a, b = a - a.mean(0), b - b.mean(0)
    return np.asarray((a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0) + 1e-12))
