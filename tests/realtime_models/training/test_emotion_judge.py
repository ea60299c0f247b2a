"""Emotions are named by what a face has more of; what is no such network is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.decoders.openvino_silent import op, ov
from latentcam.realtime_models.training.emotion_judge import (
    EMOTIONS_JUDGED,
    EmotionJudge,
    named,
)


def logs(**shares: float) -> NDArray[np.float64]:
    return np.log([shares.get(name, 0.01) for name in EMOTIONS_JUDGED])


def test_what_a_face_has_anyway_does_not_count() -> None:
    """A face that is called happy at all times, and a little sadder now."""
    neutral = np.stack([logs(happy=0.9), logs(happy=0.8)])
    assert named(logs(happy=0.85, sad=0.1), neutral) == "sad"
    assert named(logs(neutral=0.99, happy=0.9, angry=0.02), neutral) == "angry"


def network(folder: Path, side: int = 64) -> Path:
    """A network whose outputs are its input's brightness in the left half, and in the right."""
    given = op.parameter([1, side, side, 1], np.float32)
    left = np.zeros((side * side, 7), np.float32)
    left[np.arange(side * side) % side < side // 2, 0] = 1e-3
    left[np.arange(side * side) % side >= side // 2, 1] = 1e-3
    flat = op.reshape(given, np.array([1, side * side]), special_zero=False)
    said = op.softmax(op.matmul(flat, op.constant(left), False, False), axis=1)
    ov.save_model(ov.Model([said], [given], "halves"), folder / "halves.xml")
    return folder / "halves.xml"


def test_the_face_is_looked_at_not_the_picture(tmp_path: Path) -> None:
    """One face is bright at its left, one at its right, both in the same picture."""
    judge = EmotionJudge(network(tmp_path))
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[:, :50] = picture[:, 250:] = 255
    square = np.array([[0.0, 0.0], [100.0, 100.0]])
    left, right = judge.describe(picture, square), judge.describe(picture, square + [200, 50])
    assert left.argmax() == 0 and right.argmax() == 1
    assert np.exp(left).sum() == pytest.approx(1, abs=1e-3)


def test_other_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected emotion_model_quantized.tflite"):
        EmotionJudge(tmp_path / "none.tflite")
    (tmp_path / "words.tflite").write_bytes(b"words")
    with pytest.raises(ValueError, match="is no network"):
        EmotionJudge(tmp_path / "words.tflite")
    with pytest.raises(ValueError, match=r"expected \[\(1, 64, 64, 1\), \(1, 7\)\]"):
        EmotionJudge(network(tmp_path, 32))
