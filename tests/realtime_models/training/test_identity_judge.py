"""The judge of identities: what can be tested without its model files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentcam.realtime_models.training.identity_judge import IdentityJudge, distance


def test_missing_model_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="it comes with the package face-recognition"):
        IdentityJudge(tmp_path)


def test_distance_is_that_of_the_descriptors() -> None:
    one, other = np.zeros(128), np.zeros(128)
    other[:4] = 0.3
    assert distance(one, one) == 0.0
    assert distance(one, other) == pytest.approx(0.6)
