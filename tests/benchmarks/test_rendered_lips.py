"""The benchmark that tracks lips on rendered videos: what can be tested without its model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

lips = pytest.importorskip("latentcam.benchmarks.rendered_lips", reason="needs the extra [train]")


def test_a_sheet_shows_mouths_in_order_over_the_voice_s_level() -> None:
    frames = []
    for i in range(25):
        frame = np.zeros((256, 256, 3), np.uint8)
        frame[100:210, 70:186] = 10 * i
        frames.append(frame)
    level = np.linspace(0.0, 1.0, 25)
    picture = np.asarray(lips.sheet(frames, level))
    cell, bar = lips.CELL, lips.LEVEL
    assert picture.shape == (2 * (cell + bar), lips.COLUMNS * cell, 3)
    middles = picture[cell // 2, cell // 2 :: cell, 0]
    np.testing.assert_array_equal(middles, 10 * np.arange(lips.COLUMNS))
    coloured = (picture[cell : cell + bar, cell // 2 :: cell] != 255).any(axis=2).sum(axis=0)
    assert coloured[0] < coloured[10] < coloured[19] < bar


def test_its_model_file_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mediapipe", reason="needs the extra [track]")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr("sys.argv", ["x", "voice.wav", "--model", str(tmp_path / "none.task")])
        lips.main()
    assert "none.task is no file, expected MediaPipe's" in capsys.readouterr().err
