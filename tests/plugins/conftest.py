from __future__ import annotations

import pytest

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack


@pytest.fixture(scope="session")
def studio() -> AvatarPack:
    """Its motion model hears; the tests draw only how far the mouth is open."""
    return load_pack(DEFAULT_PACK)
