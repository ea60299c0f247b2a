"""The real camera: pictures of any shape fill the wanted one; refusals are sentences.

FFmpeg's test picture stands in for the device, through the same calls.
"""

from __future__ import annotations

import sys
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from latentcam.stream.composition import planes
from latentcam.stream.errors import DeviceError
from latentcam.stream.local import real_camera, v4l2
from latentcam.stream.local.real_camera import RealCamera, fitted, source_of


def lavfi(text: str, **options: str) -> Any:
    def source(name: str | None, width: int, height: int) -> tuple[str, str, dict[str, str]]:
        return name or text, "lavfi", options

    return source


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1000, 500), (256, 256)])
def test_the_middle_of_any_picture_fills_the_whole(size: tuple[int, int]) -> None:
    width, height = size
    rgb = np.zeros((height, width, 3), np.uint8)
    short = min(width * 9, height * 16) / 16 / 9
    y, x = np.mgrid[:height, :width]
    rgb[np.hypot(x - width / 2, y - height / 2) < 4 * short] = 255, 0, 0
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    luma, u, v = planes(fitted(VideoReformatter(), frame, 320, 180))
    assert luma.shape == (180, 320) and v.shape == (90, 160)
    rows, columns = np.nonzero(v > 190)
    assert abs(rows.mean() - 44.5) < 1 and abs(columns.mean() - 79.5) < 1, "in the middle"
    across, down = np.ptp(columns), np.ptp(rows)
    assert abs(across - down) <= 2 and abs(down - 80) <= 4, "as round as before, as large as fits"
    assert luma[0, 0] == 16, "black as cameras count it"


def test_pictures_come_until_there_are_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    source = lavfi("testsrc=size=640x480:rate=30:duration=0.1")
    monkeypatch.setattr(real_camera, "source_of", source)
    camera = RealCamera(None, 320, 180)
    seen = [camera.read() for _ in range(3)]
    assert all(picture.shape == (270, 320) for picture in seen) and seen[0].std() > 20
    with pytest.raises(DeviceError, match="went away: it gives no more pictures"):
        camera.read()
    camera.close()
    camera.close()


def test_a_camera_without_the_wanted_size_gives_what_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A camera that gives no JPEGs refuses to be opened for them."""
    opened: list[dict[str, str]] = []
    real = av.open

    def picky(file: str, mode: str, form: str, options: dict[str, str]) -> Any:
        opened.append({key: options[key] for key in options if key != "fflags"})
        if "input_format" in options:
            raise av.FFmpegError(22, "Invalid argument")
        return real(file, "r", form)

    monkeypatch.setattr(av, "open", picky)
    source = lavfi("testsrc", framerate="30", input_format="mjpeg")
    monkeypatch.setattr(real_camera, "source_of", source)
    camera = RealCamera(None, 320, 180)
    assert opened == [{"framerate": "30", "input_format": "mjpeg"}, {"framerate": "30"}]
    assert camera.read().shape == (270, 320)
    camera.close()


def test_one_that_cannot_be_opened_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_camera, "source_of", lavfi("nonsense"))
    with pytest.raises(DeviceError, match="the camera nonsense cannot be opened: "):
        RealCamera(None, 320, 180)


def test_what_each_system_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(v4l2, "list_cameras", lambda: ["/dev/video2", "/dev/video4"])
    assert source_of(None, 1280, 720)[:2] == ("/dev/video2", "v4l2")
    assert source_of("/dev/video4", 1280, 720)[0] == "/dev/video4"
    monkeypatch.setattr(v4l2, "list_cameras", lambda: [])
    with pytest.raises(DeviceError, match="this machine has no camera"):
        source_of(None, 1280, 720)
    monkeypatch.setattr(sys, "platform", "darwin")
    file, form, options = source_of(None, 1280, 720)
    assert (file, form, options["framerate"]) == ("default:none", "avfoundation", "30")
    assert source_of("FaceTime HD Camera", 64, 64)[0] == "FaceTime HD Camera:none"
    monkeypatch.setattr(sys, "platform", "win32")

    def devices(form: str) -> list[Any]:
        kinds = [("OBS Virtual Camera", "video"), ("Mic", "audio"), ("HD Webcam", "video")]
        return [av.DeviceInfo(f"@{name}", name, False, [kind]) for name, kind in kinds]

    monkeypatch.setattr(av, "enumerate_input_devices", devices)
    assert source_of(None, 640, 480)[:2] == ("video=HD Webcam", "dshow")
    monkeypatch.setattr(av, "enumerate_input_devices", lambda form: devices(form)[:2])
    with pytest.raises(DeviceError, match="this machine has no camera"):
        source_of(None, 640, 480)
