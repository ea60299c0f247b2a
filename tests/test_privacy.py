"""A program that hears people tells nobody: every command in a fresh home, watched from inside.

`import openvino` by itself asks for www.google-analytics.com and leaves a client's number in
~/intel.
"""

from __future__ import annotations

import ast
import asyncio
import ipaddress
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import ifaddr
import numpy as np
import pytest

from tests.peers import Caller
from tests.voice import speech

ROOT = Path(__file__).resolve().parent.parent

WATCHED = """
import json, os, sys

def watch(event, args, tell=int(sys.argv[1])):
    if event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND):
        seen = os.path.abspath(os.fsdecode(args[0])) if not isinstance(args[0], int) else None
    elif event in ("os.mkdir", "os.rename", "os.symlink", "os.link"):
        seen = os.path.abspath(os.fsdecode(args[0 if event == "os.mkdir" else 1]))
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        seen = args[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        seen = args[0]
    else:
        return
    if seen is not None:
        os.write(tell, (json.dumps([event, seen], default=str) + "\\n").encode())

sys.addaudithook(watch)
from latentcam.server.__main__ import main
sys.exit(main(sys.argv[2:]))
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends SIGINT, hands a descriptor down")


def events(
    home: Path, *argv: str, meanwhile: Callable[[str], object] | None = None
) -> list[tuple[str, object]]:
    """Run a command in this home: everything that it looked up, connected to or wrote.

    meanwhile: called with the address that the command prints; interrupted then.
    """
    home.mkdir()
    log = home.parent / f"{home.name}.events"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", WATCHED, str(file.fileno()), *argv],
            env={**kept, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=home.parent, pass_fds=[file.fileno()], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            if meanwhile is not None:
                assert process.stdout is not None
                meanwhile(process.stdout.readline().split()[-1])
                process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=120)
        finally:
            process.kill()
    assert "Traceback" not in stderr, stderr
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()]


def forbidden(found: Sequence[tuple[str, object]], home: Path, *asked: Path) -> list[object]:
    """Of the events, those that nobody asked for."""
    ips = [ip for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    own = {ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in ips}
    local = home / ".local"
    folders = [
        home / ".cache" / "latentcam", local / "share" / "latentcam", local / "state" / "latentcam"
    ]  # fmt: skip

    def allowed(event: str, seen: object) -> bool:
        if event.startswith("socket."):
            if isinstance(seen, str):  # a path: this machine's sound server; a name: none
                return event == "socket.connect" or seen == "localhost" or is_own(seen)
            return seen is None or is_own(str(seen[0]))  # type: ignore[index]
        path = Path(str(seen))
        if any(path == folder or folder in path.parents for folder in folders):
            return True
        if any(path in folder.parents for folder in folders) and event == "os.mkdir":
            return True
        return path in asked or path.parent == Path("/dev") or Path("/dev/shm") in path.parents

    def is_own(host: str) -> bool:
        try:
            return ipaddress.ip_address(host.partition("%")[0]).is_loopback or host in own
        except ValueError:
            return False

    return [one for one in found if not allowed(*one)]


def left(home: Path) -> set[str]:
    """Folders under this home that hold files, three names deep."""
    return {
        "/".join(path.relative_to(home).parts[:-1][:3])
        for path in home.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000)
        stream.layout = "mono"
        pcm = (speech(1.0)[None] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = 16000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path


def test_a_call_is_heard_by_nobody_else(tiny_folder: Path, tmp_path: Path) -> None:
    async def call(address: str) -> None:
        caller = Caller(speech(2.0, 48000))
        socket = await caller.call(int(address.rpartition(":")[2]))
        await caller.until_frames(5, 60)
        await socket.close()
        await caller.aclose()

    home = tmp_path / "home"
    found = events(
        home, "serve", "--port", "0", "--avatar", str(tiny_folder),
        meanwhile=lambda address: asyncio.run(call(address)),
    )  # fmt: skip
    assert not forbidden(found, home)
    assert left(home) == {".cache/latentcam/openvino"}
    assert any(event == "socket.sendto" for event, _ in found), "the call itself is seen"


def test_a_certificate_of_its_own_stays_at_home(tiny_folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    found = events(
        home, "serve", "--port", "0", "--tls", "self-signed", "--avatar", str(tiny_folder),
        meanwhile=lambda address: None,
    )  # fmt: skip
    assert not forbidden(found, home)
    assert left(home) == {".cache/latentcam/openvino", ".local/state/latentcam"}


def test_rendering_writes_the_video_and_what_it_compiled(
    tiny_folder: Path, tmp_path: Path, clip: Path
) -> None:
    home, out = tmp_path / "home", tmp_path / "face.mp4"
    found = events(home, "render", str(clip), "--out", str(out), "--avatar", str(tiny_folder))
    beside = [path for _, path in found if Path(str(path)).parent == tmp_path]
    assert not forbidden(found, home, *(Path(str(path)) for path in beside))
    signer = {".local/state/latentcam"}  # where c2pa is installed
    assert out.is_file() and left(home) - signer == {".cache/latentcam/openvino"}


def test_the_camera_tells_nobody(tiny_folder: Path, tmp_path: Path, clip: Path) -> None:
    home = tmp_path / "home"
    found = events(
        home, "camera", "--avatar", str(tiny_folder), "--mic", str(clip), "--device", "none",
        "--port", "0",
        meanwhile=lambda address: urllib.request.urlopen(address, timeout=30).read(),
    )  # fmt: skip
    assert not forbidden(found, home)
    assert left(home) == {".cache/latentcam/openvino"}


def test_the_doctor_asks_nobody(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert not forbidden(events(home, "doctor"), home)
    assert left(home) == {".cache/latentcam/openvino"}


def test_openvino_is_imported_in_one_file() -> None:
    """In any other, whoever comes first would bring its telemetry along."""
    users = []
    for path in ROOT.rglob("*.py"):
        if "build" in path.parts or path.parts[len(ROOT.parts)].startswith("."):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.partition(".")[0] == "openvino" for name in names):
                users.append(path.relative_to(ROOT).as_posix())
    assert set(users) == {"realtime_models/decoders/openvino_silent.py"}


def test_the_watch_sees_what_it_should(tmp_path: Path) -> None:
    home = tmp_path / "home"
    seen = [
        ("open", str(home / "intel" / "openvino_ga_cid")),
        ("socket.getaddrinfo", "www.google-analytics.com"),
        ("socket.connect", ["192.0.2.1", 443]),
        ("open", str(home / ".cache" / "latentcam" / "openvino" / "key")),
        ("socket.connect", ["127.0.0.1", 443]),
    ]
    assert forbidden(seen, home) == seen[:3]
