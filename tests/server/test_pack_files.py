"""Who may have a pack's files, and what they get."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx
import msgspec
import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack, pack_files
from latentcam.realtime_models.motion.moods import MoodModel
from latentcam.realtime_models.motion.performance import Settings
from latentcam.realtime_models.pack_places import SHIPPED, is_shipped
from latentcam.server.app import make_app
from latentcam.server.command_line import parser_of
from latentcam.server.commands.serving import pack_of
from latentcam.server.config import ServerConfig
from tests.aio import run
from tests.server.test_server import make_engine
from tests.tiny import mood_weights, write_pack


async def ask(
    pack: AvatarPack, config: ServerConfig, *paths: str, settings: Settings | None = None
) -> list[httpx.Response]:
    app = make_app(make_engine(pack, settings=settings), config)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return [await client.get(path) for path in paths]


def test_pages_get_the_whole_pack(tiny_pack: AvatarPack, tiny_folder: Path) -> None:
    names = [*pack_files(tiny_folder), "motion"]
    config = ServerConfig(pack=tiny_folder)
    told, *files, unknown = run(ask(tiny_pack, config, "/config", *(f"/pack/{n}" for n in names)))
    assert told.json()["ways"] == ["here", "latents", "video"] and not told.json()["moods"]
    assert unknown.status_code == 404
    for name, answer in zip(names, files, strict=False):
        assert answer.content == (tiny_folder / name).read_bytes()
    digest = hashlib.sha256(files[names.index("generator.safetensors")].content).hexdigest()
    assert digest == tiny_pack.card.files.generator.digest


def test_a_page_that_knows_no_moods_does_not_do_it_all(
    tiny_pack: AvatarPack, tiny_folder: Path
) -> None:
    """What moves a face by itself comes from the server, with the motion."""
    moods = Settings(moods=MoodModel(("mouthSmile", "neutral"), mood_weights(2)))
    for settings in (moods, Settings(arousal=0.5)):
        for own, ways in ((tiny_folder, ["latents", "video"]), (None, ["video"])):
            (told,) = run(ask(tiny_pack, ServerConfig(pack=own), "/config", settings=settings))
            assert (told.json()["ways"], told.json()["moods"]) == (ways, settings is moods)


def test_nobody_gets_it_without_leave_or_token(tiny_pack: AvatarPack, tiny_folder: Path) -> None:
    told, refused = run(ask(tiny_pack, ServerConfig(), "/config", "/pack/card.json"))
    assert told.json()["ways"] == ["video"]
    assert refused.status_code == 404
    secret = ServerConfig(pack=tiny_folder, token="s3cret")
    (stranger,) = run(ask(tiny_pack, secret, "/pack/card.json"))
    assert stranger.status_code == 401


def test_borrowed_files_are_the_lenders(tiny_pack: AvatarPack, tmp_path: Path) -> None:
    lender = write_pack(tmp_path / "tiny")
    borrower = write_pack(tmp_path / "borrower")
    card = msgspec.json.decode((borrower / "card.json").read_bytes())
    card["files"]["generator"]["borrow"] = "tiny"
    (borrower / "card.json").write_bytes(msgspec.json.encode(card))
    (borrower / "generator.safetensors").unlink()
    assert pack_files(borrower)["generator.safetensors"] == lender / "generator.safetensors"


@pytest.mark.parametrize(
    "ways,shipped,expected",
    [("auto", True, True), ("auto", False, False), ("all", False, True), ("video", True, False)],
)
def test_a_face_of_ones_own_is_not_handed_out(
    tiny_folder: Path, ways: str, shipped: bool, expected: bool
) -> None:
    """Whoever has a pack can make its face say anything."""
    folder = SHIPPED / "studio" if shipped else tiny_folder
    assert is_shipped(folder) is shipped
    args = parser_of("serve").parse_args(["serve", "--avatar", str(folder), "--ways", ways])
    assert pack_of(args) == (folder if expected else None)
