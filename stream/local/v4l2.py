"""Linux's side of a virtual camera: finds, inspects and repairs v4l2loopback devices.

Numbers and layouts are those of <linux/videodev2.h>. Nothing here is called on other systems.
"""

from __future__ import annotations

import contextlib
import os
import platform
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from latentcam.stream.errors import DeviceError
from latentcam.stream.local import advice

VIDIOC_QUERYCAP = 0x80685600
VIDIOC_G_FMT = 0xC0D05604
VIDIOC_STREAMON = 0x40045612
CAPTURE, OUTPUT = 1, 2  # V4L2_BUF_TYPE_*, and the capabilities' bits
DEVICE_CAPS = 0x80000000
DRIVER = "v4l2 loopback"
WATCH = 2.0  # seconds without a picture after which nobody writes any
LARGEST = 4096  # pixels a side

LOAD = 'sudo modprobe v4l2loopback exclusive_caps=1 card_label="latentcam"'
UNLOAD = "sudo modprobe -r v4l2loopback"
JOIN = "sudo usermod -aG video $USER, then log in again"
MODULES = Path("/lib/modules")


@dataclass(frozen=True, slots=True)
class Loopback:
    """A v4l2loopback device. With exclusive_caps it is output (free to write to), capture (somebody
    writes) or, after a fault of its driver, neither; without, it is always both."""

    path: str
    card: str
    capture: bool
    output: bool


def list_loopbacks() -> list[Loopback]:
    """All v4l2loopback devices that this user can open, in the order of their numbers."""
    return [found for path in _devices() if (found := _query(path)) is not None]


def list_cameras() -> list[str]:
    """All real cameras that this user can open. What a camera offers besides pictures, mostly under
    a number of its own, is left out."""
    return [
        path
        for path in _devices()
        if (found := _capabilities(path)) and found[0] != DRIVER and found[2] & CAPTURE
    ]


def _devices() -> list[str]:
    paths = sorted(Path("/dev").glob("video*"), key=lambda path: (len(path.name), path.name))
    return [str(path) for path in paths]


def unreadable() -> list[str]:
    """Video devices that this user may not open."""
    return [str(p) for p in Path("/dev").glob("video*") if not os.access(p, os.R_OK | os.W_OK)]


def driver_version() -> str | None:
    """The version of the loaded module, None if it is not loaded."""
    folder = Path("/sys/module/v4l2loopback")
    if not folder.is_dir():
        return None
    version = folder / "version"
    return version.read_text().strip() if version.is_file() else "unknown"


def module_installed(modules: Path = MODULES) -> bool:
    """Whether the running kernel has the module, loaded or not."""
    listed = modules / platform.release() / "modules.dep"
    try:
        return "v4l2loopback" in listed.read_text()
    except OSError:
        return False


