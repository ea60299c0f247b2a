"""The virtual camera on a real v4l2loopback device, read by others as meeting apps do.

Needs `modprobe v4l2loopback exclusive_caps=1`; CHROMIUM names a browser other than `chromium`.
Every fault of the driver and of its writers that was met has a test here. Times are generous: a
virtual machine without hardware's help is a tenth as fast.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.stream.errors import DeviceError
from latentcam.stream.local import v4l2
from latentcam.stream.local.virtual_camera import VirtualCamera, open_virtual_camera
from tests.server.test_commands import ROOT, write_sound
from tests.voice import speech

LOOPBACKS = v4l2.list_loopbacks() if sys.platform.startswith("linux") else []
pytestmark = [
    pytest.mark.camera,
    pytest.mark.skipif(not LOOPBACKS, reason="this machine has no v4l2loopback device"),
]
WIDTH, HEIGHT = 320, 240
COLOURS = [(192, 64, 128), (20, 200, 60), (60, 60, 220), (235, 235, 20), (128, 128, 128)]


def picture(rgb: tuple[int, int, int], width: int = WIDTH, height: int = HEIGHT) -> Any:
    solid = np.broadcast_to(np.array(rgb, np.uint8), (height, width, 3))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(solid), format="rgb24")
    return frame.reformat(format="yuv420p").to_ndarray()


@contextlib.contextmanager
def opened(width: int = WIDTH, height: int = HEIGHT) -> Iterator[VirtualCamera]:
    camera = open_virtual_camera(None, width, height, 25)
    try:
        yield camera
    finally:
        camera.close()


@contextlib.contextmanager
def sending(camera: VirtualCamera, colours: list[tuple[int, int, int]]) -> Iterator[None]:
    """Each colour for two fifths of a second, at 25 pictures a second, again and again."""
    pictures, stop = [picture(colour) for colour in colours], threading.Event()

    def send() -> None:
        number = 0
        while not stop.wait(0.04):
            camera.send(pictures[number // 10 % len(pictures)])
            number += 1

    camera.send(pictures[0])  # from now on it is a camera to others
    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def reading(
    device: str, width: int, height: int, most: float = 60.0
) -> Iterator[Iterator[NDArray[np.uint8]]]:
    """What ffmpeg reads, picture by picture; none follow when it ends, after `most` seconds."""
    command = [
        "ffmpeg", "-v", "error", "-f", "v4l2", "-i", device, "-fps_mode", "passthrough",
        "-sws_flags", "accurate_rnd+full_chroma_int", "-pix_fmt", "rgb24", "-f", "rawvideo", "-",
    ]  # fmt: skip
    size = width * height * 3
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=4 * size) as reader:
        out = reader.stdout
        assert out is not None

        def pictures() -> Iterator[NDArray[np.uint8]]:
            while len(data := out.read(size)) == size:
                yield np.frombuffer(data, np.uint8).reshape(height, width, 3)

        timer = threading.Timer(most, reader.kill)  # a reader blocks for ever without a writer
        timer.start()
        try:
            yield pictures()
        finally:
            timer.cancel()
            reader.kill()


def first(pictures: Iterator[NDArray[np.uint8]], count: int) -> list[NDArray[np.uint8]]:
    return [shown for _, shown in zip(range(count), pictures, strict=False)]


def test_colours_arrive_right_and_in_order() -> None:
    with opened() as camera, sending(camera, COLOURS):
        with reading(camera.device, WIDTH, HEIGHT) as pictures:
            shown = first(pictures, 120)
    assert len(shown) == 120
    seen = []
    for one in shown:
        off = [int(np.abs(one.astype(int) - colour).max()) for colour in COLOURS]
        assert min(off) <= 4, f"{one[0, 0]} is none of the colours sent"
        seen.append(int(np.argmin(off)))
    changes = [b for a, b in zip(seen, seen[1:], strict=False) if a != b]
    assert len(changes) >= 5
    assert all((b - a) % len(COLOURS) == 1 for a, b in zip(changes, changes[1:], strict=False))


def test_the_second_start_works() -> None:
    """v4l2loopback 0.12 with exclusive_caps=1 leaves a device that is neither output nor capture
    behind a writer that uses write(2); pyvirtualcam then finds no device."""
    for number in range(3):
        with opened() as camera:
            camera.send(picture(COLOURS[number]))
            (device,) = [d for d in v4l2.list_loopbacks() if d.path == camera.device]
            assert device.capture
        version = v4l2.driver_version()
        (device,) = [d for d in v4l2.list_loopbacks() if d.path == camera.device]
        if version is not None and version.startswith("0.12"):
            assert not device.output, "the fault is there, so that the next start mends it"


def test_it_becomes_a_camera_with_its_first_picture() -> None:
    with opened() as camera:
        (before,) = [d for d in v4l2.list_loopbacks() if d.path == camera.device]
        camera.send(picture(COLOURS[0]))
        (after,) = [d for d in v4l2.list_loopbacks() if d.path == camera.device]
    if not (before.capture and before.output):  # exclusive_caps=0 is always both
        assert (before.capture, after.capture) == (False, True)


def test_a_reader_that_stays_open_pins_the_size() -> None:
    """It would get cut-off pictures, and nobody would be told."""
    with opened() as camera, sending(camera, COLOURS):
        device = camera.device
        reader = reading(device, WIDTH, HEIGHT)
        pictures = reader.__enter__()
        assert len(first(pictures, 5)) == 5
    try:
        with pytest.raises(
            DeviceError, match=rf"still open at {WIDTH}x{HEIGHT} in ffmpeg .*got --size 640x480"
        ):
            open_virtual_camera(device, 640, 480, 25)
        with opened() as camera, sending(camera, COLOURS):  # the same size: it goes on
            assert len(first(pictures, 20)) == 20
    finally:
        reader.__exit__(None, None, None)
    with opened(640, 480) as camera:  # nobody reads: any size
        camera.send(picture(COLOURS[0], 640, 480))
        assert v4l2.held_size(camera.device) == (640, 480)


def test_no_device_has_a_reason() -> None:
    with opened() as camera, sending(camera, COLOURS):
        code = f"""
