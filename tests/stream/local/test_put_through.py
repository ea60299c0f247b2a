"""The panic key: the avatar is gone at once, the real camera comes, and goes whenever told."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from latentcam.stream.composition import I420
from latentcam.stream.errors import DeviceError
from latentcam.stream.local import camera_reader, put_through, real_camera
from latentcam.stream.local.camera_reader import OpenCamera
from latentcam.stream.local.camera_sink import CameraSink
from latentcam.stream.local.put_through import PutThrough
from latentcam.stream.local.real_camera import RealCamera
from latentcam.stream.messages import Frame
from tests.aio import run
from tests.stream.local.test_call import until
from tests.stream.local.test_real_camera import lavfi

FACE = np.full((96, 64), 50, np.uint8)
TEST_PICTURE = "color=c=white:size=64x64:rate=50"  # of a luma of 235


def camera_of(monkeypatch: pytest.MonkeyPatch, source: str) -> OpenCamera:
    monkeypatch.setattr(real_camera, "source_of", lavfi(source))
    return lambda: RealCamera(None, 64, 64)


class Scene:
    """A camera that shows faces all the time, and what came to it."""

    def __init__(self, open_camera: OpenCamera | None) -> None:
        self.shown: list[int] = []
        composing, showing = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self.sink = CameraSink(lambda picture: FACE, self._show, 50, composing, showing, FACE)
        self.through = PutThrough(self.sink, open_camera)

    def _show(self, picture: I420, frame: Frame | None) -> None:
        self.shown.append(int(picture[0, 0]))

    @property
    def seen(self) -> str:
        return self.through.seen

    @property
    def now(self) -> int:
        return self.shown[-1]


@contextlib.asynccontextmanager
async def running(open_camera: OpenCamera | None) -> AsyncIterator[Scene]:
    scene = Scene(open_camera)

    async def speak() -> None:
        tick = 0
        while True:
            loop = asyncio.get_running_loop()
            scene.sink.send(Frame(tick, loop.time(), np.zeros((2, 2, 3), np.uint8)))
            tick += 1
            await asyncio.sleep(0.02)

    tasks = [asyncio.create_task(c) for c in (scene.sink.run(), scene.through.run(), speak())]
    await until(lambda: len(scene.shown) > 2)
    try:
        yield scene
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await until(lambda: not any(t.name == "real camera" for t in threading.enumerate()))


def test_there_and_back_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with running(camera_of(monkeypatch, TEST_PICTURE)) as one:
            assert one.seen == "avatar" and one.now == 50
            for _ in range(2):
                one.through.put(True)
                assert one.seen == "still", "until the camera is open"
                await until(lambda: one.now == 235)
                assert one.seen == "camera" and one.through.reason == ""
                one.through.put(False)
                assert one.seen == "avatar"
                await until(lambda: one.now == 50)
            before = one.sink.meter.frames
            await until(lambda: one.sink.meter.frames > before)

    run(scene(), timeout=60)


def test_a_frozen_face_is_never_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen, the last picture stays, and that was the person's own."""

    async def scene() -> None:
        async with running(camera_of(monkeypatch, TEST_PICTURE)) as one:
            one.sink.frozen = True
            one.through.put(True)
            await until(lambda: one.now == 235)
            one.through.put(False)
            await until(lambda: one.now != 235)
            count = len(one.shown)
            await until(lambda: len(one.shown) > count + 5)
            assert set(one.shown[count:]) == {50}

    run(scene(), timeout=60)


def test_where_there_is_no_camera_a_still_picture_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> RealCamera:
        raise DeviceError("this machine has no camera")

    async def scene(open_camera: OpenCamera | None, reason: str) -> None:
        async with running(open_camera) as one:
            one.through.put(True)
            await until(lambda: one.through.reason != "")
            assert reason in one.through.reason and one.seen == "still"
            frames = one.sink.meter.frames
            count = len(one.shown)
            await until(lambda: len(one.shown) > count + 5)
            assert one.sink.meter.frames <= frames + 1, "the avatar does not move"
            one.through.put(False)
            assert one.through.reason == ""
            await until(lambda: one.sink.meter.frames > frames + 5)

    run(scene(none, "this machine has no camera"), timeout=60)
    run(scene(None, "No real camera"), timeout=60)


def test_a_camera_that_goes_away_leaves_its_last_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with running(camera_of(monkeypatch, f"{TEST_PICTURE}:duration=0.2")) as one:
            one.through.put(True)
            await until(lambda: "went away" in one.through.reason)
            assert one.seen == "still"
            count = len(one.shown)
            await until(lambda: len(one.shown) > count + 5)
            assert set(one.shown[count + 1 :]) == {235}

    run(scene(), timeout=60)


def test_it_can_be_ended_while_the_camera_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with running(camera_of(monkeypatch, TEST_PICTURE)) as one:
            one.through.put(True)
            await until(lambda: one.now == 235)

    run(scene(), timeout=60)


def test_a_camera_that_hangs_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg waits for ever for a picture, and Ctrl-C would have waited for FFmpeg."""
    hanging, read = threading.Event(), RealCamera.read

    def hangs(camera: RealCamera) -> I420:
        hanging.wait(60)
        return read(camera)

    async def scene() -> None:
        open_camera = camera_of(monkeypatch, TEST_PICTURE)
        monkeypatch.setattr(RealCamera, "read", hangs)
        monkeypatch.setattr(put_through, "OPENED_WITHIN", 0.2)
        monkeypatch.setattr(camera_reader, "LET_GO_WITHIN", 0.1)
        async with running(open_camera) as one:
            one.through.put(True)
            await until(lambda: "gave nothing" in one.through.reason)
            assert one.seen == "still"
            one.through.put(False)
            assert one.seen == "avatar"
            one.through.put(True)
            one.through.put(False)
            hanging.set()

    run(scene(), timeout=60)