def users(path: str) -> list[str]:
    """Programs that hold the device open, as "name (pid)"; other users' only for root."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(os.readlink(fd) == path for fd in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                if int(process.name) != os.getpid():
                    found.append(f"{name} ({process.name})")
    return sorted(found)


def mend(path: str) -> None:
    """Give a device its OUTPUT back.

    v4l2loopback 0.12 with exclusive_caps=1 does so only after a writer that did STREAMON, which one
    that uses write(2) never does: afterwards the device is neither output nor capture or, if a
    reader has stayed, capture only. Call this only when nobody writes to it.
    """
    with _opened(path) as device, contextlib.suppress(OSError):
        _ioctl(device, VIDIOC_STREAMON, bytearray(struct.pack("i", OUTPUT)))


def flowing(path: str) -> bool:
    """Whether somebody writes pictures: reads along, to see if one comes within WATCH seconds."""
    width, height = held_size(path) or (LARGEST, LARGEST)
    waited, end = False, time.monotonic() + WATCH
    with _opened(path) as device:
        while time.monotonic() < end:
            try:
                os.read(device, width * height * 4)
            except BlockingIOError:
                waited = True  # what was written before now has been read
                time.sleep(0.01)
            except OSError:
                return True  # it cannot be told: better leave it alone
            else:
                if waited:
                    return True
    return False


def held_size(path: str) -> tuple[int, int] | None:
    """Width and height that readers get at present, None if the device reports none."""
    with _opened(path) as device:
        for kind in (CAPTURE, OUTPUT):
            form = bytearray(208)  # struct v4l2_format; its union begins at 8
            struct.pack_into("I", form, 0, kind)
            try:
                _ioctl(device, VIDIOC_G_FMT, form)
            except OSError:
                continue
            width, height = struct.unpack_from("II", form, 8)
            return width, height
    return None


def choose_loopback(path: str | None, mending: bool = True) -> str:
    """A device to write to, repaired if its driver left it unusable. Raises DeviceError.

    mending: False returns such a device and leaves it as it is. Each reason has its own sentence:
    no module, no permission, all in use, not a virtual camera.
    """
    devices = list_loopbacks()
    if path is not None:
        device = next((d for d in devices if d.path == os.path.realpath(path)), None)
        if device is None:
            raise _why_not(path, devices)
        candidates = [device]
    else:
        candidates = devices
    if not candidates:
        raise _why_none()
    for device in candidates:
        if device.output:
            return device.path
    for device in candidates:  # neither output nor capture, or a reader keeps it: no writer is left
        if not device.capture or not flowing(device.path):
            if not mending:
                return device.path
            mend(device.path)
            again = _query(device.path)
            if again is not None and again.output:
                return device.path
    told = ", ".join(
        f"{d.path} by {' and '.join(users(d.path)) or 'a program'}" for d in candidates
    )
    raise DeviceError(
        f"the virtual camera is in use ({told}); end that program, or load v4l2loopback with more "
        "devices",
        f"{UNLOAD} && sudo modprobe v4l2loopback devices=2 exclusive_caps=1,1",
    )


def _why_none() -> DeviceError:
    if driver_version() is None:
        if module_installed():
            return DeviceError("there is no virtual camera", LOAD)
        install = advice.install("v4l2loopback")
        return DeviceError("there is no virtual camera", f"{install} && {LOAD}")
    if locked := unreadable():
        return DeviceError(f"{', '.join(locked)} may not be opened by this user", JOIN)
    return DeviceError("v4l2loopback is loaded without a device", f"{UNLOAD} && {LOAD}")


def _why_not(path: str, devices: list[Loopback]) -> DeviceError:
    if os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK):
        return DeviceError(f"{path} may not be opened by this user", JOIN)
    wrong = f"{path} is no virtual camera" if os.path.exists(path) else f"{path} does not exist"
    if not devices:
        why = _why_none()
        return DeviceError(f"{wrong}; {why.found}", why.mend)
    known = ", ".join(f"{d.path} ({d.card})" for d in devices)
    return DeviceError(f"{wrong}; there is {known}")


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield device
    finally:
        os.close(device)


def _ioctl(device: int, request: int, data: bytearray) -> None:
    if sys.platform == "win32":
        raise OSError("Windows has no ioctl")
    import fcntl

    fcntl.ioctl(device, request, data)


def _query(path: str) -> Loopback | None:
    found = _capabilities(path)
    if found is None or found[0] != DRIVER:
        return None
    _, label, caps = found
    return Loopback(path, label, bool(caps & CAPTURE), bool(caps & OUTPUT))


def _capabilities(path: str) -> tuple[str, str, int] | None:
    """Its driver, its name and the bits of what it can do, None if it cannot be asked."""
    answer = bytearray(104)  # struct v4l2_capability
    try:
        with _opened(path) as device:
            _ioctl(device, VIDIOC_QUERYCAP, answer)
    except OSError:
        return None
    driver, card, _, _, all_caps, own_caps = struct.unpack_from("16s32s32sIII", answer)
    caps = own_caps if all_caps & DEVICE_CAPS else all_caps
    return driver.rstrip(b"\0").decode(), card.rstrip(b"\0").decode(errors="replace"), caps
