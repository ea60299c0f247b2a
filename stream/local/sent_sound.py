"""A sound file that somebody sent, to be spoken in place of the microphone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from latentcam.realtime_models.arrays import Samples
from latentcam.stream.errors import MediaError
from latentcam.stream.local.sound_devices import VOICE_RATE
from latentcam.stream.voice_file import read_voice

LONGEST = 600  # seconds that are spoken; the rest is not


def read_sound(data: bytes) -> Samples:
    """The voice of any audio or video file, float32 [n] at VOICE_RATE. Raises MediaError.

    It lies in the system's folder for temporary files while it is read, and nowhere afterwards.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"
        path.write_bytes(data)
        blocks, count = [np.zeros(0, np.float32)], 0
        try:
            for block in read_voice(path, VOICE_RATE):
                blocks.append(block)
                count += len(block)
                if count >= LONGEST * VOICE_RATE:
                    break
        except MediaError as error:
            raise MediaError(str(error).replace(str(path), "the file")) from None
    return np.concatenate(blocks)[: LONGEST * VOICE_RATE]
