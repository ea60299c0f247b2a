"""A page that draws the face itself marks its pictures as the server does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latentcam.realtime_models.mark import pattern
from latentcam.realtime_models.mark_search import search


@pytest.mark.parametrize(("size", "mark"), [(256, 0x5EA1ED), (64, 0xFFFFFFFF)])
def test_the_pattern_is_the_same(page: Any, size: int, mark: int) -> None:
    got = page.evaluate(
        """async ([size, mark]) => {
          const { pattern } = await import('/page/here/mark.js');
          return [...pattern(size, mark)];
        }""",
        [size, mark],
    )
    ours, theirs = pattern(size, size, mark), np.reshape(got, (size, size))
    # Sums of cosines may differ in the last digit, where a level is rounded up or down.
    assert (ours != theirs).mean() < 0.001 and np.abs(ours - theirs).max() <= 1


def test_what_is_see_through_stays(page: Any) -> None:
    got = page.evaluate(
        """async () => {
          const { Marker } = await import('/page/here/mark.js');
          const levels = new Uint8ClampedArray(4 * 64 * 64).fill(100);
          return [...new Marker(64, 1).levels(levels)];
        }"""
    )
    assert set(got) == {100}


def test_what_a_page_draws_is_marked(page: Any) -> None:
    drawn = page.evaluate(
        """async () => {
          const { Painter } = await import('/page/here/painter.js');
          const face = {
            size: 128, hasAlpha: false, anchor: () => new Float32Array(1),
            picture: async () => new Uint8ClampedArray(4 * 128 * 128).map(
              (_, i) => (i % 4 === 3 ? 255 : 120)),
          };
          const put = CanvasRenderingContext2D.prototype.putImageData;
          let drawn;
          CanvasRenderingContext2D.prototype.putImageData = function (picture, ...rest) {
            drawn = [...picture.data];
            put.call(this, picture, ...rest);
          };
          await new Painter(face, { identity: '1' }).move(new Float32Array(1));
          CanvasRenderingContext2D.prototype.putImageData = put;
          return drawn;
        }"""
    )
    grey = np.reshape(drawn, (128, 128, 4))[:, :, 1]
    assert search(grey.astype(np.float32)).log10_chance(1) < -6
