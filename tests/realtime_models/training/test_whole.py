"""Files are there when they are whole, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentcam.realtime_models.training.whole import whole


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "kept.npz"
    path.write_text("before")
    with whole(path) as part:
        part.write_text("after")
        assert path.read_text() == "before" and part.suffix == ".npz"
        assert not list(tmp_path.glob("kept*.npz"))[1:], "a reader takes the part for a file"
    assert path.read_text() == "after" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("end", [OSError, KeyboardInterrupt])
def test_of_work_that_ended_early_nothing_is_left(tmp_path: Path, end: type[BaseException]) -> None:
    path = tmp_path / "kept"
    path.write_text("before")
    with pytest.raises(end), whole(path) as part:
        part.write_text("half")
        raise end
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
