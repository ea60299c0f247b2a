"""What measures the plugins: told apart what is known to be apart."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc.rtp import RtpPacket

from latentcam.benchmarks.plugins import GRACE, stop
from latentcam.benchmarks.tools.mouths import Lips, Recording
from latentcam.benchmarks.tools.viewer import Arrivals
from latentcam.benchmarks.tools.voice import talk
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_pack
from tests.aio import run_virtual

RATE, FPS = 16000, 25


@pytest.mark.parametrize("late", [-0.12, 0.0, 0.05])
def test_a_voice_that_is_late_by_so_much_is_found_to_be(late: float) -> None:
    begun, voice = 1000.0, talk(15.0, RATE)
    lips = Lips(load_pack(DEFAULT_PACK), voice, RATE)
    shown = np.arange(0.0, 15.0, 1 / FPS)
    opened = np.interp(shown + 0.5 / FPS, lips._moments, lips._opened)
    recording = Recording(
        [(begun + at, opening) for at, opening in zip(shown, opened, strict=True)],
        [(begun + late + k * 0.02, voice[k * 320 : (k + 1) * 320]) for k in range(750)],
    )
    found = recording.offsets(lips, 1 / FPS, begun)[:, 1]
    assert len(found) >= 2 and found == pytest.approx(np.full(len(found), late), abs=0.004)
    recording.cut(begun + 5.0)
    assert recording.pictures[-1][0] < begun + 5.0 > recording.sound[-1][0]


def test_a_stop_is_the_last_of_what_was_seen_and_heard() -> None:
    loud, quiet = np.full(480, 0.1, np.float32), np.zeros(480, np.float32)
    recording = Recording(
        [(9.9, 0.5), (10.02, 0.4), (10.06, 0.3), (10.1, 0.0), (10.0 + 1.5 * GRACE, 0.5)],
        [(9.98, loud), (10.04, loud), (10.06, quiet), (10.0 + 1.5 * GRACE, loud)],
    )
    assert stop(recording, 10.0) == pytest.approx((0.06, 0.04, 2))
    assert stop(recording, 10.2) == (0.0, 0.0, 0)


def test_a_line_is_laid_through_what_arrives() -> None:
    """Time stamps that run a tenth too slowly and begin anew at 2**32, one packet in ten that is
    late, and pts that are counted from the third frame: aiortc's begin at the first one that is
    whole, and to count from the first packet gave lips that were early by two frames."""

    async def scene() -> Arrivals:
        clock = Arrivals(90_000)
        for k in range(100):
            late = 0.03 * (k % 10 == 5)
            await asyncio.sleep(k / 25 + late - asyncio.get_running_loop().time())
            timestamp = (begun + round(k * 3600 * 0.9)) % (1 << 32)
            whole = k >= 2
            clock.packet(
                RtpPacket(sequence_number=k, timestamp=timestamp),
                (begun + 2 * 3240) % (1 << 32) if whole else None,
            )
        return clock

    begun = (1 << 32) - 7000
    clock = run_virtual(scene())
    assert clock.walls([0, 50 * 3240]) == pytest.approx([0.08, 2.08], abs=0.005)
