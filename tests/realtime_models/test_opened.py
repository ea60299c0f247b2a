"""A pack is opened in one way, and what cannot be opened is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentcam.realtime_models.errors import AvatarPackError, BackendUnavailable
from latentcam.realtime_models.motion.performance import Settings
from latentcam.realtime_models.opened import open_pack


def test_everything_that_runs_comes_of_a_name(tiny_folder: Path) -> None:
    models = open_pack(str(tiny_folder), "openvino-f32", lanes=2)
    anchor = models.avatar.anchor("Ada")
    x, _ = models.performer.perform(
        np.zeros(640, np.float32), models.performer.initial_state(0), Settings()
    )
    assert models.avatar.render(anchor, x).shape == (32, 32, 3)
    assert len(models.avatar.decoder.lanes) == 2 and models.pack.card.name == "tiny"


def test_what_cannot_be_opened(tiny_folder: Path) -> None:
    with pytest.raises(AvatarPackError, match="neither a folder"):
        open_pack("nowhere")
    with pytest.raises(BackendUnavailable, match="not one of"):
        open_pack(str(tiny_folder), "abacus")
