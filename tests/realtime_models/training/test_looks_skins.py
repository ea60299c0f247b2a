"""What the skins had painted in: light, shadow, make-up."""

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.training.looks.skins import MAP, relit

F32 = NDArray[np.float32]
TONE = np.array([0.7, 0.5, 0.4], np.float32)


@pytest.fixture(scope="module")
def where() -> dict[str, F32]:
    """An atlas that is all face: 20 cm wide, 20 cm high, the eyes' line at its middle."""
    line = np.linspace(-0.1, 0.1, MAP, dtype=np.float32)
    x, z = np.meshgrid(line, -line)
    return {"x": x, "z": z, "face": np.ones((MAP, MAP), np.float32)}


def spot(where: dict[str, F32], x: float, z: float, radius: float) -> NDArray[np.bool_]:
    return (where["x"] - x) ** 2 + (where["z"] - z) ** 2 < radius**2


def test_painted_shadows_about_the_eyes_go_and_the_skin_elsewhere_stays(
    where: dict[str, F32],
) -> None:
    skin = np.tile(TONE, (MAP, MAP, 1))
    under_eye, forehead = spot(where, 0.031, -0.016, 0.006), spot(where, 0.03, 0.085, 0.002)
    skin[spot(where, 0.031, -0.012, 0.016)] = TONE * [0.8, 0.6, 0.4]  # orange and dark
    skin[forehead] *= 0.9  # a mole

    bare = relit(skin, where, TONE)

    painted, left = (np.abs(picture[under_eye] - TONE).mean() for picture in (skin, bare))
    assert left < 0.45 * painted
    around = bare[spot(where, 0.03, 0.085, 0.006) & ~forehead].mean()
    assert bare[forehead].mean() < 0.93 * around


def test_lids_are_bare_and_nostrils_are_not_black(where: dict[str, F32]) -> None:
    skin = np.tile(TONE, (MAP, MAP, 1))
    lid, nostril = spot(where, 0.0315, 0.0025, 0.008), spot(where, 0.008, -0.043, 0.003)
    skin[lid] = 0.1  # make-up
    skin[nostril] = 0.0

    bare = relit(skin, where, TONE)

    assert bare[lid].mean() > 0.8 * TONE.mean()
    assert bare[nostril].mean() > 0.3 * TONE.mean()
