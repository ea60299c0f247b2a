"""The real camera moves the head: what is seen is lent, and the camera let go when it must be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.motion.driven import Driven
from latentcam.realtime_models.motion.following import Observed
from latentcam.stream.local import head_camera
from latentcam.stream.local.camera_reader import OpenCamera
from latentcam.stream.local.head_camera import HeadCamera, Look, rgb
from latentcam.stream.local.real_camera import RealCamera
from tests.aio import run
from tests.realtime_models.motion.test_following import seen
from tests.stream.local.test_call import until
from tests.stream.local.test_put_through import TEST_PICTURE, camera_of


async def following(
    camera: HeadCamera, then: Callable[[list[Driven]], asyncio.Future[None] | object]
) -> list[Driven]:
    """What a camera lends, until `then` has seen what it waits for."""
    lent: list[Driven] = []
    task = asyncio.create_task(camera.run(lent.append))
    try:
        result = then(lent)
        if asyncio.iscoroutine(result):
            await result
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert not [t for t in threading.enumerate() if t.name.startswith("follow")]
    return lent


def one(picture: Rgb, at: float) -> Observed:
    """Somebody who turns by ten degrees when the rest is known."""
    assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8 and picture.min() > 200
    return seen(at, angles=(0.0 if at < one.turns else 10.0, 0.0, 0.0))  # type: ignore[attr-defined]


def test_a_head_is_lent_once_its_rest_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        one.turns = asyncio.get_running_loop().time() + 4.0  # type: ignore[attr-defined]
        camera = HeadCamera(camera_of(monkeypatch, TEST_PICTURE), lambda: one)

        async def wait(lent: list[Driven]) -> None:
            await until(lambda: "rest for two seconds" in camera.notice)
            assert not lent
            await until(lambda: bool(lent) and lent[-1].values["headYaw"] > 9.0)
            assert camera.notice == "" and lent[-1].lips == 0.0

        await following(camera, wait)

    run(scene(), timeout=90)


def test_who_is_not_there_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        nobody: Look = lambda picture, at: None  # noqa: E731
        camera = HeadCamera(camera_of(monkeypatch, TEST_PICTURE), lambda: nobody)
        lent = await following(camera, lambda _: until(lambda: "sees nobody" in camera.notice))
        assert not lent

    run(scene(), timeout=90)


def test_a_camera_that_goes_away_is_said_and_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_camera, "AGAIN", 0.1)
    opened = 0

    async def scene() -> None:
        open_camera = camera_of(monkeypatch, "color=c=white:size=64x64:rate=50:duration=0.1")

        def counted() -> RealCamera:
            nonlocal opened
            opened += 1
            return open_camera()

        one.turns = float("inf")  # type: ignore[attr-defined]
        camera = HeadCamera(counted, lambda: one)
        await following(camera, lambda _: until(lambda: opened > 2))
        assert "The face does not follow you: the camera" in camera.notice

    run(scene(), timeout=90)


def test_a_paused_camera_is_let_go_before_somebody_else_opens_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    holders: set[str] = set()

    def watched(name: str, open_camera: OpenCamera) -> OpenCamera:
        def opened() -> RealCamera:
            assert not holders, "only one may have it"
            camera = open_camera()
            holders.add(name)
            close = camera.close

            def closed() -> None:
                close()
                holders.discard(name)

            camera.close = closed  # type: ignore[method-assign]
            return camera

        return opened

    async def scene() -> None:
        one.turns = float("inf")  # type: ignore[attr-defined]
        open_camera = camera_of(monkeypatch, TEST_PICTURE)
        camera = HeadCamera(watched("head", open_camera), lambda: one)
        others = camera.let_go_before(watched("panic", open_camera))

        async def wait(lent: list[Driven]) -> None:
            await until(lambda: holders == {"head"})
            camera.pause(True)
            other = await asyncio.to_thread(others)
            assert holders == {"panic"}
            other.close()
            camera.pause(False)
            await until(lambda: holders == {"head"})

        await following(camera, wait)

    run(scene(), timeout=90)


def test_pictures_are_turned_into_colours() -> None:
    grey = np.full((96, 64), 128, np.uint8)
    assert abs(rgb(grey).astype(int) - 130).max() < 3
