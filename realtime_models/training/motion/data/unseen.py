"""What training must not see, because it judges the result; by hash, so it never changes."""

from __future__ import annotations

import zlib

from latentcam.realtime_models.training.motion.data.lips import held_out
from latentcam.realtime_models.training.motion.data.synthesise import held_out_voice


def held_out_reader(speaker: str) -> bool:
    """Whether none of what a speaker of natural recordings says may be seen."""
    return zlib.crc32(speaker.encode()) % 5 == 0


def unseen(name: str) -> bool:
    """Whether training must not see "<corpus>/<speaker or voice>/<clip>"."""
    corpus, speaker, clip = name.split("/")
    if corpus == "grid":
        return held_out(clip)
    if corpus == "said":
        return held_out_voice(speaker)
    if corpus in ("sung", "lips"):  # of lips, whole speakers in turn: `train --without`
        return False
    if corpus == "natural":
        return held_out_reader(speaker) or zlib.crc32(clip.encode()) % 20 == 0
    return zlib.crc32((clip if corpus == "lj" else speaker).encode()) % 5 == 0
