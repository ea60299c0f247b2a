"""Mouths for speech whose phones are known: dominance functions, fitted to real lips.

Cohen and Massaro 1993, "Modeling coarticulation in synthetic visual speech": every phone pulls the
mouth to its own shape T with a strength that falls off with the distance in time; the mouth is the
mean of all pulls. Here a phone pulls evenly while it lasts, and exponentially less before (it is
anticipated) and after it (it lingers). How far, how strong and for how long is learned per phone
from GRID; what GRID's 51 words lack is set by hand from phones that look alike.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.training.motion.data.phones import PHONES, SILENCE, Phone

Float64 = NDArray[np.float64]

FITTED = ("aperture", "pucker", "stretch")
"""What the real lips teach: aperture over face height as it is to be shown, and two axes."""

INDEX = {name: i for i, name in enumerate(PHONES)}


@dataclass(frozen=True)
class Dominance:
    """Per phone of PHONES and per curve: float64 [phones, curves] each.

    target: the shape T. strength: of the pull while the phone lasts. before, after: seconds in
    which the pull falls to 1/e ahead of and behind the phone.
    """

    target: Float64
    strength: Float64
    before: Float64
    after: Float64


def curves(phones: Sequence[Phone], hops: int, table: Dominance) -> Float64:
    """float64 [hops, curves] at the hops' ends, (i + 1) * 10 ms."""
    t = (np.arange(hops) + 1)[:, None, None] * 0.01
    start = np.array([p.start for p in phones])[None, :, None]
    stop = np.array([p.stop for p in phones])[None, :, None]
    i = [INDEX[p.name] for p in phones]
    early, late = np.maximum(0.0, start - t), np.maximum(0.0, t - stop)
    # Phones of a fast speaker pull less: the square root of the duration, as a mean over time.
    share = np.sqrt(np.clip((stop - start) / 0.08, 0.1, 4.0))
    pull = share * table.strength[i] * np.exp(-early / table.before[i] - late / table.after[i])
    return np.asarray((pull * table.target[i]).sum(1) / pull.sum(1))


def smooth(values: Float64, sigma_s: float = 0.018) -> Float64:
    """A Gaussian over time: lips have mass. [hops, n] -> [hops, n]."""
    reach = int(4 * sigma_s * 100) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (sigma_s * 100)) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(values.shape[1])], 1)


CLOSED_SHARE = {"M": 1.0, "B": 0.9, "P": 0.7}
"""How much of the phone the lips stay closed: a P opens at its burst, its breath follows."""

NARROW = {"F": 0.012, "V": 0.012}
"""Aperture that the lower lip leaves at the teeth, over face height."""


def close_lips(aperture: Float64, phones: Sequence[Phone], ramp_s: float = 0.05) -> Float64:
    """The aperture, float64 [hops], with lips that do meet in M, B, P and nearly so in F, V.

    A mean of pulls never quite reaches a shape; here lips must ("strict" targets in JALI, Edwards
    et al. 2016). They come together and part over `ramp_s`, as a raised cosine.
    """
    t = (np.arange(len(aperture)) + 1) * 0.01
    out = aperture.copy()
    for phone in phones:
        if phone.name in CLOSED_SHARE or phone.name in NARROW:
            stop = phone.start + CLOSED_SHARE.get(phone.name, 0.9) * (phone.stop - phone.start)
            away = np.maximum(phone.start - t, t - stop)  # seconds outside the closure
            open_share = 0.5 - 0.5 * np.cos(np.pi * np.clip(away / ramp_s, 0.0, 1.0))
            least = NARROW.get(phone.name, 0.0)
            out = np.minimum(out, np.maximum(least, open_share * np.maximum(aperture, least)))
    return out


# --- what phones alone decide: axes that the tracker does not see in the actor's face -------------

SHAPED = ("mouthClose", "mouthFunnel", "mouthSmile", "mouthUpperUp", "mouthLowerDown",
          "mouthRollLower", "tongueUp", "tongueOut")  # fmt: skip

