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


def test_the_video_is_compared_with_who_really_spoke() -> None:
    t = (np.arange(60) + 0.5) / 30  # theirs were filmed at 30 frames a second
    opened = 0.05 * (1 + np.sin(2 * np.pi * 1.3 * t + 1))
    geometry = np.column_stack([opened, 0.3 - opened, np.zeros((60, 2))])
    scores = {"mouthPucker": 0.5 + opened}
    clip = lips.LipClip("s", "c", np.zeros(32_000, np.float32), geometry, scores, 30.0)
    at = (np.arange(50) + 0.5) / lips.FPS - 0.04
    ours = 0.02 * (1 + np.sin(2 * np.pi * 1.3 * at + 1))
    figures = lips.beside_real(clip, -ours, np.column_stack([ours, 0.3 + ours, -0.1 + ours]))
    assert figures["late_ms"] == pytest.approx(40, abs=10)
    assert figures["r_real_aperture"] == pytest.approx(0.95, abs=0.03)
    assert figures["r_real_width"] == pytest.approx(-figures["r_real_aperture"], abs=1e-6)
    assert figures["r_real_protrusion"] == pytest.approx(figures["r_real_aperture"], abs=1e-6)
    assert figures["r_real_model"] == pytest.approx(-figures["r_real_aperture"], abs=1e-6)


def test_clips_to_learn_sync_from_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lips, "FaceTracker", lambda model: None)
    (tmp_path / "MANIFEST.csv").write_text("file,sync_lag_ms\n")
    empty = tmp_path / "learn"
    empty.mkdir()
    monkeypatch.setattr("sys.argv", ["x", "a.wav", "--model", "m", "--sync-from", str(empty)])
    with pytest.raises(SystemExit):
        lips.main()
    assert f"got --sync-from {empty}, expected tracked clips in it" in capsys.readouterr().err
