"""What `latentcam doctor` looks at. A check inspects and judges; it changes nothing."""

from __future__ import annotations

import asyncio
import importlib.util
import platform
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.decoders.install import TENSORRT, TORCH_CUDA
from latentcam.realtime_models.errors import AvatarPackError, BackendUnavailable
from latentcam.realtime_models.opened import open_pack
from latentcam.realtime_models.pack_places import SHIPPED, installed_packs
from latentcam.server.config import IceServer
from latentcam.server.errors import ConfigError
from latentcam.server.run import listen
from latentcam.stream.errors import DeviceError
from latentcam.stream.local import pulse, v4l2
from latentcam.stream.local.sound_devices import list_sound_devices, open_microphone
from latentcam.stream.local.virtual_camera import SETUP

PACKAGES = ("latentcam", "numpy", "openvino", "av", "aiortc", "sounddevice", "pyvirtualcam")
LISTEN = 3.0  # seconds for a microphone to give its first sound
RENDERS = 40
ICE_DEADLINE = 10.0  # seconds
GPU_DEADLINE = 10.0  # seconds
VIRTUAL_OUTPUTS = ("blackhole", "cable input", "vb-audio", "voicemeeter")
SOUND_SETUP = {
    "linux": "sudo apt install pulseaudio-utils libportaudio2 libasound2-plugins",
    "darwin": "brew install blackhole-2ch",
    "win32": "install VB-CABLE from https://vb-audio.com/Cable",
}


class Finding(msgspec.Struct, frozen=True):
    """verdict: "ok" works, "warn" works with a limit, "fail" does not. mend: a command."""

    name: str
    found: str
    verdict: Literal["ok", "warn", "fail"]
    mend: str | None = None


async def all_checks(
    avatar: str,
    fps: int,
    ports: Sequence[int],
    servers: Sequence[IceServer],
    tls: tuple[str | None, str | None],
) -> list[Finding]:
    """Everything, in the order in which a person would fix it."""
    findings = [versions(), cpu(), *packs(), speed(avatar, fps), gpu()]
    findings += [microphone(), virtual_camera(), virtual_microphone()]
    findings += [port(number) for number in ports]
    findings += [await ice(server) for server in servers]
    return [*findings, https(*tls)]


def versions() -> Finding:
    """Python and the packages that matter here."""
    found, absent = [f"Python {platform.python_version()}"], []
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            absent.append(package)
    text = ", ".join(found) + (f"; without {', '.join(absent)}" if absent else "")
    extra = 'pip install "latentcam[camera]"' if absent else None
    return Finding("versions", text, "warn" if absent else "ok", extra)


