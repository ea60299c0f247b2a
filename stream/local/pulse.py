"""PulseAudio's and PipeWire's devices, through their tool `pactl`: names, and a virtual microphone.

ALSA, which PortAudio uses on Linux, hides all of them behind one device called "pulse".
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from latentcam.stream.errors import DeviceError
from latentcam.stream.local import advice

logger = logging.getLogger(__name__)

START = "systemctl --user start pipewire-pulse (or pulseaudio --start)"
SINK = "latentcam_voice"  # what is played into it ...
SOURCE = "latentcam_mic"  # ... comes out of here; browsers hide a sink's monitor, not this


def run_pactl(*arguments: str) -> str:
    """What `pactl` answers. Raises DeviceError."""
    if not sys.platform.startswith("linux") or shutil.which("pactl") is None:
        raise DeviceError("pactl is missing", advice.install("pactl"))
    try:
        answer = subprocess.run(
            ["pactl", *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except subprocess.CalledProcessError as error:
        logger.info("pactl %s failed: %s", arguments[0], error.stderr.strip())
        if "refused" in error.stderr.lower():
            raise DeviceError("no sound server runs", START) from None
        raise DeviceError(f"the sound server refused {arguments[0]}; --verbose says why") from None
    except subprocess.TimeoutExpired:
        raise DeviceError(
            "the sound server does not answer",
            "systemctl --user restart pipewire-pulse (or pulseaudio --kill)",
        ) from None
    return answer.stdout.strip()


def list_names(kind: str) -> list[str]:
    """kind: "sources" (microphones) or "sinks". Raises DeviceError if no sound server answers."""
    return [line.split("\t")[1] for line in run_pactl("list", "short", kind).splitlines()]


def default_name(kind: str) -> str:
    """kind: "source" or "sink". Raises DeviceError."""
    return run_pactl(f"get-default-{kind}")


def default_monitor() -> str:
    """The source in which one hears what is played on the default sink. Raises DeviceError."""
    sink = default_name("sink")
    if sink == SINK:
        raise DeviceError(
            f"the system plays into {SINK}, where nobody but the call hears it",
            "choose loudspeakers or headphones in the system's settings of sound",
        )
    return f"{sink}.monitor"


def make_virtual_microphone() -> bool:
    """Make whichever parts are missing; returns whether any were. Raises DeviceError."""
    sinks, sources = list_names("sinks"), list_names("sources")
    if SINK not in sinks:
        run_pactl(
            "load-module", "module-null-sink", f"sink_name={SINK}", "rate=48000", "channels=1",
            "channel_map=mono", "sink_properties=device.description=latentcam-voice",
        )  # fmt: skip
    if SOURCE not in sources:
        run_pactl(
            "load-module", "module-remap-source", f"master={SINK}.monitor",
            f"source_name={SOURCE}", "source_properties=device.description=latentcam",
        )  # fmt: skip
    return SINK not in sinks or SOURCE not in sources


def remove_virtual_microphone() -> None:
    """Also removes what an earlier run left behind."""
    with contextlib.suppress(DeviceError):  # the server may have gone first
        for line in reversed(run_pactl("list", "short", "modules").splitlines()):
            index, _, about = line.partition("\t")
            if SINK in about:
                run_pactl("unload-module", index)


@contextlib.contextmanager
def virtual_microphone() -> Iterator[str]:
    """A microphone called latentcam, inside this context; yields the output to play into.

    What an earlier run left behind is used, and removed at the end. Raises DeviceError.
    """
    try:
        make_virtual_microphone()
        yield SINK
    finally:
        remove_virtual_microphone()


@contextlib.contextmanager
def chosen(source: str | None = None, sink: str | None = None) -> Iterator[None]:
    """Streams opened inside use these; the client library reads them from the environment."""
    names = {"PULSE_SOURCE": source, "PULSE_SINK": sink}
    before = {variable: os.environ.get(variable) for variable in names}
    try:
        os.environ.update({variable: name for variable, name in names.items() if name})
        yield
    finally:
        for variable, value in before.items():
            os.environ.pop(variable, None)
            if value is not None:
                os.environ[variable] = value
