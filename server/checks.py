"""What `latentcam doctor` looks at. A check inspects and judges; it changes nothing."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import re
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

import av.codec
import msgspec
import numpy as np
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.decoders.install import TENSORRT, TORCH_CUDA
from latentcam.realtime_models.errors import AvatarPackError, BackendUnavailable
from latentcam.realtime_models.opened import open_pack
from latentcam.realtime_models.pack_places import SHIPPED, installed_packs
from latentcam.realtime_models.resolutions import AUTO
from latentcam.server.camera_steps import VIRTUAL_OUTPUTS
from latentcam.server.config import IceServer
from latentcam.server.errors import ConfigError
from latentcam.server.run import listen
from latentcam.stream.errors import DeviceError
from latentcam.stream.local import advice, pulse, v4l2
from latentcam.stream.local.sound_devices import list_sound_devices, open_microphone
from latentcam.stream.local.virtual_camera import open_virtual_camera
from latentcam.stream.renderer import measured
from latentcam.stream.stepping import choose, why

PACKAGES = ("latentcam", "numpy", "openvino", "av", "aiortc")
EXTRAS = {"camera": ("sounddevice", "pyvirtualcam"), "bench": ("httpx", "matplotlib", "psutil")}
"""Goal -> the packages that it needs beside those that everybody has."""
LISTEN = 3.0  # seconds for a microphone to give its first sound
RENDERS = 40
SLOWEST = 10  # pictures a second; below, it is no moving face
ICE_DEADLINE = 10.0  # seconds
GPU_DEADLINE = 10.0  # seconds
VOICE_SETUP = {
    "darwin": "brew install blackhole-2ch",
    "win32": "install VB-CABLE from https://vb-audio.com/Cable, restart",
}

Goal = Literal["serve", "camera", "render", "bench"]
PORTS: dict[Goal, int] = {"serve": 8080, "camera": 8090}


class Finding(msgspec.Struct, frozen=True):
    """verdict: "ok" works, "warn" works with a limit, "fail" does not. mend: a command. only: the
    goal that it concerns, None for all."""

    name: str
    found: str
    verdict: Literal["ok", "warn", "fail"]
    mend: str | None = None
    only: Goal | None = None


def installed(goal: Goal) -> bool:
    """Whether this goal's packages are there."""
    return all(importlib.util.find_spec(package) for package in EXTRAS.get(goal, ()))


async def checks_for(
    goals: Sequence[Goal],
    avatar: str,
    fps: int,
    ports: Sequence[int],
    servers: Sequence[IceServer],
    tls: tuple[str | None, str | None],
) -> list[Finding]:
    """What these goals need, in the order in which a person would fix it."""
    own: dict[Goal, list[Finding]] = {goal: [] for goal in goals}
    if "render" in own:
        own["render"] = [video_encoder()]
    if "camera" in own:
        own["camera"] = [microphone(), virtual_camera(), virtual_microphone()]
    if "serve" in own:
        own["serve"] = [*[await ice(server) for server in servers], https(*tls)]
    return [
        *[versions(goals), cpu(), *packs(), speed(avatar, fps, goals[0]), gpu()],
        *[port(number) for number in ports],
        *[
            msgspec.structs.replace(finding, only=goal)
            for goal, findings in own.items()
            for finding in findings
        ],
    ]


def versions(goals: Sequence[Goal]) -> Finding:
    """Python and the packages that matter here."""
    found, absent = [f"Python {platform.python_version()}"], set()
    for package in (*PACKAGES, *(name for goal in goals for name in EXTRAS.get(goal, ()))):
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            absent.add(package)
    text = ", ".join(found)
    if not absent:
        return Finding("versions", text, "ok")
    text += f"; without {', '.join(sorted(absent))}"
    for goal in goals:
        if absent & set(EXTRAS.get(goal, ())):
            return Finding("versions", text, "fail", advice.install_extra(goal))
    return Finding("versions", text, "fail", advice.pip("install", *sorted(absent)))


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
    return f"in a checkout of latentcam: {advice.pip('install', '--force-reinstall --no-deps .')}"


