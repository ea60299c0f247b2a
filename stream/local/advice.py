"""The command that installs what is missing, as the user's own system knows it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

Which = Callable[[str], str | None]
"""Where a program lies, None if there is none."""

MANAGERS = {
    "apt": "sudo apt install",
    "dnf": "sudo dnf install",
    "pacman": "sudo pacman -S",
    "zypper": "sudo zypper install",
}
NAMES = {
    "v4l2loopback": {
        "apt": "v4l2loopback-dkms",
        "dnf": "v4l2loopback",  # of RPM Fusion
        "pacman": "v4l2loopback-dkms",
        "zypper": "v4l2loopback-kmp-default",
    },
    "portaudio": {
        "apt": "libportaudio2",
        "dnf": "portaudio",
        "pacman": "portaudio",
        "zypper": "libportaudio2",
    },
    "alsa-plugins": {
        "apt": "libasound2-plugins",
        "dnf": "alsa-plugins-pulseaudio",
        "pacman": "alsa-plugins",
        "zypper": "alsa-plugins-pulse",
    },
    "pactl": {
        "apt": "pulseaudio-utils",
        "dnf": "pulseaudio-utils",
        "pacman": "libpulse",
        "zypper": "pulseaudio-utils",
    },
}
"""What we call a package -> its name for each manager."""


def install(*packages: str, which: Which = shutil.which) -> str:
    """On Linux: one command for all of these, names out of NAMES."""
    for manager, command in MANAGERS.items():
        if which(manager) is not None:
            return " ".join([command, *(NAMES[package][manager] for package in packages)])
    return f"install {' and '.join(packages)} with your system's package manager"


def pip(*arguments: str, which: Which = shutil.which, python: str = sys.executable) -> str:
    """pip of the Python that runs this, which the one on the path need not be."""
    found = which("pip")
    ours = found is not None and Path(found).parent == Path(python).parent
    return " ".join(["pip" if ours else f"{python} -m pip", *arguments])


def install_extra(extra: str, which: Which = shutil.which) -> str:
    """What brings an extra of latentcam's, wherever latentcam itself came from."""
    return pip("install", f'"latentcam[{extra}]"', which=which)
