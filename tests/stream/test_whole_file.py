"""A file that appears under its name only when it is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from latentcam.stream.errors import MediaError
from latentcam.stream.whole_file import whole_file


def write(path: Path, text: str = "new") -> None:
    with whole_file(path) as partial:
        partial.write_text(text)


def test_it_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as partial:
        partial.write_text("half")
        assert path.read_text() == "old"
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    write(path)
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_it_may_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write(tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_a_link_leads_to_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "film.mp4", tmp_path / "out.mp4"
    link.symlink_to(target)
    for text in ("made", "made again"):
        write(link, text)
        assert link.is_symlink() and target.read_text() == text
    circle = tmp_path / "circle.mp4"
    circle.symlink_to(circle)
    with pytest.raises(MediaError, match="is no file"):
        write(circle)


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_a_waiting_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The partial file had a name that others could know."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    monkeypatch.setattr("secrets.token_hex", lambda size: "guessed")
    (tmp_path / ".guessed.partial.mp4").symlink_to(victim)
    with pytest.raises(MediaError, match="cannot be written: File exists"):
        write(tmp_path / "out.mp4")
    assert victim.read_text() == "precious"


def test_places_that_take_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    for path, said in (
        (tmp_path / "folder.mp4", "is a folder"),
        (tmp_path / "no" / "out.mp4", "does not exist"),
        (tmp_path / ("n" * 5000), "cannot be written: "),
    ):
        with pytest.raises(MediaError, match=said):
            write(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp4")
        with pytest.raises(MediaError, match="is no file"):
            write(tmp_path / "pipe.mp4")


def test_the_longest_name_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 248 + ".mp4")
    write(path)
    assert path.read_text() == "new"