def speed(avatar: str, fps: int, goal: Goal = "serve") -> Finding:
    """How long a picture takes, against how often one is due."""
    try:
        face = open_pack(avatar, resolution=AUTO).avatar
    except BackendUnavailable as error:
        return Finding("decoding", str(error), "fail", advice.pip("install", "openvino"))
    except AvatarPackError as error:
        return Finding("decoding", str(error), "fail", "latentcam avatar list")
    anchor, x = face.anchor(face.card.identities[0]), face.basis.control({})
    ws, names = face.basis.move(anchor, x)[None], [one.resolution for one in face.decoders]
    took = [measured(one.decode, ws, time.perf_counter) for one in face.decoders]
    decoder = face.decoders[choose(took, 1 / fps)]
    seconds = []
    for _ in range(RENDERS):
        begun = time.perf_counter()
        decoder.decode(ws)
        seconds.append(time.perf_counter() - begun)
    p50, p95 = (float(np.percentile(seconds[5:], p)) for p in (50, 95))
    found = (
        f"{decoder.description}: p50 {p50 * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms; one is "
        f"due every {1000 / fps:.0f} ms"
    )
    if len(names) > 1:
        found += f"; resolution {why(names, took, 1 / fps)}"
    if p95 <= 0.8 / fps:
        return Finding("decoding", found, "ok")
    if busy():
        found += "; other programs keep this machine busy"
    if p50 <= 0.9 / fps or busy():
        return Finding("decoding", found, "warn", "close other programs, and look again")
    fits = min(60, int(0.8 / p95))
    if fits < SLOWEST:
        return Finding("decoding", found, "fail", "another machine, or an avatar that is smaller")
    return Finding("decoding", found, "warn", f"latentcam {goal} --fps {fits}")


def busy() -> bool:
    """Whether other programs had most of the cores during the last minute."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.75 * (os.cpu_count() or 1)


def video_encoder() -> Finding:
    """What `render` writes; av's wheels have it, some distributions' builds do not."""
    try:
        codec = av.codec.Codec("libx264", "w")
    except ValueError:  # av's UnknownCodecError is one
        mend = advice.pip("install", "--force-reinstall --only-binary av av")
        return Finding("video encoder", "this av has no libx264", "fail", mend)
    return Finding("video encoder", f"{codec.long_name}", "ok")


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
    named = re.findall(r"^GPU \d+: (.+?) \(UUID", listed.stdout, re.M)
    if listed.returncode != 0 or not named:
        mend = "restart the machine, or install the driver again"
        return Finding("GPU", "its driver finds none; a GPU is not needed", "warn", mend)
    found = ", ".join(named)
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
        mend = error.mend or "latentcam camera --mic FILE"
        return Finding("microphone", error.found, "fail", mend)
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
        mend = advice.install_extra("camera")
        return Finding("virtual camera", "the package pyvirtualcam is missing", "fail", mend)
    if not sys.platform.startswith("linux"):
        try:
            camera = open_virtual_camera(None, 640, 360, 25)
        except DeviceError as error:
            return Finding("virtual camera", error.found, "fail", error.mend)
        camera.close()
        return Finding("virtual camera", camera.device, "ok")
    try:
        path = v4l2.choose_loopback(None, mending=False)
    except DeviceError as error:
        return Finding("virtual camera", error.found, "fail", error.mend)
    device = next(d for d in v4l2.list_loopbacks() if d.path == path)
    found = f"{path} ({device.card}), v4l2loopback {v4l2.driver_version()}"
    if device.capture and device.output:
        return Finding(
            "virtual camera",
            f"{found}; without exclusive_caps browsers do not list it",
            "warn",
            f"{v4l2.UNLOAD} && {v4l2.LOAD}",
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
            return Finding(name, error.found, "warn", error.mend)
        return Finding(name, f"--create-virtual-mic makes one (sound server: {default})", "ok")
    try:
        outputs = [device.name for device in list_sound_devices() if device.output]
    except DeviceError as error:
        return Finding(name, error.found, "warn", error.mend)
    fitting = [out for out in outputs if any(v in out.lower() for v in VIRTUAL_OUTPUTS)]
    if not fitting:
        return Finding(name, "none", "warn", VOICE_SETUP.get(sys.platform))
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
        unknown = isinstance(error, socket.gaierror)
        reason = "its name is not known" if unknown else "no answer"
        return Finding(name, f"not reached: {reason}", "fail", _ping(server))
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
    mend = "latentcam serve --tls self-signed, which makes its own"
    if cert is None and key is None:
        return Finding(
            "HTTPS", "this machine's browsers need none; for phones: --tls self-signed", "ok"
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert or "", key)
    except (OSError, ssl.SSLError) as error:
        why = "they do not fit, or are no PEM files"
        if not isinstance(error, ssl.SSLError):
            why = error.strerror or "they cannot be read"
        return Finding("HTTPS", f"{cert} with {key}: {why}", "fail", mend)
    return Finding("HTTPS", f"{cert} fits {key}", "ok")
