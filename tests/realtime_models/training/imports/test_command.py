"""`latentcam avatar import`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latentcam.server.__main__ import main
from tests.official import Official, write_nvidia, write_rosinality

WORDS = ("--licence", "CC0-1.0", "--consent", "nobody is shown")


def imported(capsys: pytest.CaptureFixture[str], *argv: object, status: int = 0) -> str:
    assert main(["avatar", "import", *map(str, argv)]) == status
    out, err = capsys.readouterr()
    assert "Traceback" not in err and (status == 0 or err.count("\n") == 1)
    return out + err


def test_three_commands_from_a_file_to_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_nvidia(Official(), tmp_path / "network.pkl")
    said = imported(capsys, file, "--out", tmp_path / "mine", *WORDS, "--faces", 3)
    assert "16x16" in said and "6 rows of w, 3 faces" in said
    card = json.loads((tmp_path / "mine" / "card.json").read_text())
    assert card["licence"] == "CC0-1.0" and "network.pkl (SHA-256 " in card["provenance"]
    assert card["files"]["motion"]["borrow"] == "studio" and card["calibration"]["drives"] == []
    assert main(["avatar", "check", str(tmp_path / "mine")]) == 0
    assert "3 faces drawn" in capsys.readouterr().out


def test_rosinalitys_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_rosinality(Official(z_dim=8), tmp_path / "n.pt")
    imported(capsys, file, "--out", tmp_path / "mine", *WORDS, "--psi", 0.5, "--cutoff", 2)
    card = json.loads((tmp_path / "mine" / "card.json").read_text())
    assert (card["truncation_psi"], card["truncation_cutoff"]) == (0.5, 2)


def test_nvidias_licence_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_nvidia(Official(), tmp_path / "ffhq.pkl")
    said = imported(capsys, file, "--out", tmp_path / "mine", *WORDS)
    assert "NVIDIA published it (ffhq)" in said and "not for commercial use" in said
    card = json.loads((tmp_path / "mine" / "card.json").read_text())
    assert "not for commercial use" in card["provenance"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--licence", " ", "--consent", "x"), "--licence is empty"),
        ((*WORDS, "--faces", "0"), "--faces is 0, expected 1 to 1000"),
        ((*WORDS, "--psi", "2"), "truncation_psi is 2, expected 0 to 1"),
        ((*WORDS, "--cutoff", "99"), "truncation_cutoff is 99, expected 0 to 6"),
        ((*WORDS, "--class", "1"), "the network has no classes"),
        ((*WORDS, "--base", "nobody"), "avatar 'nobody' is neither"),
    ],
)
def test_refusals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    file = write_nvidia(Official(), tmp_path / "network.pkl")
    assert said in imported(capsys, file, "--out", tmp_path / "mine", *options, status=2)
    assert not (tmp_path / "mine").exists()


def test_a_pack_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_nvidia(Official(), tmp_path / "network.pkl")
    imported(capsys, file, "--out", tmp_path / "mine", *WORDS)
    said = imported(capsys, file, "--out", tmp_path / "mine", *WORDS, status=2)
    assert "is a pack already, expected a new folder" in said


def test_a_licence_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["avatar", "import", "x.pkl", "--out", str(tmp_path / "mine")])
    assert stop.value.code == 2 and "--licence, --consent" in capsys.readouterr().err