SHAPES: dict[str, dict[str, float]] = {
    "M B P": {"mouthClose": 1.0},
    "F V": {"mouthRollLower": 0.9, "mouthUpperUp": 0.1},
    "TH": {"tongueOut": 0.8},
    "DH": {"tongueOut": 0.5},
    "L": {"tongueUp": 0.9},
    "N T D": {"tongueUp": 0.6},
    "S Z": {"mouthUpperUp": 0.15, "mouthLowerDown": 0.3, "mouthSmile": 0.1},
    "SH ZH CH JH": {"mouthFunnel": 0.7},
    "R ER": {"mouthFunnel": 0.25},
    "W UW OW2 AW2": {"mouthFunnel": 0.15},
    "AO OW1 OY1 UH": {"mouthFunnel": 0.15},
    "IY EY2 AY2 OY2": {"mouthSmile": 0.2, "mouthLowerDown": 0.15},
    "IH EH EY1": {"mouthLowerDown": 0.2, "mouthSmile": 0.1},
    "AE": {"mouthUpperUp": 0.15, "mouthLowerDown": 0.15},
}
"""After the mouth shapes that the renderer was made for (heads/expression.py, VISEMES), weaker."""

QUICK = frozenset({"mouthClose", "mouthRollLower", "tongueUp", "tongueOut"})
"""Gestures of a moment: they neither begin long before their phone nor linger."""


def shape_table() -> Dominance:
    """SHAPES as dominance functions, curves in the order of SHAPED."""
    target = np.zeros((len(PHONES), len(SHAPED)))
    for names, shape in SHAPES.items():
        for name in names.split():
            for axis, value in shape.items():
                target[INDEX[name], SHAPED.index(axis)] = value
    quick = np.array([axis in QUICK for axis in SHAPED])
    span = np.broadcast_to(np.where(quick, 0.012, 0.04), target.shape)
    strength = 1.0 + 3.0 * (target > 0.5) * quick
    return Dominance(target, strength, span.copy(), span.copy())


# --- what is learned from real lips ---------------------------------------------------------------

LIKE = {
    "SH": "CH", "ZH": "JH", "NG": "N", "HH": "AX", "AX": "AH", "OY1": "AO", "OY2": "EY2",
    "UH": "UW", "ER": "R", "OW2": "OW2", "AA": "AY1",
}  # fmt: skip
"""Phones that GRID lacks or nearly lacks -> the one that looks most alike."""

MINIMUM = {
    "aperture": {"AA": 0.095, "AE": 0.085, "AO": 0.080, "AW1": 0.095, "AY1": 0.095, "AH": 0.050,
                 "AX": 0.035, "HH": 0.035,
                 "EH": 0.055, "OW1": 0.045, "OY1": 0.055, "UH": 0.028, "ER": 0.032},
    "pucker": {"UW": 0.55, "OW2": 0.5, "OW1": 0.4, "W": 0.65, "AO": 0.25, "OY1": 0.3, "UH": 0.3,
               "AW2": 0.4, "R": 0.25, "ER": 0.2, "SH": 0.2, "ZH": 0.2, "CH": 0.2, "JH": 0.2},
    "stretch": {"IY": 0.5, "EY2": 0.45, "S": 0.3, "Z": 0.3, "EH": 0.25, "AE": 0.3},
}  # fmt: skip
"""Where one Englishman's GRID falls short of what is seen in general: his GOOSE is hardly rounded,
his THOUGHT hardly open; values after the phones' usual visemes (Edwards et al. 2016, JALI)."""

MAXIMUM = {"aperture": {"M": 0.0, "B": 0.0, "P": 0.0, SILENCE: 0.0, "F": 0.014, "V": 0.014}}