from latentcam.stream.errors import DeviceError
from latentcam.stream.local.virtual_camera import open_virtual_camera
for device in (None, {camera.device!r}):
    try:
        open_virtual_camera(device, 320, 240, 25)
    except DeviceError as error:
        print(error)
"""
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout.splitlines()
    assert len(told) == 2
    for line in told:
        assert f"in use ({camera.device} by " in line and f"({os.getpid()})" in line
    with pytest.raises(DeviceError, match="/dev/video99 does not exist; there is /dev/video"):
        open_virtual_camera("/dev/video99", WIDTH, HEIGHT, 25)
    with pytest.raises(DeviceError, match="/dev/null is no virtual camera"):
        open_virtual_camera("/dev/null", WIDTH, HEIGHT, 25)


@contextlib.contextmanager
def command(clip: Path, *options: str) -> Iterator[tuple[str, str]]:
    """`latentcam camera` as a user starts it; yields the device and the page that it names."""
    process = subprocess.Popen(
        [sys.executable, "-m", "latentcam", "camera", "--mic", str(clip), "--port", "0",
         "--size", "320x180", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    with process:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("latentcam: /dev/video"), process.stderr.read()
        yield line.split()[1].rstrip(","), line.split()[-1]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (0, 130)
        assert "Traceback" not in process.stderr.read()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sound(tmp_path_factory.mktemp("voice") / "clip.wav", speech(2.0, 48000), 48000)


@pytest.mark.parametrize("fps", [25, 30])
def test_the_command_s_pictures_come_at_their_rate(tiny_folder: Path, clip: Path, fps: int) -> None:
    options = ("--avatar", str(tiny_folder), "--fps", str(fps), "--still")
    with command(clip, *options) as (device, page):
        with reading(device, 320, 180) as pictures:
            first(pictures, 2 * fps)  # ffmpeg starts with a backlog
            begun = time.monotonic()
            shown = first(pictures, 12 * fps)
            rate = len(shown) / (time.monotonic() - begun)
        with urllib.request.urlopen(f"{page}/state", timeout=30) as answer:
            rendered = json.load(answer)["fps"]
    print(f"{rate:.2f} pictures a second at --fps {fps}, {rendered} of them new")
    assert len(shown) == 12 * fps
    assert rate == pytest.approx(fps, rel=0.04)


def test_the_command_s_colours_are_right_the_mouth_moves_and_it_starts_again(clip: Path) -> None:
    """With the default pack, whose backdrop is replaced by a colour. In a virtual machine a face
    may take ten seconds; the camera shows the last one meanwhile."""
    for _ in range(2):
        options = ("--fps", "5", "--background", "#00b140", "--still")
        with command(clip, *options) as (device, _), reading(device, 320, 180, 400) as pictures:
            faces = [next(pictures)]
            for shown in pictures:
                mouths = [one[115:150, 140:180].astype(np.int16) for one in (shown, faces[-1])]
                if np.abs(mouths[0] - mouths[1]).max() > 8:
                    faces.append(shown)
                    if len(faces) == 6:
                        break
        assert len(faces) == 6, "the mouth moves with the voice"
        corners = np.stack([one[4:12, x : x + 8] for one in faces for x in (4, 308)])
        np.testing.assert_allclose(corners.reshape(-1, 3), [(0, 0xB1, 0x40)] * 768, atol=4)


PAGE = """<!doctype html><script type="module">
const told = {};
try {
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  const devices = await navigator.mediaDevices.enumerateDevices();
  told.labels = devices.filter((d) => d.kind === 'videoinput').map((d) => d.label);
  const video = Object.assign(document.createElement('video'), { srcObject: stream, muted: true });
  await video.play();
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight).getContext('2d');
  canvas.drawImage(video, 0, 0);
  told.pixel = [...canvas.getImageData(20, 20, 1, 1).data];
  told.size = [video.videoWidth, video.videoHeight];
} catch (error) { told.error = String(error); }
await fetch('/told', { method: 'POST', body: JSON.stringify(told) });
</script>"""


def test_chromium_sees_the_camera(tmp_path: Path) -> None:
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium here; CHROMIUM can name one")
    told: dict[str, Any] = {}
    done = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def do_POST(self) -> None:
            told.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            done.set()

        log_message = functools.partialmethod(lambda self, *args: None)

    with (
        opened() as camera,
        sending(camera, [COLOURS[0]]),
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
            f"--user-data-dir={tmp_path}",
        ]  # fmt: skip
        process = subprocess.Popen(
            [browser, *options, f"http://localhost:{server.server_port}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert done.wait(240), "the page told nothing"
        finally:
            process.kill()
            process.wait()
            server.shutdown()
    assert told.get("error") is None, told
    assert any("latentcam" in label or "ummy" in label for label in told["labels"]), told
    assert told["size"] == [WIDTH, HEIGHT]
    np.testing.assert_allclose(told["pixel"][:3], COLOURS[0], atol=4)
