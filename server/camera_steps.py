"""What `latentcam camera` needs on each system, as steps that a person can take."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from pathlib import Path

import numpy as np

from latentcam.realtime_models.arrays import Samples
from latentcam.server.guide import Step
from latentcam.stream.errors import DeviceError
from latentcam.stream.local import advice, pulse, v4l2
from latentcam.stream.local.sound_devices import (
    find_sound_device,
    list_sound_devices,
    open_microphone,
    refresh,
)
from latentcam.stream.local.virtual_camera import open_virtual_camera

OBS_APP = Path("/Applications/OBS.app")
OBS_PAGE = "https://obsproject.com/download"
MAC_PRIVACY = "x-apple.systempreferences:com.apple.preference.security"
MAC_MICROPHONE = f"{MAC_PRIVACY}?Privacy_Microphone"
WINDOWS_MICROPHONE = "ms-settings:privacy-microphone"
BLACKHOLE_PAGE = "https://existential.audio/blackhole/"
CABLE_PAGE = "https://vb-audio.com/Cable/"
VIRTUAL_OUTPUTS = ("blackhole", "cable input", "vb-audio", "voicemeeter")
LISTEN = 2.0  # seconds for a microphone's first sound


def camera_steps(
    platform: str = sys.platform,
    *,
    device: str | None = None,
    voice_out: str | None = None,
    virtual_microphone: bool = False,
    microphone: bool = True,
) -> list[Step]:
    """The steps of a system, what others need first.

    device, voice_out, virtual_microphone: as the command's options. microphone: whether one is
    used, and not a file.
    """
    steps = [Step("its Python packages", packages)]
    if platform == "darwin":
        steps += [
            Step(
                "OBS, whose virtual camera is used",
                obs_app,
                ("Install OBS 30 or newer from the page below, and start it once.",),
                OBS_PAGE,
            ),
            Step(
                "OBS's virtual camera",
                lambda: camera(device),
                (
                    "In OBS, press Start Virtual Camera.",
                    "Allow its extension: System Settings, Privacy & Security.",
                    "Press Stop Virtual Camera, and quit OBS: it need not run.",
                ),
                MAC_PRIVACY,
            ),
            Step(
                "a way for your voice, in step with the lips",
                lambda: voice(voice_out),
                ("brew install blackhole-2ch", "or take the installer from the page below."),
                BLACKHOLE_PAGE,
                optional=voice_out is None,
            ),
        ]
    elif platform == "win32":
        steps += [
            Step(
                "a virtual camera",
                lambda: camera(device),
                (
                    "Install OBS from the page below: it brings one. OBS need not run.",
                    'Or install Unity Capture, and give --device "Unity Video Capture".',
                ),
                OBS_PAGE,
            ),
            Step(
                "a way for your voice, in step with the lips",
                lambda: voice(voice_out),
                ("Install VB-CABLE from the page below, and restart the machine.",),
                CABLE_PAGE,
                optional=voice_out is None,
            ),
        ]
    else:
        steps.append(Step("a virtual camera", lambda: loopback(device)))
        if virtual_microphone:
            steps.append(Step("a sound server", sound_server))
    if microphone and platform in ("darwin", "win32"):
        page = MAC_MICROPHONE if platform == "darwin" else WINDOWS_MICROPHONE
        steps.append(
            Step(
                "a microphone that may be heard",
                hearing,
                ("Allow the microphone for this terminal, on the page below.", "Say something."),
                page,
                optional=True,
            )
        )
    return steps


def packages() -> None:
    """Raises DeviceError, like all the following."""
    importlib.invalidate_caches()  # somebody installs them meanwhile, in another terminal
    absent = [p for p in ("pyvirtualcam", "sounddevice") if importlib.util.find_spec(p) is None]
    if absent:
        verb = "is" if len(absent) == 1 else "are"
        found = f"{' and '.join(absent)} {verb} not installed"
        raise DeviceError(found, advice.install_extra("camera"))
    list_sound_devices()  # PortAudio itself may be missing


def obs_app(app: Path = OBS_APP) -> None:
    if not app.exists() and not (Path.home() / app.relative_to("/")).exists():
        raise DeviceError("OBS is not installed")


def camera(device: str | None) -> None:
    """One that can be opened, which shows nothing yet."""
    open_virtual_camera(device, 640, 360, 30).close()


def loopback(device: str | None) -> None:
    """Looked at only: what its driver left unusable is mended when the camera starts."""
    v4l2.choose_loopback(device, mending=False)


def sound_server() -> None:
    pulse.default_name("sink")


def voice(name: str | None) -> None:
    """The output of this name, or any that leads into another program's microphone."""
    refresh()
    if name is not None:
        find_sound_device(name, output=True)
        return
    outputs = [device.name for device in list_sound_devices() if device.output]
    if not any(known in output.lower() for output in outputs for known in VIRTUAL_OUTPUTS):
        raise DeviceError("no output leads into a meeting's microphone")


def hearing() -> None:
    """A microphone without permission gives digital silence."""
    heard = threading.Event()

    def on_sound(sound: Samples) -> None:
        if np.abs(sound).max() > 0:
            heard.set()

    stream = open_microphone(None, on_sound)
    try:
        if not heard.wait(LISTEN):
            raise DeviceError("the default microphone gives no sound")
    finally:
        stream.close()
