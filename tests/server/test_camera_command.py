"""`latentcam camera` without a camera: its refusals, its control page, its preview, its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from latentcam.server.commands.camera import check_other
from latentcam.server.errors import UsageError
from latentcam.stream.local import v4l2
from latentcam.stream.local.call import DEFAULT_OUTPUT
from tests.server.test_commands import ROOT, tell, write_sound
from tests.voice import speech

DEADLINE = 60.0  # seconds for a start on a busy machine


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sound(tmp_path_factory.mktemp("voice") / "clip.wav", speech(2.0, 48000), 48000)


@dataclass
class Camera:
    process: subprocess.Popen[str]
    address: str

    def ask(self, path: str, change: Any = None, **headers: str) -> Any:
        data = None if change is None else json.dumps(change).encode()
        request = urllib.request.Request(self.address + path, data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def refused(self, path: str, change: Any = None, **headers: str) -> tuple[int, str]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.ask(path, change, **headers)
        with caught.value as answer:
            return answer.code, json.load(answer)["error"]

    def wait_for(self, true: Any) -> Any:
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            state = self.ask("/state")
            if true(state):
                return state
            time.sleep(0.1)
        raise AssertionError(f"never seen: {state}")


@pytest.fixture(scope="module")
def camera(tiny_folder: Path, clip: Path) -> Iterator[Camera]:
    command = ["camera", "--avatar", str(tiny_folder), "--mic", str(clip), "--device", "none"]
    options = ["--port", "0", "--size", "320x180", "--fps", "10", "--background", "#00b140"]
    options += ["--expression", "mouthSmile:0.5", "--real-camera", "none"]
    process = subprocess.Popen(
        [sys.executable, "-m", "latentcam", *command, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    with process:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("latentcam: no camera, controls at "), process.stderr.read()
        yield Camera(process, line.split()[-1])
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130)
        assert "Traceback" not in process.stderr.read()


def test_the_page_tells_how_it_goes(camera: Camera) -> None:
    state = camera.wait_for(lambda state: state["fps"] > 0 and state["level"] > 0.001)
    assert state["identity"] == "Ada" and state["identities"] == ["Ada", "Bo"]
    assert state["notice"] == "" and 0 < state["age_ms"]["p50"]
    assert state["expression"] == {"mouthSmile": 0.5} and state["life"] == 1.0


def test_the_page_changes_what_it_names_and_nothing_else(camera: Camera) -> None:
    before = camera.ask("/state")
    state = camera.ask("/change", {"identity": "Bo", "life": 0.5, "expression": {"jawOpen": 0.3}})
    assert (state["identity"], state["life"]) == ("Bo", 0.5)
    assert state["expression"] == {"jawOpen": 0.3} and state["muted"] is before["muted"]
    state = camera.ask("/change", {"identity": "7", "muted": True})
    assert state["identity"] == "7" and state["life"] == 0.5 and state["muted"] is True
    camera.wait_for(lambda state: state["level"] == 0.0)
    camera.ask("/change", {"muted": False, "identity": "Ada"})


def test_frozen_no_new_picture_is_shown(camera: Camera) -> None:
    camera.ask("/change", {"frozen": True})
    repeated = camera.ask("/state")["repeated"]
    camera.wait_for(lambda state: state["repeated"] > repeated + 3)
    assert camera.ask("/change", {"frozen": False})["frozen"] is False


@pytest.mark.parametrize(
    "change,reason",
    [
        ({"identity": "nobody"}, "'nobody' is neither one of Ada, Bo nor a whole number"),
        ({"life": 3.0}, "life is 3.0, expected 0 to 2"),
        ({"expression": {"nose": 1.0}}, "got the axes ['nose'], expected names out of"),
        ({"volume": 1.0}, "unknown field `volume`"),
        ({"muted": "yes"}, "Expected `bool | null`, got `str`"),
    ],
)
def test_what_makes_no_sense_is_refused_whole(
    camera: Camera, change: dict[str, Any], reason: str
) -> None:
    status, error = camera.refused("/change", {"frozen": True, **change})
    assert status == 400 and reason in error
    assert camera.ask("/state")["frozen"] is False


def test_other_pages_and_other_names_are_refused(camera: Camera) -> None:
    for headers in ({"Origin": "http://example.org"}, {"Host": "example.org"}):
        for path in ("/state", "/change", "/preview.mjpg", "/"):
            data: dict[str, Any] | None = {} if path == "/change" else None
            assert camera.refused(path, data, **headers)[0] == 403


def test_a_sound_that_is_sent_is_spoken_in_place_of_the_microphone(
    camera: Camera, clip: Path
) -> None:
    def play(data: bytes) -> Any:
        request = urllib.request.Request(camera.address + "/play", data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    assert camera.ask("/state")["playing"] is False
    assert play(clip.read_bytes())["playing"] is True
    camera.wait_for(lambda state: not state["playing"])  # it has been spoken
    with pytest.raises(urllib.error.HTTPError) as caught:
        play(b"no sound")
    with caught.value as answer:
        assert answer.code == 400 and "cannot be read as audio" in json.load(answer)["error"]


def test_the_panic_key_on_the_page(camera: Camera) -> None:
    """No camera is here, or at least none is opened by a test: a still picture."""
    assert camera.ask("/state")["seen"] == "avatar"
    state = camera.ask("/change", {"through": True})
    assert (state["seen"], state["through"]) == ("still", True)
    state = camera.wait_for(lambda state: state["notice"])
    assert "A still picture" in state["notice"] or "No real camera" in state["notice"]
    camera.wait_for(lambda state: state["level"] == 0.0)  # a file is no real voice
    state = camera.ask("/change", {"through": False})
    assert (state["seen"], state["notice"]) == ("avatar", "")
    camera.wait_for(lambda state: state["level"] > 0.001)


def test_the_page_puts_something_else_behind_the_face(camera: Camera) -> None:
    state = camera.ask("/state")
    assert (state["background"], state["backgrounds"]) == ("#00b140", ["own", "room"])
    assert state["resolution"] == "32"
    state = camera.ask("/change", {"background": "blur:room"})
    assert state["background"] == "blur:room"
    code, said = camera.refused("/change", {"background": "/etc/passwd"})
    assert code == 400 and "expected #rrggbb, own, room, or blur: and" in said
    assert camera.ask("/change", {"background": "#00b140"})["background"] == "#00b140"


def test_the_preview_is_the_camera_s_picture(camera: Camera) -> None:
    with urllib.request.urlopen(camera.address + "/preview.mjpg", timeout=20) as stream:
        assert stream.headers["Content-Type"].startswith("multipart/x-mixed-replace")
        assert stream.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.read(1)
        data = stream.read(int(head.split(b"Content-Length: ")[1].split()[0]))
    decoder = av.CodecContext.create("mjpeg", "r")
    frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    shown = frames[0].to_ndarray(format="rgb24")
    assert shown.shape == (180, 320, 3)
    with urllib.request.urlopen(camera.address, timeout=10) as page:
        assert b"preview.mjpg" in page.read()
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_its_port_is_taken(
    camera: Camera, capsys: pytest.CaptureFixture[str], tiny_folder: Path, clip: Path
) -> None:
    port = camera.address.rpartition(":")[2]
    told = tell(
        capsys, "camera", "--avatar", str(tiny_folder), "--mic", str(clip), "--port", port,
        "--device", "none",
    )  # fmt: skip
    assert "cannot listen on" in told and "already in use" in told


def test_bad_options_are_one_sentence(
    capsys: pytest.CaptureFixture[str], tiny_folder: Path, clip: Path, tmp_path: Path
) -> None:
    def told(*options: str) -> str:
        base = ("camera", "--avatar", str(tiny_folder), "--mic", str(clip), "--device", "none")
        return tell(capsys, *base, "--port", "0", *options)

    assert "--size is '720p', expected WIDTHxHEIGHT" in told("--size", "720p")
    assert "the size is 639x360, expected even numbers" in told("--size", "639x360")
    assert "expected #rrggbb" in told("--background", "#red")
    assert "none.png cannot be read" in told("--background", str(tmp_path / "none.png"))
    assert "holds 0 pictures, expected 1 to 64" in told("--backgrounds", str(tmp_path))
    assert "has no resolution '512', expected 32 or auto" in told("--resolution", "512")
    assert "'Zoe' is neither one of" in told("--identity", "Zoe")
    assert "--fps is 0" in told("--fps", "0")
    assert "--port is 70000, expected 0 to 65535" in told("--port", "70000")
    assert "'smug', expected a mood: neutral; or an axis" in told("--expression", "smug")
    (tmp_path / "empty.wav").write_bytes(b"")
    for option in ("--mic", "--hear-call"):
        assert "cannot be read as audio or video" in told(option, str(tmp_path / "empty.wav"))


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_where_nothing_hears_what_is_played_a_name_is_asked_for(system: str) -> None:
    with pytest.raises(UsageError, match="--hear-call needs a name on this system, expected an"):
        check_other(DEFAULT_OUTPUT, system)
    for name in (None, "Stereo Mix"):
        check_other(name, system)
    check_other(DEFAULT_OUTPUT, "linux")


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or bool(v4l2.list_loopbacks()),
    reason="this machine has a virtual camera",
)
def test_without_a_virtual_camera_it_says_how_to_get_one(
    capsys: pytest.CaptureFixture[str], tiny_folder: Path, clip: Path
) -> None:
    base = ("camera", "--avatar", str(tiny_folder), "--mic", str(clip), "--port", "0")
    assert "sudo " in tell(capsys, *base)
    assert "/dev/video99 does not exist" in tell(capsys, *base, "--device", "/dev/video99")
    assert "/dev/null is no virtual camera" in tell(capsys, *base, "--device", "/dev/null")


@contextlib.contextmanager
def running(pack: Path, mic: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "latentcam", "camera", "--avatar", str(pack), "--mic", str(mic),
         "--device", "none", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        try:
            assert "controls at" in process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_the_file_that_speaks_is_emptied(tiny_folder: Path, clip: Path, tmp_path: Path) -> None:
    mic = tmp_path / "clip.wav"
    mic.write_bytes(clip.read_bytes())
    with running(tiny_folder, mic) as process:
        mic.write_bytes(b"")  # it stays open: one that is deleted is spoken all the same
        _, told = process.communicate(timeout=60)
        assert process.returncode == 2
        assert told.startswith(f"latentcam: {mic} ") and told.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGTERM and SIGHUP")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_to_be_ended_is_to_be_interrupted(tiny_folder: Path, clip: Path, number: str) -> None:
    """It gives its devices back; a virtual microphone once stayed behind."""
    with running(tiny_folder, clip) as process:
        process.send_signal(getattr(signal, number))
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130 and told == "latentcam: interrupted\n"


@pytest.mark.parametrize("seconds", [0.001, 0.005, 0.05])
def test_a_second_ctrl_c_ends_it_too(tiny_folder: Path, clip: Path, seconds: float) -> None:
    """The page's server once waited for ever for a lifespan that the second had cancelled, and
    the event loop for a task that it had forgotten to wake."""
    with running(tiny_folder, clip) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) != 0
