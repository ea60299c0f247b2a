"""`latentcam verify` says yes, no or how sure, to people and by its exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentcam.benchmarks.mark import Attack, same, write
from latentcam.realtime_models.mark_search import Finding
from latentcam.server.__main__ import main
from latentcam.server.commands.verify import sentence
from latentcam.stream.marked_file import Verdict
from latentcam.stream.marker import Marker
from tests.stream.test_marked_file import pictures


def test_a_marked_file_is_a_yes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, pictures(10, Marker(0xABC)), Attack("", same))
    assert main(["verify", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{path}: yes. It has latentcam's mark: what it shows is synthetic; ")
    assert "session 00000abc" in said


def test_any_other_is_a_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, pictures(10, None), Attack("", same))
    with pytest.raises(SystemExit, match="1"):
        main(["verify", str(path), "--seconds", "0"])
    assert f"{path}: no. There is no mark of latentcam's" in capsys.readouterr().out


def test_between_them_it_says_how_sure() -> None:
    def said(*zs: float, mark: int | None = 7) -> str:
        return sentence(Verdict(tuple(Finding(z, 1.0, mark) for z in zs), 9.6))

    assert said(7.0).startswith("perhaps.") and "by accident, 1 of " in said(7.0)
    assert "in 10 s of it" in said(4.0) and said(4.0).startswith("no.")
    assert "10^12 files" in said(30.0)
    assert "its session cannot be read" in said(8.0, mark=None)
    assert "in 1 of 2 stretches" in said(9.0, 4.0)
