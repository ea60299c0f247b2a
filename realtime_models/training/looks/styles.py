"""Cuts of hair, as numbers for `hair.py`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """How hair is cut and combed. Lengths in metres; directions are weights of a sum."""

    top: float = 0.04  # length on top
    sides: float = 0.012
    back: float = 0.015
    count: int = 16000
    width: float = 0.00026  # of a strand at its root; wider than life, for few samples
    away: float = 1.0  # from the crown: forwards in front, down elsewhere
    backwards: float = 0.0
    part: float | None = None  # x of a parting; hair goes to both sides of it
    sideways: float = 0.0  # strength of the parting; without one, to the head's left
    lift: float = 0.5  # away from the skull, at the root
    gravity: float = 0.0
    volume: float = 0.010  # how thick the layer is
    clump: float = 0.4
    clumps: int = 700
    curl: float = 0.0  # radius of curls in metres
    turns: float = 0.0  # turns per metre
    wave: float = 0.0  # amplitude of waves in metres, in the plane
    wavelength: float = 0.05
    frizz: float = 0.0006
    inwards: float = 0.0  # tips turn in (bob)
    fringe: float = 0.0  # length of a fringe, 0 for none
    receding: float = 0.0
    temples: float = 0.0
    thin: float = 0.0  # share of missing hair on the crown
    knot: tuple[float, float, float] | None = None  # where all hair is gathered
    knot_size: float = 0.03
    braids: int = 0  # hanging braids
    rows: int = 0  # braids that lie on the skull
    messy: float = 0.08


STYLES: dict[str, Style] = {
    "buzz": Style(top=0.006, sides=0.004, back=0.004, count=26000, lift=1.6, away=0.6, volume=0.0,
                  clump=0.0, frizz=0.0004, width=0.00020),
    "crop": Style(top=0.034, sides=0.011, back=0.014, away=0.8, lift=0.9, volume=0.010,
                  clump=0.6, clumps=500, messy=0.12),
    "parted": Style(top=0.066, sides=0.016, back=0.018, away=0.15, part=0.034, sideways=0.8,
                    backwards=0.75, lift=0.40, volume=0.008, clump=0.5),
    "quiff": Style(top=0.058, sides=0.009, back=0.012, away=0.0, backwards=1.5, lift=0.85,
                   volume=0.012, clump=0.75, clumps=300, messy=0.07),
    "sleek": Style(top=0.095, sides=0.06, back=0.05, away=0.1, backwards=1.0, lift=0.28,
                   volume=0.007, clump=0.5, gravity=0.25),
    "tousled": Style(top=0.056, sides=0.022, back=0.03, away=0.7, sideways=0.35, lift=0.7,
                     volume=0.015, clump=0.8, clumps=300, messy=0.22, wave=0.003,
                     wavelength=0.045, gravity=0.2),
    "curly": Style(top=0.095, sides=0.035, back=0.04, away=0.8, lift=1.3, volume=0.02,
                   clump=0.85, clumps=520, curl=0.0055, turns=34, messy=0.35, gravity=0.15,
                   count=13000),
    "coily": Style(top=0.030, sides=0.012, back=0.014, away=0.3, lift=2.2, volume=0.0, clump=0.8,
                   clumps=1500, curl=0.0026, turns=130, messy=0.3, count=13000, frizz=0.001),
    "afro": Style(top=0.052, sides=0.048, back=0.054, away=0.12, lift=3.0, volume=0.0, clump=0.6,
                  clumps=2200, curl=0.0034, turns=95, messy=0.25, count=11000, frizz=0.003),
    "pixie": Style(top=0.080, sides=0.028, back=0.035, away=0.45, part=-0.035, sideways=0.9,
                   lift=0.55, volume=0.014, clump=0.6, gravity=0.25, messy=0.15, fringe=0.06),
    "bob": Style(top=0.27, sides=0.19, back=0.17, away=0.15, part=0.02, sideways=1.0, lift=0.5,
                 gravity=1.1, volume=0.016, clump=0.5, inwards=0.55, count=13000),
    "long": Style(top=0.44, sides=0.36, back=0.36, away=0.15, part=-0.012, sideways=1.0, lift=0.48,
                  gravity=1.2, volume=0.017, clump=0.55, count=13000, wave=0.003, wavelength=0.12),
    "wavy": Style(top=0.40, sides=0.32, back=0.32, away=0.15, part=0.026, sideways=1.0, lift=0.6,
                  gravity=1.2, volume=0.017, clump=0.72, clumps=260, wave=0.005, wavelength=0.11,
                  count=13000),
    "ringlets": Style(top=0.33, sides=0.26, back=0.26, away=0.2, part=0.01, sideways=0.9, lift=0.9,
                      gravity=0.95, volume=0.024, clump=0.95, clumps=230, curl=0.0095, turns=22,
                      count=11000),
    "fringe": Style(top=0.30, sides=0.24, back=0.22, away=0.2, part=0.0, sideways=1.0, lift=0.5,
                    gravity=1.1, volume=0.015, clump=0.5, inwards=0.4, fringe=0.085, count=13000),
    "bun": Style(top=0.24, sides=0.22, back=0.22, lift=0.05, volume=0.003, clump=0.35,
                 knot=(0.0, 0.158, 0.112), knot_size=0.035, count=13000, frizz=0.0016),
    "low_bun": Style(top=0.26, sides=0.22, back=0.2, lift=0.08, volume=0.004, clump=0.4,
                     part=0.018, sideways=0.5, knot=(0.0, 0.195, -0.005), knot_size=0.034,
                     count=13000),
    "braids": Style(top=0.40, sides=0.36, back=0.36, away=0.15, part=0.0, sideways=1.0, lift=0.7,
                    gravity=1.2, volume=0.016, braids=230, count=0, frizz=0.0004),
    "cornrows": Style(top=0.02, sides=0.02, back=0.02, rows=15, count=0, frizz=0.0003,
                      knot=(0.0, 0.190, 0.02), knot_size=0.03),
}  # fmt: skip
"""The cuts that there are."""
