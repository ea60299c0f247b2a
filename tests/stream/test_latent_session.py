"""Motion that leaves instead of pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np

from latentcam.stream.latent_session import LatentSession
from latentcam.stream.messages import Motion
from tests.aio import run


def test_every_motion_is_handed_on_in_order_until_the_source_ends() -> None:
    async def source() -> AsyncIterator[Motion]:
        for tick in range(5):
            yield Motion(tick, 0.0, np.full(3, tick, np.float32))

    sent: list[Motion] = []
    session = LatentSession(source(), sent.append, np.zeros((1, 1), np.float32))
    run(session.run())
    assert [motion.tick for motion in sent] == list(range(5))
    other = np.ones((1, 1), np.float32)
    session.morph(other, 2.0)
    assert session.anchor is other and session.skipped == 0
