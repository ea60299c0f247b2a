"""Style mixing by bands of resolutions, and paths between latents."""

from __future__ import annotations

import numpy as np
import pytest

from latentcam.realtime_models.generator.layers import official, stylegan2
from latentcam.realtime_models.generator.mixing import (
    BANDS,
    around,
    between,
    eased,
    mixed,
    rows_of,
)


def test_every_row_is_in_one_band() -> None:
    ours = stylegan2(
        z_dim=8, w_dim=4, mapping_layers=1, resolution=256, channel_base=256, channel_max=8
    )
    theirs = official(
        z_dim=8, w_dim=4, mapping_layers=1, widths={4 << i: 4 for i in range(7)}
    )  # fmt: skip
    for config in (ours, theirs):
        rows = [row for band in BANDS for row in rows_of(config, band)]
        assert rows == list(range(config.num_ws)), "in order, each once"
        assert rows_of(config, "coarse") == [0, 1, 2]  # 4x4, and the two convolutions of 8x8
        assert rows_of(config, "middle") == [3, 4, 5, 6]
    a, b = np.zeros((14, 4), np.float32), np.ones((14, 4), np.float32)
    latent = mixed(theirs, a, b, "middle")
    assert latent[:, 0].tolist() == [0.0] * 3 + [1.0] * 4 + [0.0] * 7
    assert not a.any(), "the face that is mixed into is not changed"


def test_paths_begin_and_end_where_they_should() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 64)).astype(np.float32)
    for path in (between, around):
        np.testing.assert_allclose(path(a, b, 0.0), a, atol=1e-5)
        np.testing.assert_allclose(path(a, b, 1.0), b, atol=1e-5)
    np.testing.assert_allclose(between(a, b, 0.25), 0.75 * a + 0.25 * b, atol=1e-6)


def test_arcs_keep_their_distance_from_the_centre() -> None:
    """The straight line between two samples of N(0, I) passes where no samples are."""
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 256)).astype(np.float32)
    shares = np.linspace(0, 1, 9)
    arc = [np.linalg.norm(around(a, b, share)) for share in shares]
    assert min(arc) > 0.97 * min(np.linalg.norm(a), np.linalg.norm(b))
    assert np.linalg.norm(between(a, b, 0.5)) < 0.8 * arc[4]
    steps = [np.linalg.norm(around(a, b, s + 1 / 8) - around(a, b, s)) for s in shares[:-1]]
    assert max(steps) / min(steps) < 1.1
    np.testing.assert_array_equal(around(a, a, 0.5), a)


def test_an_eased_path_begins_and_ends_at_rest() -> None:
    assert (eased(0.0), eased(0.5), eased(1.0)) == (0.0, 0.5, 1.0)
    assert eased(0.01) < 0.001 and 1 - eased(0.99) < 0.001
    assert eased(0.51) - eased(0.5) == pytest.approx(0.015, rel=0.01)
