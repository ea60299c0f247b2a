"""Portraits and films of faces: made once, kept under the pack's digests, never in a call's way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder
from latentcam.realtime_models.motion.performance import Performer
from latentcam.realtime_models.resolutions import drawn_at
from latentcam.server import portraits
from latentcam.server.app import make_app
from latentcam.server.config import ServerConfig
from latentcam.server.errors import Refused
from latentcam.server.portraits import Portraits
from latentcam.stream.at_rest import portrait
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.engine import Engine
from latentcam.stream.timeline import Timeline
from tests.aio import run
from tests.server.test_server import make_engine


async def asked(engine: Engine, *paths: str, **headers: str) -> list[httpx.Response]:
    made = make_app(engine, ServerConfig(identity="Bo"))
    transport = httpx.ASGITransport(made)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        return [await http.get(path, headers=headers) for path in paths]


def test_each_face_has_its_own(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack)
        ada, again, bo, new, nobody, odd = await asked(
            engine, "/faces/Ada.jpg", "/faces/ada.jpg", "/faces/Bo.jpg", "/faces/7.jpg",
            "/faces/Eve.jpg", "/faces/%2e%2e.jpg",
        )  # fmt: skip
        assert ada.headers["content-type"] == "image/jpeg" and ada.content[:2] == b"\xff\xd8"
        assert ada.content == again.content
        assert len({ada.content, bo.content, new.content}) == 3
        assert nobody.status_code == 404 and "'Eve' is neither one of" in nobody.json()["error"]
        assert odd.status_code == 404
        (film,) = await asked(engine, "/faces/Ada.webm")
        assert film.headers["content-type"] == "video/webm"
        (same,) = await asked(engine, "/faces/Ada.webm", **{"If-None-Match": film.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        (config,) = await asked(engine, "/config")
        assert config.json()["identity"] == "Bo"
        await engine.aclose()

    run(scene(), timeout=120)


def test_a_portrait_may_be_before_another_background(
    clear_pack: AvatarPack, tiny_pack: AvatarPack
) -> None:
    async def scene() -> None:
        engine = make_engine(clear_pack)
        own, same, blue, again, none = await asked(
            engine, "/faces/Ada.jpg", "/faces/Ada.jpg?background=own",
            "/faces/Ada.jpg?background=%230000ff", "/faces/Ada.jpg", "/faces/Ada.jpg?background=x",
        )  # fmt: skip
        assert own.content == same.content == again.content != blue.content
        assert own.headers["etag"] != blue.headers["etag"]
        assert none.status_code == 404 and "the background is 'x'" in none.json()["error"]
        await engine.aclose()
        engine = make_engine(tiny_pack)
        (none,) = await asked(engine, "/faces/Ada.jpg?background=room")
        assert none.status_code == 404 and "have no alpha" in none.json()["error"]
        await engine.aclose()

    run(scene(), timeout=120)


def test_what_was_made_is_not_made_again(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def counted(picture: Any, background: Any) -> bytes:
        made.append(picture)
        return portrait(picture, background)

    monkeypatch.setattr(portraits, "portrait", counted)

    async def scene() -> None:
        for _ in range(2):  # two starts
            engine = make_engine(tiny_pack)
            await asked(engine, "/faces/Ada.jpg", "/faces/Ada.jpg", "/faces/7.jpg")
            await engine.aclose()
        assert len(made) == 3, "Ada once, No. 7 each time: there are too many to keep"
        identities = msgspec.structs.replace(tiny_pack.card.files.identities, digest="0" * 64)
        files = msgspec.structs.replace(tiny_pack.card.files, identities=identities)
        card = msgspec.structs.replace(tiny_pack.card, files=files)
        other = replace(tiny_pack, card=card)
        avatar = Avatar(other, OpenVinoDecoder(tiny_pack))
        engine = Engine(avatar, Performer(other), Timeline(25), 2)
        await asked(engine, "/faces/Ada.jpg")
        assert len(made) == 4, "another pack's Ada is somebody else"
        await engine.aclose()

    run(scene(), timeout=120)


def test_a_film_is_not_made_while_somebody_talks(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack)
        engine.admit()
        film, still = await asked(engine, "/faces/Ada.webm", "/faces/Ada.jpg")
        assert film.status_code == 503 and "somebody talks" in film.json()["error"]
        assert still.status_code == 200
        engine.release()
        (film,) = await asked(engine, "/faces/Ada.webm")
        assert film.status_code == 200
        engine.admit()
        (film,) = await asked(engine, "/faces/Ada.webm")
        assert film.status_code == 200, "it is there already"
        await engine.aclose()

    run(scene(), timeout=120)


def test_faces_at_rest_are_the_finest_though_a_call_could_not_keep_up(
    three_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow machine the page showed a face of 256 pixels, blurred, before anybody talked."""
    sizes: list[int] = []

    def counted(picture: Any, background: Any) -> bytes:
        sizes.append(len(picture))
        return portrait(picture, background)

    def film_of(pictures: Any, background: Any) -> bytes:
        sizes.extend({len(picture) for picture in pictures})
        return b"film"

    monkeypatch.setattr(portraits, "portrait", counted)
    monkeypatch.setattr(portraits, "film", film_of)
    coarse = OpenVinoDecoder(drawn_at(three_pack, "32"))
    avatar = Avatar(three_pack, OpenVinoDecoder(three_pack), coarse)

    async def scene() -> None:
        engine = Engine(avatar, Performer(three_pack), Timeline(25), 2)
        engine.renderer._stepping.index = 1
        await asked(engine, "/faces/7.jpg", "/faces/7.webm")
        assert sizes == [64, 64]
        engine.admit()
        await asked(engine, "/faces/7.jpg")
        assert sizes[2:] == [32], "somebody talks, and must not wait"
        await engine.aclose()

    run(scene(), timeout=120)


def test_a_film_that_nobody_waits_for_is_given_up(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who looked through the faces had a film of each made."""
    drawn: list[Any] = []

    async def scene() -> None:
        engine = make_engine(tiny_pack)
        render = engine.renderer.render_finest

        async def counted(anchor: Any, x: Any) -> Any:
            drawn.append(x)
            return await render(anchor, x)

        monkeypatch.setattr(engine.renderer, "render_finest", counted)

        async def gone() -> bool:
            return len(drawn) == 3

        with ThreadPoolExecutor(1) as thread:
            behind = Backgrounds().first
            faces = Portraits(engine, behind, None, thread)
            with pytest.raises(Refused, match="nobody waits"):
                await faces.get("Ada", "film", behind, gone)
        assert len(drawn) == 3
        await engine.aclose()

    run(scene(), timeout=120)


def test_a_home_that_cannot_be_written_is_no_obstacle(
    tiny_pack: AvatarPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    async def scene() -> None:
        engine = make_engine(tiny_pack)
        first, second = await asked(engine, "/faces/Ada.jpg", "/faces/Ada.jpg")
        assert first.content == second.content != b""
        await engine.aclose()

    run(scene(), timeout=120)
