from __future__ import annotations

import numpy as np
import pytest

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.eager import EagerDecoder
from latentcam.realtime_models.generator.basis import global_pca


@pytest.fixture
def avatar(tiny_pack: AvatarPack) -> Avatar:
    return Avatar(tiny_pack, EagerDecoder(tiny_pack))


def test_latents_move_linearly_and_x_is_clamped(avatar: Avatar) -> None:
    anchor, basis = avatar.anchor("Ada"), avatar.basis
    column = [axis.name for axis in basis.axes].index("jawOpen")
    half = basis.move(anchor, basis.control({"jawOpen": 0.5}))
    np.testing.assert_allclose(half - anchor, 0.5 * basis.matrix[:, :, column], atol=1e-6)
    full = basis.move(anchor, basis.control({"jawOpen": 1.0}))
    beyond = basis.move(anchor, basis.control({"jawOpen": 9.0}))
    np.testing.assert_array_equal(full, beyond)
    assert basis.clamp(basis.control({"headYaw": -99.0})).min() == -25.0


def test_an_unknown_axis_is_an_error(avatar: Avatar) -> None:
    with pytest.raises(KeyError, match="wings"):
        avatar.basis.control({"wings": 1.0})


def test_identities_by_name_and_by_seed(avatar: Avatar) -> None:
    np.testing.assert_array_equal(avatar.anchor("ada"), avatar.anchor("Ada"))
    assert not np.allclose(avatar.anchor("1"), avatar.anchor("2"))
    np.testing.assert_array_equal(avatar.anchor("7"), avatar.anchor("7"))
    for bad in ("Eve", "-1", "1.5", "", "9" * 30, "٣"):
        with pytest.raises(ValueError, match="neither one of Ada, Bo nor a whole number"):
            avatar.anchor(bad)


def test_global_pca_finds_the_directions_of_most_variance() -> None:
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    scales = np.array([5.0, 2.0, 1.0, 0.1, 0.1, 0.1])
    w = (rng.standard_normal((20_000, 6)) * scales) @ rotation.T
    found = global_pca(w.astype(np.float32), 2)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), scales[:2], rtol=0.03)
    for i in range(2):
        cosine = found[:, i] @ rotation[:, i] / np.linalg.norm(found[:, i])
        assert abs(cosine) > 0.99
    with pytest.raises(ValueError, match="expected more than 2"):
        global_pca(w[:2].astype(np.float32), 2)
