"""Hair as strands: grown on the skull, combed by a style, clumped, curled, held off the body.

A few hundred guides are grown step by step; every strand follows the guides around its root. What
grows depends on the head, the style and a seed alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from latentcam.realtime_models.training.looks.bank import SKULL, azimuth_of, hairline
from latentcam.realtime_models.training.looks.skull import CROWN, Skull
from latentcam.realtime_models.training.looks.styles import STYLES, Style

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Strands:
    """points float64 [n, k, 3] in the rest pose, radius float64 [n, k], loose float64 [n, k]:
    0 turns with the head, 1 lies on the shoulders; shade float64 [n]: a factor of the colour."""

    points: F64
    radius: F64
    loose: F64
    shade: F64


def _unit(vectors: F64) -> F64:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9))


def _smooth(low: float, high: float, value: F64) -> F64:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _lengths(style: Style, place: F64, over: F64, rng: np.random.Generator) -> F64:
    """How long the strand of each root is, by its place on the model skull."""
    top = _smooth(0.055, 0.088, place[:, 2])
    behind = _smooth(0.10, 0.16, place[:, 1])
    length = style.sides * (1 - behind) + style.back * behind
    length = length + (style.top - length) * top
    if style.fringe:
        front = np.exp(-((azimuth_of(place) / 0.62) ** 4)) * _smooth(0.045, 0.02, over)
        length = length + (style.fringe - length) * front
    length *= 0.55 + 0.45 * _smooth(0.0, 0.014, over)
    return length * rng.uniform(0.82, 1.06, len(place))


def _grow(
    skull: Skull, style: Style, root: F64, normal: F64, over: F64, place: F64, steps: int,
    rng: np.random.Generator,
) -> F64:  # fmt: skip
    """Guides [n, steps, 3] from their roots."""
    count = len(root)
    length = _lengths(style, place, over, rng)
    step = (length / (steps - 1))[:, None]
    layer = rng.uniform(0.12, 1.0, count) * style.volume + 0.0012
    if style.part is not None:  # hair lies flat at its parting
        layer *= 0.25 + 0.75 * _smooth(0.0, 0.035, np.abs(place[:, 0] - style.part))
    # Short hair stands on top and lies at the sides.
    stand = np.ones(count) if style.gravity else 0.35 + 0.65 * _smooth(0.03, 0.08, place[:, 2])
    stand = stand[:, None]
    wild = rng.standard_normal((count, 3)) * style.messy
    side = np.ones(count)
    if style.part is not None:
        side = np.sign(place[:, 0] - style.part)
    forelock = np.zeros(count)
    if style.fringe:
        forelock = np.exp(-((azimuth_of(place) / 0.62) ** 4)) * _smooth(0.045, 0.02, over)
    path = [root]
    point = root + 0.0006 * normal
    down = np.array([0.0, 0.0, -1.0])
    for i in range(1, steps):
        share = i / (steps - 1)
        away_in = point - CROWN
        comb = style.away * _unit(away_in)
        comb = comb + style.backwards * np.array([0.0, 1.0, 0.1])
        if style.sideways:
            sweep = np.stack(
                [
                    side,
                    np.full(count, 0.05 if style.part is not None else -0.6),
                    np.full(count, -0.35),
                ],
                1,
            )
            comb = comb + style.sideways * sweep
        comb = comb + forelock[:, None] * np.array([0.0, -1.8, -1.6])
        if style.gravity:  # below the skull's widest nothing combs, hair hangs
            hold = _smooth(-0.03, 0.07, point[:, 2])[:, None]
            comb = comb * hold * (1 - 0.5 * share) + (1 - hold) * np.array([0.0, 0.0, -0.6])
        if style.knot is not None:
            comb = 2.0 * _unit(np.array(style.knot) - point)
        height, out = skull.height(point)
        comb = comb + wild
        tangent = comb - (comb * out).sum(1, keepdims=True) * out
        fall = style.gravity * min(1.0, 0.25 + 1.6 * share) * (1 - forelock[:, None])
        lift = (
            style.lift * stand * np.exp(-3.0 * share) * out if style.lift < 2 else style.lift * out
        )
        direction = _unit(tangent) + fall * down + lift
        if style.inwards and share > 0.7:
            direction = direction - style.inwards * (share - 0.7) / 0.3 * _flat(point)
        if style.gravity:  # strands lean on each other: towards the neck, not away from it
            hang = _smooth(0.02, -0.06, point[:, 2])[:, None]
            direction = direction - 0.22 * hang * _flat(point)
        if i > 1:
            before = _unit(path[-1] - path[-2])
            direction = _unit(direction) + (0.5 if style.gravity else 0.9) * before
        if style.knot is not None:  # as long as the way to the knot, and then into it
            left = np.linalg.norm(np.array(style.knot) - path[-1], axis=1, keepdims=True)
            step = 1.18 * left / (steps - i)
        point = path[-1] + step * _unit(direction)
        height, out = skull.height(point)
        floor = layer * min(1.0, 4 * share)
        point = point + np.maximum(floor - height, 0)[:, None] * out
        path.append(point)
    return np.stack(path, 1)


def _flat(points: F64) -> F64:
    """Outwards from the axis of the neck, level."""
    away = points - np.array([0.0, 0.06, 0.0])
    away[:, 2] = 0
    return _unit(away)


def grow(skull: Skull, style: Style, seed: int) -> Strands:
    """All strands of a style on a head."""
    rng = np.random.default_rng(seed)
    long = max(style.top, style.sides, style.back)
    steps = 7 if long < 0.05 else 11 if long < 0.15 else 17
    if style.turns:
        steps = int(np.clip(long * style.turns * 6, steps, 40))
    parts: list[tuple[F64, float]] = []
    strands, locks = np.zeros((0, 2, 3)), np.zeros(0)
    if style.braids:
        guides = _gathered(_guides(skull, style, style.braids, 40, rng), rng)
        # None begins in the forehead and runs down it.
        low = guides[..., 2] < hairline(azimuth_of(guides)) + 0.002
        guides = guides[~(low & (guides[..., 1] < 0.012) & (guides[..., 2] > 0.0)).any(1)]
        parts.append((_plaited(guides, 0.0052, rng), 0.00028))
        parts.append((_stubble(skull, style, rng), 0.00016))
    elif style.rows:
        parts.append((_plaited(_row_guides(skull, style), 0.0062, rng), 0.00028))
        parts.append((_stubble(skull, style, rng), 0.00016))
    if style.count:
        strands, locks = _strands(skull, style, steps, rng)
        parts.append((strands, style.width))
    if style.knot is not None:
        parts.append((_knot(style, rng), style.width * 1.2))
    most = max(p.shape[1] for p, _ in parts)
    points = np.concatenate([_resampled(p, most) for p, _ in parts])
    along = np.linspace(0, 1, most)
    radius = np.concatenate([np.full((len(p), 1), w / 2) for p, w in parts])
    radius = radius * (1 - 0.6 * along**3)
    loose = _smooth(-0.10, -0.19, points[..., 2])
    shade = np.concatenate([locks if p is strands else np.ones(len(p)) for p, _ in parts])
    return Strands(points, radius, loose, shade)


def _guides(skull: Skull, style: Style, count: int, steps: int, rng: np.random.Generator) -> F64:
    """Well spaced guides [count, steps, 3]."""
    root, normal, over, place = skull.roots(count * 6, style, rng)
    chosen = _spread(root, count, rng)
    return _grow(
        skull, style, root[chosen], normal[chosen], over[chosen], place[chosen], steps, rng
    )


def _spread(points: F64, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Indices of `count` points, each far from the others."""
    picked = [int(rng.integers(len(points)))]
    distance = np.linalg.norm(points - points[picked[0]], axis=1)
    for _ in range(count - 1):
        picked.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[picked[-1]], axis=1))
    return np.array(picked)


