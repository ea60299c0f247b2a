"""Advice fits the user's own system: its package manager, its Python, its kernel."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from latentcam.stream.local import advice, v4l2
from latentcam.stream.local.advice import Which


def has(*programs: str) -> Which:
    return lambda name: f"/usr/bin/{name}" if name in programs else None


@pytest.mark.parametrize(
    "manager,told",
    [
        ("apt", "sudo apt install v4l2loopback-dkms libportaudio2"),
        ("dnf", "sudo dnf install v4l2loopback portaudio"),
        ("pacman", "sudo pacman -S v4l2loopback-dkms portaudio"),
        ("zypper", "sudo zypper install v4l2loopback-kmp-default libportaudio2"),
        ("emerge", "install v4l2loopback and portaudio with your system's package manager"),
    ],
)
def test_each_manager_gets_its_own_names(manager: str, told: str) -> None:
    """Everybody was told `sudo apt install`, on Fedora and Arch, too."""
    assert advice.install("v4l2loopback", "portaudio", which=has(manager)) == told


def test_every_package_has_a_name_for_every_manager() -> None:
    for names in advice.NAMES.values():
        assert set(names) == set(advice.MANAGERS)


def test_pip_is_the_one_of_the_python_that_runs() -> None:
    ours = lambda name: str(Path(sys.executable).parent / name)  # noqa: E731
    assert advice.pip("install", "x", which=ours) == "pip install x"
    for which in (has("pip"), has()):
        assert advice.pip("install", "x", which=which) == f"{sys.executable} -m pip install x"
    assert advice.install_extra("bench", which=ours) == 'pip install "latentcam[bench]"'


def test_a_module_is_known_before_it_is_loaded(tmp_path: Path) -> None:
    folder = tmp_path / platform.release()
    assert not v4l2.module_installed(tmp_path)
    folder.mkdir()
    (folder / "modules.dep").write_text("kernel/drivers/net/tun.ko.xz:\n")
    assert not v4l2.module_installed(tmp_path)
    (folder / "modules.dep").write_text("updates/dkms/v4l2loopback.ko.xz: kernel/videodev.ko\n")
    assert v4l2.module_installed(tmp_path)
