"""Sound cards through PortAudio. The one file that imports `sounddevice`, when it is needed.

PortAudio calls back from its own thread; everything else here blocks, so a session calls it from
one thread of its own. PortAudio reads the list of devices once: a microphone plugged in later is
seen only after `refresh`, before which all streams must be closed.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.stream.errors import DeviceError
from latentcam.stream.local import advice, pulse

logger = logging.getLogger(__name__)

VOICE_RATE = 48000  # Hz, of the voice between microphone and virtual microphone
BLOCK = VOICE_RATE // 100  # 10 ms
LATENCY = 0.02  # seconds of buffer asked for: two blocks

OnSound = Callable[[NDArray[np.float32]], None]
"""Gets float32 [n] at VOICE_RATE in PortAudio's thread; must return at once."""
WantSound = Callable[[int, float], NDArray[np.float32]]
"""Asked in PortAudio's thread for float32 [n] to be heard so many seconds from now."""


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """A device as people know it. pulse: whether it is one of PulseAudio's, reached by its name."""

    name: str
    input: bool
    output: bool
    default: bool
    pulse: bool = False


@contextmanager
def _hushed() -> Iterator[None]:
    """ALSA and JACK write to stderr themselves whatever they miss; only --verbose lets them."""
    if not sys.platform.startswith("linux") or logger.isEnabledFor(logging.INFO):
        yield
        return
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _portaudio() -> Any:
    try:
        with _hushed():
            import sounddevice
    except ModuleNotFoundError:
        raise DeviceError(
            "the package sounddevice is missing", advice.install_extra("camera")
        ) from None
    except OSError:  # the package is there, the library is not
        raise DeviceError(
            "the library PortAudio is missing", advice.install("portaudio", "alsa-plugins")
        ) from None
    return sounddevice


def list_sound_devices() -> list[SoundDevice]:
    """All devices that can be named, PulseAudio's sources and sinks first. Raises DeviceError."""
    sd = _portaudio()
    defaults = set(sd.default.device)
    found = _pulse_devices()
    for index, device in enumerate(sd.query_devices()):
        inputs, outputs = device["max_input_channels"] > 0, device["max_output_channels"] > 0
        found.append(SoundDevice(device["name"], inputs, outputs, index in defaults))
    return found


def _pulse_devices() -> list[SoundDevice]:
    try:
        chosen = {pulse.default_name("source"), pulse.default_name("sink")}
        sources, sinks = pulse.list_names("sources"), pulse.list_names("sinks")
    except DeviceError:
        return []  # not this system's, or it does not run
    return [SoundDevice(name, True, False, name in chosen, True) for name in sources] + [
        SoundDevice(name, False, True, name in chosen, True) for name in sinks
    ]


def find_sound_device(name: str, output: bool) -> SoundDevice:
    """The device with this name, or the only one whose name contains it. Raises DeviceError."""
    usable = [d for d in list_sound_devices() if (d.output if output else d.input)]
    exact = [d for d in usable if d.name == name]
    close = exact or [d for d in usable if name.lower() in d.name.lower()]
    if len(close) > 1 and len({d.name for d in close}) > 1:
        names = ", ".join(repr(d.name) for d in close)
        raise DeviceError(f"the name {name!r} fits several sound devices, expected one: {names}")
    if not close:
        kind = "output" if output else "microphone"
        names = ", ".join(repr(d.name) for d in usable) or "none at all"
        raise DeviceError(f"no {kind} is called {name!r}; there are: {names}")
    return close[0]


def _portaudio_name(sd: Any, device: SoundDevice | None) -> str | None:
    if device is None:
        return None  # the system's default
    if not device.pulse:
        return device.name
    for known in sd.query_devices():
        if known["name"] in ("pulse", "pipewire"):
            return str(known["name"])
    raise DeviceError(
        f"{device.name!r} belongs to PulseAudio, and ALSA cannot reach it",
        advice.install("alsa-plugins"),
    )


class Stream:
    """An open sound stream. `close` may be called twice."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def close(self) -> None:
        self._stream.close(ignore_errors=True)


def open_microphone(name: str | None, on_sound: OnSound) -> Stream:
    """Begin to listen to a microphone, by default the system's. Raises DeviceError."""
    sd = _portaudio()
    device = None if name is None else find_sound_device(name, output=False)

    def callback(sound: NDArray[np.float32], frames: int, time: Any, status: Any) -> None:
        on_sound(sound[:, 0].copy())

    with pulse.chosen(source=device.name if device and device.pulse else None):
        return _open(sd, sd.InputStream, device, callback, name or "the default microphone")


def open_voice_out(name: str, want_sound: WantSound) -> Stream:
    """Begin to play into a device. Raises DeviceError."""
    sd = _portaudio()
    device = find_sound_device(name, output=True)

    def callback(sound: NDArray[np.float32], frames: int, time: Any, status: Any) -> None:
        sound[:] = want_sound(frames, time.outputBufferDacTime - time.currentTime)[:, None]

    with pulse.chosen(sink=device.name if device.pulse else None):
        return _open(sd, sd.OutputStream, device, callback, name)


def _open(
    sd: Any, kind: Any, device: SoundDevice | None, callback: Callable[..., None], name: str
) -> Stream:
    try:
        with _hushed():
            stream = kind(
                device=_portaudio_name(sd, device),
                samplerate=VOICE_RATE,
                blocksize=BLOCK,
                channels=1,
                dtype="float32",
                latency=LATENCY,
                callback=callback,
                **_host_settings(sd),
            )
            stream.start()
    except (sd.PortAudioError, ValueError) as error:
        logger.info("PortAudio: %s", error)
        reason = str(error.args[0] if error.args else error).rpartition(": ")[2]
        raise DeviceError(f"{name} cannot be opened ({reason})") from None
    return Stream(stream)


def _host_settings(sd: Any) -> dict[str, Any]:
    """Windows' WASAPI converts sample rates only when asked to."""
    api = sd.query_hostapis(sd.default.hostapi)["name"]
    if api == "Windows WASAPI":
        return {"extra_settings": sd.WasapiSettings(auto_convert=True)}
    return {}


def refresh() -> None:
    """Read the list of devices again. No stream may be open: PortAudio would free it, and closing
    it later would crash."""
    sd = _portaudio()
    with _hushed():
        sd._terminate()  # PortAudio has no other way; sounddevice makes none public
        sd._initialize()