def _strands(skull: Skull, style: Style, steps: int, rng: np.random.Generator) -> tuple[F64, F64]:
    """Strands [count, steps, 3] between guides, clumped, curled, frizzed; their shade [count]."""
    guide_root, normal, over, guide_place = skull.roots(style.clumps, style, rng)
    guides = _grow(skull, style, guide_root, normal, over, guide_place, steps, rng)
    root, normal, over, place = skull.roots(style.count, style, rng)

    def parted(points: F64, at: F64) -> F64:
        """Points [n, 4] among which those of the other side of the parting are far."""
        jitter = 0.002 * rng.standard_normal((len(at), 1))
        side = 0 * jitter if style.part is None else np.sign(at[:, :1] - style.part + jitter)
        return np.concatenate([points, 0.3 * side], 1)

    exact = np.sign(guide_place[:, :1] - style.part) if style.part is not None else 0.0
    tree = cKDTree(np.concatenate([guide_root, np.full((len(guides), 1), 0.3) * exact], 1))
    distance, near = tree.query(parted(root, place), k=3)
    weight = 1 / (distance + 0.002) ** 2
    weight /= weight.sum(1, keepdims=True)
    along = np.linspace(0, 1, steps)
    paths = guides - guides[:, :1]
    follow = (weight[..., None, None] * paths[near]).sum(1)
    own = rng.uniform(0.78, 1.08, len(root))
    points = root[:, None] + follow * own[:, None, None]
    toward = guides[near[:, 0]] - points
    points = points + style.clump * (along ** (0.7 if style.curl else 1.2))[None, :, None] * toward
    if style.curl:
        phase = rng.uniform(0, 2 * np.pi, style.clumps)[near[:, 0], None]
        phase = phase + rng.normal(0, 0.25, (len(points), 1))
        turn = style.turns * rng.uniform(0.8, 1.25, style.clumps)[near[:, 0], None]
        run = np.linalg.norm(np.diff(points, axis=1), axis=2).cumsum(1)
        run = np.concatenate([np.zeros((len(points), 1)), run], 1)
        angle = phase + 2 * np.pi * turn * run
        tangent = _unit(np.gradient(points, axis=1))
        first = _unit(np.cross(tangent, np.array([0.31, 0.42, 0.85])))
        second = np.cross(tangent, first)
        size = style.curl * np.clip(along * 6, 0, 1)[None, :, None]
        size = size * rng.uniform(0.7, 1.2, (len(points), 1, 1))
        points = points + size * (
            np.cos(angle)[..., None] * first + np.sin(angle)[..., None] * second
        )
    if style.wave:
        phase = rng.uniform(0, 2 * np.pi, style.clumps)[near[:, 0], None] * 0.35
        run = np.linalg.norm(np.diff(points, axis=1), axis=2).cumsum(1)
        run = np.concatenate([np.zeros((len(points), 1)), run], 1)
        outward = _unit(points - SKULL - np.array([0, 0, -0.05]))
        bend = np.sin(phase + 2 * np.pi * run / style.wavelength) * np.clip(along * 2.5, 0, 1)
        points = points + style.wave * bend[..., None] * outward
    knots = rng.standard_normal((len(points), 5, 3)) * style.frizz
    fly = rng.random(len(points)) < 0.015
    knots[fly] *= 3.0
    points = points + _resampled(knots, steps) * np.clip(along * 4, 0, 1)[None, :, None]
    if style.gravity:
        points = _gathered(points, rng)
    height, out = skull.height(points[:, 1:])
    push = np.where(height > -0.012, np.maximum(0.0006 - height, 0), 0)
    points[:, 1:] += push[..., None] * out
    points[:, 0] -= 0.0005 * normal
    if style.gravity:  # nothing hangs in the face
        x, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
        clear = ~((x < 0.058) & (y < -0.008) & (z < 0.020) & (z > -0.105)).any(1)
        points, near = points[clear], near[clear]
    # Locks differ a little, or hair seen from afar is one felt.
    shade = rng.uniform(0.62, 1.38, style.clumps)[near[:, 0]]
    return np.asarray(points), np.asarray(shade)


