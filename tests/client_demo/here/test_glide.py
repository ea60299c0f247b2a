"""The page shows motion that comes over a network as Python does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latentcam.realtime_models.motion.glide import GlideState, came, late

GLIDE = """async (steps) => {
  const { Glide } = await import('/page/here/glide.js');
  const glide = new Glide();
  return steps.map(([x, missed]) => (
    [...(x ? glide.came(new Float32Array(x), missed) : glide.late())]));
}"""


def test_the_page_glides_as_python_does(page: Any) -> None:
    chance, state = np.random.default_rng(8), GlideState()
    steps, expected = [], []
    for n in range(60):
        gone = n and chance.random() < 0.4
        x = None if gone else chance.normal(size=3).astype(np.float32)
        missed = int(chance.integers(0, 3))
        state = late(state) if x is None else came(x, missed, state)
        steps.append([None if x is None else x.tolist(), missed])
        expected.append(state.shown)
    got = page.evaluate(GLIDE, steps)
    assert np.array(got) == pytest.approx(np.array(expected), abs=1e-5)
