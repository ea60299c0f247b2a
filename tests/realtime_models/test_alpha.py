"""Pictures with alpha before a background."""

from __future__ import annotations

import numpy as np
import pytest

from latentcam.realtime_models.alpha import composite, straight

EDGE = np.linspace(0, 1, 256)


def hair(colour: tuple[int, int, int]) -> np.ndarray:
    """An edge from nothing to one colour, as a decoder gives it: uint8 [1, 256, 4]."""
    picture = np.concatenate([EDGE[:, None] * colour, EDGE[:, None] * 255], axis=1)
    return np.asarray(np.round(picture)[None], np.uint8)


@pytest.mark.parametrize("behind", [(0, 177, 64), (255, 255, 255), (0, 0, 0)])
@pytest.mark.parametrize("colour", [(30, 20, 15), (240, 230, 220)])
def test_an_edge_is_a_mixture_of_both_sides_and_no_halo(
    colour: tuple[int, int, int], behind: tuple[int, int, int]
) -> None:
    (seen,) = composite(hair(colour), behind).astype(int)
    mixture = EDGE[:, None] * colour + (1 - EDGE[:, None]) * behind
    assert np.abs(seen - mixture).max() <= 1.0
    low, high = np.minimum(colour, behind), np.maximum(colour, behind)
    assert (seen >= low).all() and (seen <= high).all()
    np.testing.assert_array_equal(seen[[0, -1]], [behind, colour])


def test_every_alpha_before_every_level_is_the_formula() -> None:
    alpha, behind = np.mgrid[:256, :256].astype(np.uint8)
    picture = np.stack([alpha // 2, alpha, np.zeros_like(alpha), alpha], axis=2)
    seen = composite(picture, np.stack([behind] * 3, axis=2))
    exact = picture[..., :3] + (1 - alpha[..., None] / 255) * behind[..., None]
    assert np.abs(seen - exact).max() <= 0.5 + 1e-9 and seen.dtype == np.uint8


def test_a_picture_without_alpha_hides_what_is_behind() -> None:
    picture = np.full((2, 2, 3), 7, np.uint8)
    np.testing.assert_array_equal(composite(picture, (255, 0, 0)), picture)


def disc(colour: tuple[int, int, int], size: int = 64) -> np.ndarray:
    """A soft one before nothing, as a decoder gives it."""
    y, x = np.mgrid[:size, :size] - size / 2 + 0.5
    alpha = np.clip((size / 3 - np.hypot(y, x)) / 4 + 0.5, 0, 1)[..., None]
    picture = np.concatenate([alpha * colour, alpha * 255], axis=2)
    return np.asarray(np.round(picture), np.uint8)


def test_straight_colours_are_those_before_alpha_multiplied_them() -> None:
    """Also where nothing is, from which an encoder's blocks would take black."""
    picture = disc((210, 140, 60))
    whole = straight(picture)
    assert whole.shape == picture.shape and whole.dtype == np.uint8
    np.testing.assert_array_equal(whole[..., 3], picture[..., 3])
    assert np.abs(whole[..., :3].astype(int) - (210, 140, 60)).max() <= 6
    again = whole[..., :3] * (whole[..., 3:] / 255)
    assert np.abs(again - picture[..., :3]).max() <= 1.5


def test_what_is_nowhere_is_black_and_what_is_whole_stays() -> None:
    nothing = np.zeros((8, 8, 4), np.uint8)
    np.testing.assert_array_equal(straight(nothing), nothing)
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 4)).astype(np.uint8)
    noise[..., 3] = 255
    np.testing.assert_array_equal(straight(noise), noise)