def fit_dominance(
    sentences: Sequence[Sequence[Phone]], wanted: Sequence[Float64], steps: int = 250
) -> Dominance:
    """Learn the table from aligned phones and real curves [hops, len(FITTED)] of each clip."""
    import torch

    torch.set_num_threads(1)
    n, most = len(sentences), max(len(s) for s in sentences)
    hops = min(len(w) for w in wanted)
    index = np.zeros((n, most), np.int64)
    start, stop = np.full((2, n, most), 1e3)
    for row, phones in enumerate(sentences):
        index[row, : len(phones)] = [INDEX[p.name] for p in phones]
        start[row, : len(phones)] = [p.start for p in phones]
        stop[row, : len(phones)] = [p.stop for p in phones]
    truth = torch.tensor(np.stack([w[:hops] for w in wanted]), dtype=torch.float32)
    scale = truth.flatten(0, 1).std(0)
    t = torch.arange(1, hops + 1)[None, :, None] * 0.01
    begin = torch.tensor(start, dtype=torch.float32)[:, None]
    end = torch.tensor(stop, dtype=torch.float32)[:, None]
    early, late = (begin - t).clamp(min=0)[..., None], (t - end).clamp(min=0)[..., None]
    share = ((end - begin) / 0.08).clamp(0.1, 4.0).sqrt()[..., None]
    there = torch.tensor(start < 1e2)[:, None, :, None]
    shape = (len(PHONES), len(FITTED))
    target = truth.flatten(0, 1).mean(0).repeat(len(PHONES), 1).requires_grad_()
    others = [torch.zeros(shape, requires_grad=True) for _ in range(3)]
    optimiser = torch.optim.Adam(
        [{"params": [target], "lr": 0.004}, {"params": others, "lr": 0.04}]
    )
    rng = np.random.default_rng(0)
    for _ in range(steps):
        rows = torch.from_numpy(rng.choice(n, 64, replace=False))
        i = torch.from_numpy(index)[rows]
        strength, before, after = (other[i][:, None] for other in others)
        pull = share[rows] * torch.exp(
            strength - early[rows] / (0.05 * before.exp()) - late[rows] / (0.05 * after.exp())
        )
        pull = pull * there[rows]
        got = (pull * target[i][:, None]).sum(2) / (pull.sum(2) + 1e-9)
        loss = (((got - truth[rows]) / scale) ** 2).mean()
        loss = loss + 1e-3 * sum((other**2).mean() for other in others)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    pulls, ahead, behind = (other.detach().double().exp().numpy() for other in others)
    spans = [np.clip(0.05 * span, 0.015, 0.15) for span in (ahead, behind)]
    table = Dominance(target.detach().double().numpy(), pulls, *spans)
    seen = {phone.name for sentence in sentences for phone in sentence}
    return _completed(table, seen)


def _completed(table: Dominance, seen: set[str]) -> Dominance:
    """The table with LIKE for phones never seen, then MINIMUM and MAXIMUM."""
    target = np.maximum(0.0, table.target)
    parts = [target, table.strength, table.before, table.after]
    for name, like in LIKE.items():
        if name not in seen:
            for part in parts:
                part[INDEX[name]] = part[INDEX[like]]
    for limits, choose in ((MINIMUM, max), (MAXIMUM, min)):
        for curve, values in limits.items():
            k = FITTED.index(curve)
            for name, value in values.items():
                target[INDEX[name], k] = choose(target[INDEX[name], k], value)
    # Lips that must meet do so in a short M too.
    opened = [INDEX[name] for name in ("AA", "AE", "AO", "AW1", "AY1")]
    table.strength[opened, 0] = np.maximum(table.strength[opened, 0], 4.0)
    closed = [INDEX[name] for name in ("M", "B", "P")]
    table.strength[closed, 0] = np.maximum(table.strength[closed, 0], 6.0)
    # Rounded and spread phones pull at the mouth's width, in fast speech too.
    rounded = [INDEX[name] for name in ("OW1", "OW2", "UW", "W")]
    spread = [INDEX[name] for name in ("IY", "EH", "S", "Z")]
    for names in (rounded, spread):
        table.strength[names, 1:] = np.maximum(table.strength[names, 1:], 3.0)
        for spans in (table.before, table.after):
            spans[names, 1:] = np.minimum(spans[names, 1:], 0.06)
    return Dominance(*parts)


def write_table(path: Path, table: Dominance) -> None:
    fields = {
        name: {
            phone: [round(float(v), 4) for v in getattr(table, name)[INDEX[phone]]]
            for phone in PHONES
        }
        for name in ("target", "strength", "before", "after")
    }
    path.write_text(json.dumps({"curves": FITTED, **fields}, indent=1) + "\n")


def read_table(path: Path) -> Dominance:
    fields = json.loads(path.read_text())
    return Dominance(
        *(
            np.array([fields[name][phone] for phone in PHONES])
            for name in ("target", "strength", "before", "after")
        )
    )
