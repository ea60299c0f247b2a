"""The control page's half that is not HTTP: its last words, and one JPEG for all who look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.server import camera_app
from latentcam.server.camera_app import CameraPage, Preview
from latentcam.server.commands.camera import _run_and_say_why_it_ends
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.composition import I420
from latentcam.stream.local.call import Call, Sound
from latentcam.stream.local.jpeg import jpeg
from tests.aio import run
from tests.server.test_commands import write_sound
from tests.stream.local.test_call import Shown, opened, until
from tests.voice import speech


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "clip.wav", speech(2.0, 48000), 48000)


def in_a_call(
    pack: AvatarPack, clip: Path, scene: Callable[[Call, Shown], Awaitable[None]]
) -> None:
    async def whole() -> None:
        shown = Shown()
        async with opened(pack, Sound(file=clip), shown) as call:
            await scene(call, shown)

    run(whole(), timeout=120)


def test_a_page_that_looks_is_waited_for(
    tiny_pack: AvatarPack, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_app, "LAST_WORDS", 60.0)

    async def scene(call: Call, shown: Shown) -> None:
        page = CameraPage(call, "Ada", "no camera", Backgrounds())
        assert page.state().ended == ""
        ending = asyncio.create_task(page.end("It was stopped."))
        await asyncio.sleep(0.05)
        assert not ending.done()
        assert page.state().ended == "It was stopped."
        await ending

    in_a_call(tiny_pack, clip, scene)


def test_nobody_is_waited_for_where_no_page_is_open(
    tiny_pack: AvatarPack, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(call: Call, shown: Shown) -> None:
        page = CameraPage(call, "Ada", "no camera", Backgrounds())
        with monkeypatch.context() as patched:
            patched.setattr(camera_app, "LAST_WORDS", 60.0)
            await asyncio.wait_for(page.end("It was stopped."), 30.0)
        page.state()
        await page.end("It was stopped.")  # one that went away meanwhile is not waited for long

    in_a_call(tiny_pack, clip, scene)


@pytest.mark.parametrize("how", ["stopped", "file", "camera", "bug"])
def test_every_end_has_its_words(tiny_pack: AvatarPack, clip: Path, how: str) -> None:
    async def scene(call: Call, shown: Shown) -> None:
        said: list[str] = []

        async def say(reason: str) -> None:
            said.append(reason)

        ending = asyncio.create_task(_run_and_say_why_it_ends(call, say))
        await until(lambda: len(shown.ticks) > 2)
        if how == "stopped":
            ending.cancel()
        elif how == "file":
            clip.write_bytes(b"")
        elif how == "camera":
            shown.broken = True
        else:
            call.motion.settings = None  # type: ignore[assignment]
        await asyncio.wait({ending}, timeout=60)
        (reason,) = said
        if how == "stopped":
            assert ending.cancelled() and reason == "It was stopped."
        else:
            assert isinstance(ending.exception(), ExceptionGroup)
            wanted = {"file": f"{clip} ", "camera": "the camera is gone"}
            assert wanted.get(how, "It failed; its terminal says how.") in reason

    in_a_call(tiny_pack, clip, scene)


def test_a_picture_is_encoded_once_for_all_who_look(
    tiny_pack: AvatarPack, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty viewers once took a core, as each had every picture encoded for itself."""
    encoded = []

    def counted(picture: I420) -> bytes:
        encoded.append(picture)
        return jpeg(picture)

    monkeypatch.setattr(camera_app, "jpeg", counted)

    async def scene(call: Call, shown: Shown) -> None:
        with ThreadPoolExecutor(1) as thread:
            preview = Preview(call.sink, thread)
            seen = await asyncio.gather(*(preview.newest() for _ in range(60)))
        assert len(encoded) == 1 and all(data is seen[0] for data in seen)
        assert seen[0].startswith(b"\xff\xd8")

    in_a_call(tiny_pack, clip, scene)


def test_a_second_ctrl_c_waits_for_no_page(tiny_pack: AvatarPack, clip: Path) -> None:
    async def scene(call: Call, shown: Shown) -> None:
        saying = asyncio.Event()

        async def say(reason: str) -> None:
            saying.set()
            await asyncio.Event().wait()  # a page that never asks

        ending = asyncio.create_task(_run_and_say_why_it_ends(call, say))
        await until(lambda: len(shown.ticks) > 2)
        ending.cancel()
        await saying.wait()
        ending.cancel()
        await asyncio.wait({ending}, timeout=60)
        assert ending.cancelled()

    in_a_call(tiny_pack, clip, scene)
