"""Phones with times: one small inventory for every corpus, dictionary and synthesiser.

The inventory is ARPABET (39 phones of CMUdict), the silences "SIL", and what other languages need
is mapped to what looks the same on the lips. Diphthongs are two phones, since lips move in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SILENCE = "SIL"
CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH",
    "T", "TH", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
VOWELS = ("AA", "AE", "AH", "AO", "EH", "ER", "IH", "IY", "UH", "UW", "AX")
HALVES = {
    "AW": ("AW1", "AW2"), "AY": ("AY1", "AY2"), "EY": ("EY1", "EY2"), "OW": ("OW1", "OW2"),
    "OY": ("OY1", "OY2"),
}  # fmt: skip
"""Diphthong -> its two halves."""

PHONES: tuple[str, ...] = (
    SILENCE, *CONSONANTS, *VOWELS, *(half for both in HALVES.values() for half in both)
)  # fmt: skip
OPEN_VOWELS = frozenset({"AA", "AE", "AO", "AW", "AY", "AW1", "AY1"})
CLOSED_LIPS = frozenset({"M", "B", "P"})

ARPABET = {"AXR": "ER", "IX": "IH", "EL": "L", "EM": "M", "EN": "N", "DX": "D", "PAU": SILENCE,
           "SP": SILENCE, "SPN": SILENCE, "": SILENCE, "H#": SILENCE, "NX": "N", "UX": "UW",
           "HV": "HH", "SSIL": SILENCE, "BRTH": SILENCE}  # fmt: skip

IPA = {
    # Vowels.
    "aɪ": ("AY",), "aʊ": ("AW",), "eɪ": ("EY",), "oʊ": ("OW",), "əʊ": ("OW",), "ɔɪ": ("OY",),
    "ɔø": ("OY",), "ai": ("AY",), "au": ("AW",), "ei": ("EY",), "ou": ("OW",), "ɛɪ": ("EY",),
    "œy": ("OY",), "ʌʊ": ("AW",), "ɑʊ": ("AW",), "eʊ": ("EH", "UW"), "oi": ("OY",),
    "a": ("AA",), "ɑ": ("AA",), "ɐ": ("AX",), "æ": ("AE",), "ʌ": ("AH",), "ɒ": ("AO",),
    "ɔ": ("AO",), "ə": ("AX",), "ᵻ": ("IH",), "ɜ": ("ER",), "ɚ": ("ER",), "ɝ": ("ER",),
    "e": ("EH",), "ɛ": ("EH",), "ɪ": ("IH",), "i": ("IY",), "ɨ": ("IH",), "ʊ": ("UH",),
    "u": ("UW",), "ɯ": ("IH",), "y": ("UW",), "ʏ": ("UH",), "ø": ("UH",), "œ": ("UH",),
    "ɵ": ("UH",), "ʉ": ("UW",), "o": ("OW1",), "ɤ": ("AH",),
    # Consonants.
    "tʃ": ("CH",), "dʒ": ("JH",), "ts": ("T", "S"), "dz": ("D", "Z"), "pf": ("P", "F"),
    "tɕ": ("CH",), "dʑ": ("JH",), "b": ("B",), "p": ("P",), "m": ("M",), "f": ("F",), "v": ("V",),
    "d": ("D",), "t": ("T",), "n": ("N",), "s": ("S",), "z": ("Z",), "l": ("L",), "r": ("R",),
    "ɹ": ("R",), "ɾ": ("D",), "ʁ": ("HH",), "ʀ": ("HH",), "ɫ": ("L",), "ʎ": ("L",), "ɲ": ("N",),
    "ŋ": ("NG",), "ɡ": ("G",), "g": ("G",), "k": ("K",), "c": ("K",), "ɟ": ("G",), "x": ("HH",),
    "ç": ("Y",), "χ": ("HH",), "ɣ": ("HH",), "h": ("HH",), "ɦ": ("HH",), "ʔ": (), "j": ("Y",),
    "w": ("W",), "ɥ": ("W",), "ʍ": ("W",), "β": ("B",), "ʋ": ("V",), "ð": ("DH",), "θ": ("TH",),
    "ʃ": ("SH",), "ʒ": ("ZH",), "ɕ": ("SH",), "ʑ": ("ZH",), "ʂ": ("SH",), "ʐ": ("ZH",),
    "ɭ": ("L",), "ɳ": ("N",), "ʈ": ("T",), "ɖ": ("D",), "t̪": ("T",), "ɬ": ("L",),
}  # fmt: skip
"""IPA, as espeak-ng writes it, -> phones that look alike."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of `PHONES` from `start` to `stop`, in seconds."""

    name: str
    start: float
    stop: float


def from_arpabet(name: str, start: float, stop: float) -> list[Phone]:
    """One ARPABET symbol, in any dialect of it, stress or not; a diphthong gives two phones, AH
    without stress is a schwa."""
    plain = "AX" if name.upper() == "AH0" else re.sub(r"\d", "", name.upper())
    plain = ARPABET.get(plain, plain)
    if plain in HALVES:
        middle = (start + stop) / 2
        first, second = HALVES[plain]
        return [Phone(first, start, middle), Phone(second, middle, stop)]
    if plain not in PHONES:
        raise ValueError(f"got phone {name!r}, expected one of ARPABET")
    return [Phone(plain, start, stop)]


def from_ipa(text: str, start: float, stop: float) -> list[Phone]:
    """What espeak-ng calls one phoneme, perhaps several of ours; unknown signs are left out."""
    plain = re.sub("[ˈˌːˑ̩̯̃ʲʰ̪ʷˤ‿̞.'\"]", "", text)
    names: list[str] = []
    while plain:
        length = 2 if plain[:2] in IPA else 1
        names += IPA.get(plain[:length], ())
        plain = plain[length:]
    if not names:
        return []
    step = (stop - start) / len(names)
    parts = [
        from_arpabet(name, start + i * step, start + (i + 1) * step) if name in HALVES
        else [Phone(name, start + i * step, start + (i + 1) * step)]
        for i, name in enumerate(names)
    ]  # fmt: skip
    return [phone for part in parts for phone in part]


def read_textgrid(path: Path) -> list[Phone]:
    """The tier "phones" of a Praat TextGrid, long format."""
    tier = path.read_text().split('name = "phones"')[1]
    intervals = re.findall(r'xmin = ([\d.]+)\s+xmax = ([\d.]+)\s+text = "(.*?)"', tier)
    return [p for a, b, text in intervals for p in from_arpabet(text, float(a), float(b))]


def clip_edges(phones: list[Phone], seconds: float) -> list[Phone]:
    """Without empty phones, in order, with silence wherever nothing is said until `seconds`."""
    out: list[Phone] = []
    now = 0.0
    for phone in phones:
        if phone.stop - max(phone.start, now) < 1e-3 or phone.start >= seconds:
            continue
        if phone.start > now + 0.005:
            out.append(Phone(SILENCE, now, phone.start))
            now = phone.start
        stop = min(phone.stop, seconds)
        out.append(Phone(phone.name, now, stop))
        now = stop
    if seconds > now + 0.005:
        out.append(Phone(SILENCE, now, seconds))
    return out