def _gathered(points: F64, rng: np.random.Generator) -> F64:
    """Strands that would slide off the shoulders are kept near the neck; what then lies within
    the shoulders is not seen."""
    low = _smooth(-0.06, -0.13, points[..., 2])
    side = np.abs(points[..., 0])
    # Some strands more than others, or the edge would be a line.
    limit = rng.uniform(0.070, 0.128, (len(points), 1))
    kept = np.where(side > limit, limit + 0.3 * (side - limit), side)
    gathered = points.copy()
    gathered[..., 0] = np.sign(points[..., 0]) * (low * kept + (1 - low) * side)
    return gathered


def _resampled(paths: F64, steps: int) -> F64:
    """Paths [n, k, c] at `steps` even places of their index."""
    if paths.shape[1] == steps:
        return paths
    at = np.linspace(0, paths.shape[1] - 1, steps)
    low = np.minimum(at.astype(int), paths.shape[1] - 2)
    share = (at - low)[None, :, None]
    return np.asarray(paths[:, low] * (1 - share) + paths[:, low + 1] * share)


def _plaited(guides: F64, width: float, rng: np.random.Generator, hairs: int = 10) -> F64:
    """Three plaits around every guide, each of some hairs, [n * 3 * hairs, k, 3]."""
    steps = guides.shape[1] * 5 // 2
    path = _resampled(guides, steps)
    run = np.linalg.norm(np.diff(path, axis=1), axis=2).cumsum(1)
    run = np.concatenate([np.zeros((len(path), 1)), run], 1)
    tangent = _unit(np.gradient(path, axis=1))
    outward = _unit(path - SKULL - np.array([0, 0, -0.06]))
    across = _unit(np.cross(tangent, outward))
    outward = np.cross(across, tangent)
    taper = np.clip(np.linspace(1.15, 0.75, steps), 0, 1)[None, :, None]
    result = []
    for plait in range(3):
        angle = 2 * np.pi * (run / (width * 3.4) + plait / 3)
        x = np.sin(angle)[..., None] * width * 0.46
        y = np.sin(2 * angle)[..., None] * width * 0.26
        middle = path + taper * (x * across + y * outward)
        for _ in range(hairs):
            spread = rng.standard_normal((len(path), 1, 2)) * width * 0.13
            result.append(middle + taper * (spread[..., :1] * across + spread[..., 1:] * outward))
    return np.concatenate(result)


