"""`latentcam avatar`: packs are listed, shown, checked; only the user's own are removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save_file

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_card, sha256
from latentcam.realtime_models.card import (
    Weights,
    generator_shapes,
    identities_shapes,
    light_shapes,
)
from latentcam.realtime_models.pack_places import SHIPPED, user_packs
from latentcam.realtime_models.training.write_pack import write_card
from latentcam.server.__main__ import main
from tests.tiny import random_tensors, three_card, tiny_card, write_pack


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pack in a user's data folder of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return write_pack(user_packs() / "mine")


def told(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 0) -> str:
    assert main(["avatar", *argv]) == status
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return out if status < 2 else err


def test_installed_packs_are_listed(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pack(installed.parent / "broken")
    (installed.parent / "broken" / "card.json").write_text("{")
    (installed.parent / "no pack").mkdir()
    shipped, broken, mine = told(capsys, "list").splitlines()
    assert shipped.startswith("studio  ") and "512x512, 19 faces" in shipped
    assert shipped.endswith("came with latentcam")
    assert broken.startswith("broken  ") and "cannot be used" in broken
    assert mine.startswith("mine  ") and "32x32, 2 faces" in mine and str(installed) in mine


def test_a_pack_says_where_it_comes_from(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = told(capsys, "show", "mine")
    for words in ("random numbers", "nobody is shown", "Apache-2.0", "Ada, Bo", str(installed)):
        assert words in shown
    card = json.loads(told(capsys, "show", "mine", "--json"))
    assert card == json.loads((installed / "card.json").read_text())


def test_a_pack_names_its_resolutions_and_each_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pack(tmp_path / "three", three_card())
    shown = told(capsys, "show", str(folder))
    assert "64, 32, 32-light" in shown and "with alpha" in shown and "light         SHA" in shown
    assert "digests match, 2 faces drawn" in told(capsys, "check", str(folder))
    tensors = {
        name: 0 * tensor for name, tensor in random_tensors(light_shapes(three_card()), 3).items()
    }
    save_file(tensors, folder / "light.safetensors")
    card = load_card(folder)
    light = Weights(sha256(folder / "light.safetensors"))
    files = msgspec.structs.replace(card.files, light=light)
    write_card(folder, msgspec.structs.replace(card, files=files))
    said = told(capsys, "check", str(folder), status=1)
    assert "Ada 32-light" in said and "Bo 32-light" in said and "Ada 64" not in said


def test_a_card_does_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pack(tmp_path / "loud", tiny_card(provenance="\x1b]0;owned\x07 a\nb"))
    shown = told(capsys, "show", str(folder))
    assert "\x1b" not in shown and "\x07" not in shown and "\\x1b]0;owned" in shown


def test_a_whole_pack_is_checked(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "digests match, 2 faces drawn" in told(capsys, "check", "mine")
    with (installed / "motion.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    assert "SHA-256" in told(capsys, "check", "mine", status=2)


def test_a_face_that_cannot_be_seen_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = random_tensors(generator_shapes(tiny_card()))
    for name, tensor in tensors.items():
        if name.endswith("rgb.bias"):
            tensors[name] = np.full_like(tensor, 6e4)  # finite, and white everywhere
    folder = write_pack(tmp_path / "white", generator=tensors)
    assert "one colour only, no face: Ada" in told(capsys, "check", str(folder), status=1)


def test_a_pack_of_the_user_is_removed(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(installed) in told(capsys, "remove", "mine")
    assert not installed.exists() and user_packs().is_dir()
    assert "there is no pack mine" in told(capsys, "remove", "mine", status=2)


def test_nothing_else_is_removed(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = write_pack(tmp_path / "elsewhere")
    (installed.parent / "link").symlink_to(elsewhere)
    assert "came with latentcam and stays" in told(capsys, "remove", DEFAULT_PACK, status=2)
    for path in (str(elsewhere), "../elsewhere", "..", ".", "", "mine/"):
        assert "expected the name of a pack" in told(capsys, "remove", path, status=2)
    assert "is a link" in told(capsys, "remove", "link", status=2)
    assert (SHIPPED / DEFAULT_PACK / "card.json").is_file()
    assert (elsewhere / "card.json").is_file() and installed.is_dir()


def test_an_installed_pack_is_used_by_name(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = random_tensors(identities_shapes(tiny_card()), 9)["identities"]
    mine = write_pack(installed.parent / "borrower", identities=faces)
    card = json.loads((mine / "card.json").read_text())
    for part in ("generator", "motion"):
        (mine / f"{part}.safetensors").unlink()
        card["files"][part]["borrow"] = "mine"
    (mine / "card.json").write_bytes(msgspec.json.encode(card))
    assert "2 faces drawn" in told(capsys, "check", "borrower")
    assert "borrowed from mine" in told(capsys, "show", "borrower")
    shutil.rmtree(installed)
    said = told(capsys, "check", "borrower", status=2)
    assert "borrows generator.safetensors from the pack mine, which is neither" in said
