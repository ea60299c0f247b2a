"""Synthesisers that say when each phone sounds: flite, festival and espeak-ng (Debian's).

They are training tools, called as programs or through their C interface; none of them is shipped.
"""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.training.motion.data.phones import (
    Phone,
    clip_edges,
    from_arpabet,
    from_ipa,
)
from latentcam.realtime_models.training.motion.data.sound import RATE, read_sound

WEAK = {
    "a": ("ax",), "an": ("ax n",), "and": ("ax n d", "ax n"), "are": ("er",), "as": ("ax z",),
    "at": ("ax t",), "but": ("b ax t",), "can": ("k ax n",), "for": ("f er",),
    "from": ("f r ah m", "f r ax m"), "had": ("hh ax d", "ax d"), "has": ("hh ax z", "ax z"),
    "have": ("hh ax v", "ax v"), "he": ("iy",), "her": ("er",), "him": ("ih m",),
    "his": ("ih z",), "of": ("ax v", "ax"), "or": ("er",), "our": ("aa r",), "than": ("dh ax n",),
    "that": ("dh ax t",), "the": ("dh iy",), "them": ("dh ax m",), "to": ("t uw",),
    "was": ("w ah z", "w ax z"), "what": ("w ah t",), "you": ("y ax",), "your": ("y er",),
}  # fmt: skip
"""How words also sound within a sentence: weak forms, as in any phonetics of English."""


@dataclass(frozen=True)
class Spoken:
    """A sentence in a voice."""

    samples: Samples
    phones: list[Phone]


def flite(text: str, voice: str, stretch: float = 1.0) -> Spoken:
    """voice: see `flite -lv`. stretch > 1 is slower."""
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "said.wav"
        printed = subprocess.run(
            ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}", "-psdur",
             "-t", text, "-o", str(wave)],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        samples = read_sound(wave)
    ends = [(name, float(end)) for name, end in re.findall(r"([a-z#]+):([\d.]+)", printed)]
    return Spoken(samples, _from_ends(ends, len(samples) / RATE))


@cache
def pronounce(word: str) -> tuple[tuple[str, ...], ...]:
    """The pronunciations of an English word in ARPABET: by flite's dictionary and letter-to-sound
    rules, and weak forms."""
    # Not its default voice, which has no AH and says AA instead.
    printed = subprocess.run(
        ["flite", "-voice", "slt", "-t", word, "-ps", "-o", "none"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    spoken = tuple(sign for sign in printed.split() if sign != "pau")
    return (spoken, *(tuple(form.split()) for form in WEAK.get(word.lower(), ())))


def festival(text: str, voice: str) -> Spoken:
    """voice: a festival voice with ARPABET-like phones, such as "kal_diphone"."""
    plain = re.sub(r"[^A-Za-z0-9 ,.'?-]", "", text)
    with tempfile.TemporaryDirectory() as folder:
        wave, segments = Path(folder) / "said.wav", Path(folder) / "said.seg"
        script = (
            f'(voice_{voice}) (set! u (Utterance Text "{plain}")) (utt.synth u) '
            f'(utt.save.wave u "{wave}") (utt.save.segs u "{segments}")'
        )
        source = Path(folder) / "say.scm"
        source.write_text(script)
        subprocess.run(["festival", "-b", str(source)], check=True, capture_output=True)
        samples = read_sound(wave)
        rows = [line.split() for line in segments.read_text().splitlines()]
    ends = [(row[2], float(row[0])) for row in rows if len(row) == 3]
    return Spoken(samples, _from_ends(ends, len(samples) / RATE))


def _from_ends(ends: list[tuple[str, float]], seconds: float) -> list[Phone]:
    phones: list[Phone] = []
    before = 0.0
    for name, end in ends:
        phones += from_arpabet(name, before, end)
        before = end
    return clip_edges(phones, seconds)


def espeak(text: str, voice: str, rate: int = 160, pitch: int = 50, spread: int = 50) -> Spoken:
    """voice: a language, with a variant after "+": "de+f3". rate: words per minute.

    In a process of its own, because the library keeps its state for good.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "said.npz"
        request = {"text": text, "voice": voice, "rate": rate, "pitch": pitch, "spread": spread}
        subprocess.run(
            [sys.executable, "-m", __name__, str(out)],
            input=json.dumps(request), text=True, check=True, capture_output=True,
        )  # fmt: skip
        stored = np.load(out)
        phones = [Phone(**fields) for fields in json.loads(str(stored["phones"]))]
        return Spoken(stored["samples"], phones)


class _Event(ctypes.Structure):
    """espeak_EVENT of espeak-ng's speak_lib.h."""

    class Id(ctypes.Union):
        _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p),
                    ("string", ctypes.c_char * 8)]  # fmt: skip

    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int), ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", Id),
    ]  # fmt: skip


def _espeak_here(text: str, voice: str, rate: int, pitch: int, spread: int) -> Spoken:
    import soxr

    library = ctypes.CDLL("libespeak-ng.so.1")
    synchronous, phoneme_events, ipa, utf8 = 2, 1, 2, 1
    hz = library.espeak_Initialize(synchronous, 0, None, phoneme_events | ipa)
    parts: list[NDArray[np.int16]] = []
    heard: list[tuple[float, str]] = []

    def receive(wave: Any, count: int, events: Any) -> int:
        if wave and count:
            parts.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type != 0:
            if events[i].type == 7:  # espeakEVENT_PHONEME
                heard.append((events[i].sample / hz, events[i].id.string.decode("utf8", "ignore")))
            i += 1
        return 0

    signature = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
    )
    callback = signature(receive)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"got voice {voice!r}, expected one that espeak-ng has")
    for parameter, value in ((1, rate), (3, pitch), (4, spread)):  # RATE, PITCH, RANGE
        library.espeak_SetParameter(parameter, value, 0)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 0, 0, utf8, None, None)
    library.espeak_Synchronize()
    sound = np.concatenate(parts).astype(np.float32) / 32768
    samples = soxr.resample(sound, hz, RATE).astype(np.float32)
    seconds = len(samples) / RATE
    stops = [start for start, _ in heard[1:]] + [seconds]
    phones: list[Phone] = []
    for (start, sign), stop in zip(heard, stops, strict=True):
        if not sign.startswith("("):  # "(en)": a change of language
            phones += from_ipa(sign, start, stop)
    return Spoken(samples, clip_edges(phones, seconds))


def _main() -> None:
    spoken = _espeak_here(**json.load(sys.stdin))
    np.savez(
        sys.argv[1],
        samples=spoken.samples,
        phones=json.dumps([asdict(phone) for phone in spoken.phones]),
    )


if __name__ == "__main__":
    _main()