def _stubble(skull: Skull, style: Style, rng: np.random.Generator) -> F64:
    """Short dark roots between braids."""
    short = replace(STYLES["buzz"], receding=style.receding, temples=style.temples)
    root, normal, over, place = skull.roots(16000, short, rng)
    return _grow(skull, replace(short, top=0.003, sides=0.003, back=0.003),
                 root, normal, over, place, 4, rng)  # fmt: skip


def _row_guides(skull: Skull, style: Style) -> F64:
    """Cornrows: braids that lie on the skull from the hairline to the nape, [rows, 60, 3]."""
    rows = []
    for across in np.linspace(-0.072, 0.072, style.rows):
        share = across / 0.078
        sweep = np.linspace(-0.35, np.pi * 0.93, 240)  # from the brow over the top to the nape
        radius = 0.12
        width = np.sqrt(max(1 - share**2, 0.02))
        guess = SKULL + np.stack(
            [
                np.full_like(sweep, across) * (1 - 0.25 * _smooth(0.5, 1.0, sweep / np.pi)),
                -np.cos(sweep) * radius * width,
                np.sin(sweep) * radius * width,
            ],
            1,
        )
        for _ in range(6):
            height, out = skull.height(guess)
            guess = guess - height[:, None] * out
        azimuth = azimuth_of(guess)
        over = guess[:, 2] - hairline(azimuth, style.receding, style.temples)
        inside = np.flatnonzero(over > 0.002)
        if len(inside) < 20:
            continue
        kept = guess[inside[0] : inside[-1] + 1]
        _, out = skull.height(kept)
        rows.append(_resampled((kept + 0.0022 * out)[None], 60)[0])
    return np.stack(rows)


def _knot(style: Style, rng: np.random.Generator) -> F64:
    """A bun: strands wound around a ball, [n, 48, 3]."""
    assert style.knot is not None
    count = 3600
    middle, size = np.array(style.knot), style.knot_size
    start = rng.uniform(0, 2 * np.pi, (count, 1))
    tilt = rng.uniform(-1.0, 1.0, (count, 1))
    turn = np.linspace(0, 1, 48)[None] * rng.uniform(2.0, 4.2, (count, 1))
    minor = size * 0.52 * rng.uniform(0.82, 1.05, (count, 1))
    major = size * 0.62
    around = start + turn * 1.35
    tube = tilt * 2.6 + turn * 0.55
    x = (major + minor * np.cos(tube)) * np.cos(around)
    y = (major + minor * np.cos(tube)) * np.sin(around)
    z = minor * np.sin(tube) * 1.1
    axis = _unit((middle - SKULL)[None])[0]
    first = _unit(np.cross(axis, np.array([1.0, 0.1, 0.0]))[None])[0]
    second = np.cross(axis, first)
    points = middle + x[..., None] * first + y[..., None] * second + z[..., None] * axis
    return np.asarray(points + rng.standard_normal((count, 1, 3)) * 0.0006)
