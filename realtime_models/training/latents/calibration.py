"""Named axes of a generator whose factors nobody knows.

Sampled faces are tracked, and what is tracked is explained by their latents: linearly, by ridge
regression, and for expressions by the logistic regression of InterFaceGAN (Shen et al. 2020,
https://arxiv.org/abs/1907.10786). An axis is then the shortest change of the latent, in standard
deviations of W, that moves its own measure and neither the others nor the identity. What it really
does is measured on faces, and the axes are mixed until each does its own; each is restricted to the
rows of the latent that do it best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV

from latentcam.realtime_models.arrays import Latent, Rgb
from latentcam.realtime_models.face_tracker import TrackedFace
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.generator.mixing import BANDS, rows_of
from latentcam.realtime_models.training.latents.measures import SEEN, Seen, bones, measures

Draw = Callable[[NDArray[np.float32]], list[Rgb]]
Track = Callable[[Rgb], TrackedFace | None]
Describe = Callable[[Rgb, TrackedFace], NDArray[np.float64] | None]
Array = NDArray[np.float64]

LEAST_SPREAD = 0.1  # of an axis, between the 5th and 95th percentile of the samples
LEAST_EXPLAINED = 0.05  # of a measure's variance, by the latents of samples not fitted
LEAST_REACHED = 0.25  # of an axis; one that reaches less is not written
LEAST_OBEYED = 0.7  # correlation
LEAST_TRACKED = 50  # samples
PENALTY = 1e4  # of the logistic regression
SOFT = 0.03  # regularises the solution for axes that can hardly be told apart
IDENTITY_WEIGHT = 0.5
LEAST_OWN = 0.1  # of what an axis should move its own measure; one that moves less is not mixed
ROUNDS = 2  # of measuring what the axes do and mixing them
RESTING = (
    "jawOpen", "eyeBlink", "gazeYaw", "gazePitch", "headYaw", "headPitch", "headRoll",
)  # fmt: skip
REST_STEPS = 3
TRIED = np.linspace(0.25, 1.5, 6)  # of an axis, for its range


@dataclass(frozen=True, slots=True)
class Sampled:
    """Tracked samples. w: float32 [n, w_dim]; seen: float64 [n, k]; who: float64 [n, q]."""

    w: NDArray[np.float32]
    seen: Array
    who: Array


@dataclass(frozen=True, slots=True)
class Found:
    """One axis. column: float32 [num_ws, w_dim], its whole length. low, high: its range as shares
    of it. rows: the band of the latent that it moves. obedience: correlation of what is commanded
    with what is tracked. cross_talk: the most that another measure moves, as a share of its axis,
    and whose it is. identity: how far the end is from rest, as the identities are told apart."""

    name: str
    column: NDArray[np.float32]
    low: float
    high: float
    rows: str
    obedience: float
    cross_talk: float
    cross_with: str
    identity: float


@dataclass(slots=True)
class Calibrated:
    """axes: those found. refused: axis -> why it was not. rest: float64 [k], measures of rest.
    anchors: float32 [n, num_ws, w_dim], the faces on which axes were tried, at rest."""

    axes: list[Found] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    rest: Array = field(default_factory=lambda: np.zeros(len(SEEN)))
    anchors: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))


def sample(w: NDArray[np.float32], draw: Draw, track: Track, describe: Describe) -> Sampled:
    """Draw and track. Raises ValueError if too few faces are found."""
    kept, seen, who = [], [], []
    for begin in range(0, len(w), 64):
        part = w[begin : begin + 64]
        for one, picture in zip(part, draw(part), strict=True):
            face = track(picture)
            known = None if face is None else describe(picture, face)
            if face is not None and known is not None:
                kept.append(one)
                seen.append(measures(face))
                who.append(known)
    if len(kept) < LEAST_TRACKED:
        raise ValueError(
            f"the tracker finds a face in {len(kept)} of {len(w)} pictures, expected at least "
            f"{LEAST_TRACKED}"
        )
    return Sampled(np.stack(kept), np.stack(seen), np.stack(who))


def by_bones(picture: Rgb, face: TrackedFace) -> Array:
    """Who it is, without a judge of identities."""
    return bones(face)


def directions(data: Sampled) -> tuple[list[int], Array, dict[str, str]]:
    """Which of SEEN can be explained, float64 [w_dim, axes] with one direction for each, and why
    the others cannot."""
    centre = data.w.mean(axis=0)
    _, scale, rows = np.linalg.svd((data.w - centre) / np.sqrt(len(data.w)), full_matrices=False)
    kept = scale > 1e-3 * scale[0]
    basis = rows[kept].T.astype(np.float64)  # [w_dim, r]
    u = (data.w - centre) @ (basis / scale[kept])  # [n, r], white
    train = np.arange(len(u)) % 5 != 0
    ridge = RidgeCV(np.logspace(0, 5, 11)).fit(u[train], data.seen[train])
    left = np.square(data.seen[~train] - ridge.predict(u[~train])).mean(axis=0)
    explained = 1 - left / np.maximum(data.seen[~train].var(axis=0), 1e-12)
    spread = np.subtract(*np.percentile(data.seen, [95, 5], axis=0))
    chosen, refused = [], {}
    for index, seen in enumerate(SEEN):
        if spread[index] < LEAST_SPREAD:
            refused[seen.name] = f"the samples show only {spread[index]:.0%} of it"
        elif explained[index] < LEAST_EXPLAINED:
            refused[seen.name] = f"their latents explain {explained[index]:.0%} of it"
        else:
            chosen.append(index)
    normals = [
        _logistic(u, data.seen[:, index]) if SEEN[index].expression else ridge.coef_[index]
        for index in chosen
    ]
    who = (data.who - data.who.mean(axis=0)) / np.maximum(data.who.std(axis=0), 1e-9)
    identity = np.atleast_2d(RidgeCV(np.logspace(1, 5, 5)).fit(u, who).coef_)
    identity *= IDENTITY_WEIGHT / np.sqrt(len(identity))
    stacked = np.concatenate([np.stack(normals), identity]) if chosen else identity
    gram = stacked @ stacked.T
    gram += SOFT * np.diag(gram)[: max(len(chosen), 1)].mean() * np.eye(len(gram))
    wanted = np.eye(len(gram))[:, : len(chosen)]
    moves = stacked.T @ np.linalg.solve(gram, wanted)  # [r, axes]
    return chosen, (basis * scale[kept]) @ moves, refused


def _logistic(u: Array, seen: Array) -> Array:
    """The slope of a measure along the normal between faces that show it and faces that do not."""
    low, high = np.percentile(seen, [33, 67])
    clear = (seen <= low) | (seen >= high)
    model = LogisticRegression(C=1 / PENALTY, max_iter=500).fit(u[clear], seen[clear] >= high)
    normal = model.coef_[0] / np.linalg.norm(model.coef_)
    return np.asarray(normal * np.polyfit(u @ normal, seen, 1)[0])


class Prober:
    """Moves faces and looks what happens. anchors: float32 [n, num_ws, w_dim]."""

    def __init__(self, anchors: NDArray[np.float32], draw: Draw, track: Track, describe: Describe):
        self._draw, self._track, self._describe = draw, track, describe
        self.put(anchors)

    def put(self, anchors: NDArray[np.float32]) -> None:
        """Try on these faces from now on."""
        self.anchors, self._resting = anchors, self.look(anchors)

    def look(self, ws: NDArray[np.float32]) -> list[tuple[Array, Array] | None]:
        """Measures and who it is, for each latent; None where no face is found."""
        told: list[tuple[Array, Array] | None] = []
        for picture in self._draw(np.asarray(ws, np.float32)):
            face = self._track(picture)
            who = None if face is None else self._describe(picture, face)
            told.append(None if face is None or who is None else (measures(face), who))
        return told

    def moved(self, column: Array, amount: float) -> tuple[Array, float] | None:
        """Mean change of the measures, float64 [k], and of the identity, when every anchor goes so
        far along a column [num_ws, w_dim]; None if most faces are lost."""
        there = self.look(self.anchors + np.float32(amount) * column.astype(np.float32))
        both = [(a, b) for a, b in zip(self._resting, there, strict=True) if a and b]
        if len(both) * 2 <= len(self.anchors):
            return None
        change = np.mean([b[0] - a[0] for a, b in both], axis=0)
        return change, float(np.mean([np.linalg.norm(b[1] - a[1]) for a, b in both]))


def unmixed(columns: Array, chosen: Sequence[int], prober: Prober) -> Array:
    """The columns mixed so that each moves its own measure only. columns: [num_ws, w_dim, axes]."""
    count = columns.shape[2]
    response = np.zeros((count, count))
    for index in range(count):
        found = prober.moved(columns[:, :, index], 0.5)
        if found is None:
            return columns
        response[:, index] = found[0][list(chosen)] / 0.5
    # An axis that does nothing, or the opposite, would turn all others: it is left as it is.
    own = np.diag(response)
    able = np.flatnonzero(own > LEAST_OWN)
    if not len(able):
        return columns
    normed = response[np.ix_(able, able)] / own[able]
    keep = 0.2 * np.eye(len(able))
    mix = np.linalg.solve(normed.T @ normed + keep, normed.T + keep) / own[able][:, None]
    done = columns.copy()
    done[:, :, able] = np.einsum("ldj,jk->ldk", columns[:, :, able], mix)
    return done


def restricted(
    column: Array, config: GeneratorConfig, index: int, prober: Prober
) -> tuple[Array, str]:
    """A column on the rows that do most with the least harm, as long as before in what it does."""
    best, harm, name = column, np.inf, "all"
    for words, bands in (
        ("all", list(BANDS)), ("coarse and middle", ["coarse", "middle"]),
        ("coarse", ["coarse"]), ("middle", ["middle"]),
    ):  # fmt: skip
        mask = np.zeros((config.num_ws, 1))
        for band in bands:
            mask[rows_of(config, band)] = 1  # type: ignore[arg-type]
        found = prober.moved(column * mask, 0.6)
        if found is None or found[0][index] < 0.3 * 0.6:
            continue
        own = found[0][index] / 0.6
        others = np.delete(np.abs(found[0]), index)
        hurts = float((np.sort(others)[-3:].mean() + found[1]) / own)
        if hurts < 0.95 * harm:
            best, harm, name = column * mask / own, hurts, words
    return best, name


def ranged(column: Array, index: int, seen: Seen, rows: str, prober: Prober) -> Found | str:
    """How far the axis goes, and what it does on its way; or why it is none."""
    changes: dict[float, tuple[Array, float]] = {}
    for sign in (1.0, -1.0) if seen.both_ways else (1.0,):
        way: list[tuple[float, tuple[Array, float]]] = []
        for amount in TRIED:
            if (found := prober.moved(column, sign * amount)) is None:
                break  # the face is lost
            way.append((sign * amount, found))
        reached = [sign * found[0][index] for _, found in way]
        if way and max(reached) > 0.02:
            changes |= dict(way[: int(np.argmax(reached)) + 1])  # further on it does no more
    if not changes:
        return "the axis moves nothing"
    amounts = np.array([0.0, *changes])
    tracked = np.array([0.0, *(change[0][index] for change in changes.values())])
    slope = float(tracked @ amounts / (amounts @ amounts))
    high, low = float(min(tracked.max(), 1.0)), float(max(tracked.min(), -1.0))
    if high < LEAST_REACHED or seen.both_ways and -low < LEAST_REACHED:
        return f"it reaches only {min(high, -low) if seen.both_ways else high:.0%} of the axis"
    obedience = float(np.corrcoef(amounts, tracked)[0, 1])
    if obedience < LEAST_OBEYED:
        return f"what is tracked follows it with a correlation of {obedience:.2f}"
    last = max(changes, key=lambda amount: amount if changes[amount][0][index] <= 1.05 else -1)
    change, identity = changes[last]
    others = np.delete(np.abs(change), index) / max(abs(change[index]), 1e-6)
    names = [other.name for at, other in enumerate(SEEN) if at != index]
    worst = int(others.argmax())
    return Found(
        seen.name, np.asarray(column / slope, np.float32), low if seen.both_ways else 0.0, high,
        rows, obedience, float(others[worst]), names[worst], identity,
    )  # fmt: skip


def calibrate(
    config: GeneratorConfig,
    data: Sampled,
    anchors: NDArray[np.float32],
    draw: Draw,
    track: Track,
    describe: Describe,
) -> Calibrated:
    """Find every axis that the samples show. anchors: float32 [n, num_ws, w_dim], the faces on
    which axes are tried."""
    chosen, moves, refused = directions(data)
    result = Calibrated(refused=refused, rest=rest_of(data.seen))
    if not chosen:
        return result
    columns = np.repeat(moves[None], config.num_ws, axis=0)
    prober = Prober(anchors, draw, track, describe)
    for _ in range(ROUNDS):
        columns = unmixed(columns, chosen, prober)
        known = [(index, columns[:, :, at]) for at, index in enumerate(chosen)]
        prober.put(np.stack([at_rest(anchor, known, result.rest, prober) for anchor in anchors]))
    for at, index in enumerate(chosen):
        column, rows = restricted(columns[:, :, at], config, index, prober)
        found = ranged(column, index, SEEN[index], rows, prober)
        if isinstance(found, str):
            result.refused[SEEN[index].name] = found
        else:
            result.axes.append(found)
    result.anchors = prober.anchors
    return result


def rest_of(seen: Array) -> Array:
    """The measures of a face at rest: the middle of what is seen, or the low end of an axis that
    goes one way only. float64 [k]."""
    middle, low = np.percentile(seen, [50, 15], axis=0)
    either = [one.both_ways or one.name == "mouthStretch" for one in SEEN]
    return np.asarray(np.where(either, middle, low))


def at_rest(
    ws: Latent, columns: Sequence[tuple[int, Array]], rest: Array, prober: Prober
) -> Latent:
    """A sampled face, which may talk or look aside, moved towards rest, as long as that brings it
    nearer: axes are not exact, and what is far from all samples is no face.

    columns: index in SEEN and column of each axis; of which RESTING are used, as lips, lids and a
    turned head are no part of a person. A face that is not found is left as it is.
    """
    used = [(index, column) for index, column in columns if SEEN[index].name in RESTING]
    found = prober.look(ws[None])[0]
    for _ in range(REST_STEPS):
        if found is None:
            break
        off = {index: float(found[0][index] - rest[index]) for index, _ in used}
        moved = ws.astype(np.float64)
        for index, column in used:
            moved -= 0.7 * np.clip(off[index], -1.0, 1.0) * column
        there = prober.look(moved[None].astype(np.float32))[0]
        if there is None:
            break
        left = sum((there[0][index] - rest[index]) ** 2 for index, _ in used)
        if left >= sum(one**2 for one in off.values()):
            break
        ws, found = np.asarray(moved, np.float32), there
    return ws
