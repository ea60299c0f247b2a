"""Pages get the tracker's files where they were fetched, and a sentence where not."""

from __future__ import annotations

import json
from pathlib import Path

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.enrolment import models
from latentcam.realtime_models.tracker_files import MODEL, PAGE_FILES
from latentcam.server.__main__ import main
from latentcam.server.config import ServerConfig
from latentcam.server.tracker_files import WANTED
from tests.aio import run
from tests.server.test_pack_files import ask


def test_pages_get_what_was_fetched(tiny_pack: AvatarPack) -> None:
    models().mkdir(parents=True)
    for name in (MODEL, *PAGE_FILES):
        (models() / name).write_text(name)
    (models() / "selfie_segmenter.tflite").write_text("")
    names = (MODEL, *PAGE_FILES, "selfie_segmenter.tflite", "..%2Fsecret")
    told, *files, other, outside = run(
        ask(tiny_pack, ServerConfig(), "/config", *(f"/tracker/{name}" for name in names))
    )
    assert told.json()["tracker"] == ""
    assert [answer.text for answer in files] == [MODEL, *PAGE_FILES]
    kinds = dict(zip(names, (answer.headers["Content-Type"] for answer in files), strict=False))
    assert kinds["vision_bundle.mjs"].startswith("text/javascript")
    assert kinds["vision_wasm_internal.wasm"] == "application/wasm"
    assert other.status_code == outside.status_code == 404


def test_pages_hear_how_to_fetch_it(tiny_pack: AvatarPack) -> None:
    told, file = run(ask(tiny_pack, ServerConfig(), "/config", f"/tracker/{MODEL}"))
    assert told.json()["tracker"] == WANTED and file.status_code == 404


def test_nobody_gets_it_without_the_token(tiny_pack: AvatarPack) -> None:
    (answer,) = run(ask(tiny_pack, ServerConfig(token="s3cret"), f"/tracker/{MODEL}"))
    assert answer.status_code == 401


def test_a_folder_for_any_web_server_takes_them_along(tiny_folder: Path, tmp_path: Path) -> None:
    page = ["page", "--avatar", str(tiny_folder), "--decoder", "eager", "--out"]
    assert main([*page, str(tmp_path / "without")]) == 0
    assert not (tmp_path / "without" / "tracker").exists()
    told = json.loads((tmp_path / "without" / "config").read_bytes())
    assert "latentcam tracker" in told["tracker"]
    models().mkdir(parents=True)
    for name in (MODEL, *PAGE_FILES):
        (models() / name).write_text(name)
    assert main([*page, str(tmp_path / "with")]) == 0
    assert (tmp_path / "with" / "tracker" / MODEL).read_text() == MODEL
    kept = json.loads((tmp_path / "with" / "files.json").read_bytes())
    assert "follow.js" in kept and not [path for path in kept if path.startswith("tracker")]
    assert json.loads((tmp_path / "with" / "config").read_bytes())["tracker"] == ""