def cpu() -> Finding:
    """The CPU's units that decoding speed depends on."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    flags = next((line.split() for line in text.splitlines() if line.startswith("flags")), [])
    units = [u for u in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if u in flags]
    name = platform.processor() or platform.machine()
    for line in text.splitlines():
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    return Finding("CPU", f"{name}; {' '.join(units) or 'vector units unknown'}", "ok")


def packs() -> list[Finding]:
    """Every installed pack, read in full and compared with its digests."""
    findings = []
    for folder in installed_packs():
        name = f"pack {folder.name}"
        try:
            pack = load_pack(str(folder))
        except AvatarPackError as error:
            shipped = folder.parent == SHIPPED
            mend = _reinstall() if shipped else f"latentcam avatar remove {folder.name}"
            findings.append(Finding(name, str(error), "fail", mend))
            continue
        size = pack.card.generator.resolution
        found = f"{size}x{size}, {len(pack.card.identities)} faces, digests match"
        findings.append(Finding(name, found, "ok"))
    return findings or [Finding("packs", "none installed", "fail", _reinstall())]


def _reinstall() -> str:
    return "pip install --force-reinstall --no-deps latentcam"


def speed(avatar: str, fps: int) -> Finding:
    """How long a picture takes, against how often one is due."""
    try:
        face = open_pack(avatar).avatar
    except (AvatarPackError, BackendUnavailable) as error:
        return Finding("decoding", str(error), "fail", "pip install openvino")
    anchor, x = face.anchor(face.card.identities[0]), face.basis.control({})
    seconds = []
    for _ in range(RENDERS):
        begun = time.perf_counter()
        face.render(anchor, x)
        seconds.append(time.perf_counter() - begun)
    p50, p95 = (float(np.percentile(seconds[5:], p)) for p in (50, 95))
    found = (
        f"{face.decoder.description}: p50 {p50 * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms; one is "
        f"due every {1000 / fps:.0f} ms"
    )
    if p50 > 0.9 / fps:
        fits = max(1, int(0.8 / p95))
        return Finding("decoding", found, "fail", f"latentcam camera --fps {fits}")
    if p95 > 0.8 / fps:
        return Finding("decoding", found, "warn", "close other programs that keep the CPU busy")
    return Finding("decoding", found, "ok")


def gpu() -> Finding:
    """Not needed: what there is, and what it would take to use it."""
    if shutil.which("nvidia-smi") is None:
        return Finding("GPU", "no NVIDIA driver; not needed", "ok")
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=GPU_DEADLINE
        )
    except subprocess.TimeoutExpired:
        mend = "run nvidia-smi, and restart the machine if that hangs"
        return Finding("GPU", "its driver does not answer; a GPU is not needed", "warn", mend)
    found = " ".join(listed.stdout.split("\n")[0].split("(")[0].split()) or "a driver without a GPU"
    for module, install in (
        ("torch", TORCH_CUDA), ("torch_tensorrt", TENSORRT), ("tensorrt", TENSORRT)
    ):  # fmt: skip
        if importlib.util.find_spec(module) is None:
            return Finding("GPU", f"{found}; {module} is not installed", "warn", install)
    return Finding("GPU", f"{found}; torch {metadata.version('torch')}, TensorRT", "ok")


def microphone() -> Finding:
    """The default microphone, listened to until its first sound."""
    try:
        names = [device.name for device in list_sound_devices() if device.input]
        if not names:
            return Finding("microphone", "none", "fail", "plug one in, or camera --mic FILE")
        levels: list[float] = []
        stream = open_microphone(None, lambda sound: levels.append(float(np.abs(sound).max())))
    except DeviceError as error:
        found, install = _split(error)
        return Finding("microphone", found, "fail", install or "latentcam camera --mic FILE")
    end = time.monotonic() + LISTEN
    while time.monotonic() < end and len(levels) < 20:
        time.sleep(0.05)
    stream.close()
    found = f"{len(names)}: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"
    if not levels:
        mend = "choose another: latentcam camera --list-devices"
        return Finding("microphone", f"{found}; the default gives no sound", "fail", mend)
    if max(levels) == 0.0:
        mend = "unmute it in the system's sound settings"
        return Finding("microphone", f"{found}; the default gives digital silence", "warn", mend)
    return Finding("microphone", found, "ok")


def virtual_camera() -> Finding:
    """A device that `latentcam camera` could open now; on Linux looked at closely."""
    if importlib.util.find_spec("pyvirtualcam") is None:
        mend = 'pip install "latentcam[camera]"'
        return Finding("virtual camera", "the package pyvirtualcam is missing", "fail", mend)
    if not sys.platform.startswith("linux"):
        setup = SETUP.get(sys.platform)
        return Finding("virtual camera", "checked when the camera starts", "warn", setup)
    try:
        path = v4l2.choose_loopback(None, mending=False)
    except DeviceError as error:
        found, setup = _split(error)
        return Finding("virtual camera", found, "fail", setup)
    device = next(d for d in v4l2.list_loopbacks() if d.path == path)
    found = f"{path} ({device.card}), v4l2loopback {v4l2.driver_version()}"
    if device.capture and device.output:
        return Finding(
            "virtual camera",
            f"{found}; without exclusive_caps browsers do not list it",
            "warn",
            f"sudo modprobe -r v4l2loopback && {v4l2.LOAD}",
        )
    if not device.output:
        return Finding(
            "virtual camera", f"{found}; the next start repairs what the last one left", "ok"
        )
    return Finding("virtual camera", found, "ok")


def virtual_microphone() -> Finding:
    """Where the delayed voice could go."""
    name = "virtual microphone"
    if sys.platform.startswith("linux"):
        try:
            default = pulse.default_name("sink")
        except DeviceError as error:
            found, mend = _split(error)
            return Finding(name, found, "warn", mend or SOUND_SETUP["linux"])
        return Finding(name, f"--create-virtual-mic makes one (sound server: {default})", "ok")
    try:
        outputs = [device.name for device in list_sound_devices() if device.output]
    except DeviceError as error:
        found, mend = _split(error)
        return Finding(name, found, "warn", mend)
    fitting = [out for out in outputs if any(v in out.lower() for v in VIRTUAL_OUTPUTS)]
    if not fitting:
        return Finding(name, "none", "warn", SOUND_SETUP.get(sys.platform))
    return Finding(name, f"--voice-out {fitting[0]!r}", "ok")


def port(number: int) -> Finding:
    """Whether it is free on this machine."""
    try:
        listen("127.0.0.1", number).close()
    except ConfigError as error:
        return Finding(f"port {number}", str(error), "warn", "choose another: --port 0")
    return Finding(f"port {number}", "free", "ok")


async def ice(server: IceServer) -> Finding:
    """Whether the server answers: with this machine's address (STUN) or a relay (TURN)."""
    name, kind = f"ICE {server.urls}", "relay" if server.urls.startswith("turn") else "srflx"
    entry = RTCIceServer(server.urls, server.username, server.credential)
    connection = RTCPeerConnection(RTCConfiguration([entry]))
    begun = time.monotonic()
    try:
        connection.createDataChannel("doctor")
        async with asyncio.timeout(ICE_DEADLINE):
            await connection.setLocalDescription(await connection.createOffer())
        found = f" typ {kind}" in connection.localDescription.sdp
    except (TimeoutError, OSError, socket.gaierror, ValueError) as error:
        return Finding(name, f"not reached: {error or 'no answer'}", "fail", _ping(server))
    finally:
        await connection.close()
    if not found:
        return Finding(name, "no answer, or the login is wrong", "fail", _ping(server))
    return Finding(name, f"answers within {time.monotonic() - begun:.1f} s", "ok")


def _ping(server: IceServer) -> str:
    host = server.urls.partition(":")[2].partition("?")[0]
    return f"open UDP to {host} in the firewall, or give another --ice-server"


def https(cert: str | None, key: str | None) -> Finding:
    """Browsers give the microphone to localhost and HTTPS only."""
    mend = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=$(hostname) "
        "-keyout key.pem -out cert.pem"
    )
    if cert is None and key is None:
        return Finding("HTTPS", "no --tls-cert given: this machine's browsers only", "ok")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert or "", key)
    except (OSError, ssl.SSLError) as error:
        return Finding("HTTPS", f"{cert} with {key}: {error.strerror or error}", "fail", mend)
    return Finding("HTTPS", f"{cert} fits {key}", "ok")


def _split(error: DeviceError) -> tuple[str, str | None]:
    """Splits a sentence that ends in ": COMMAND" into a finding and the command that fixes it."""
    text = str(error)
    for begin in (": sudo ", ": pip ", ": systemctl "):
        found, colon, mend = text.partition(begin)
        if colon:
            return found, colon[2:] + mend
    return text, None
