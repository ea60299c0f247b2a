"""A real stream of fastrtc, and a peer at the other end."""

from __future__ import annotations

import asyncio
import os
import warnings

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack
from tests.aio import run
from tests.plugins import checks
from tests.plugins.recipes import recipe
from tests.voice import speech

# Before fastrtc is imported, which imports Gradio, which else asks its makers' servers.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports warns
    pytest.importorskip("fastrtc", reason="pip install 'latentcam[gradio]'")
    from latentcam.benchmarks.tools.fastrtc_call import stage
    from latentcam.plugins.gradio import FaceHandler

pytestmark = pytest.mark.filterwarnings("ignore")  # of Gradio's own, many and changing


def test_it_rests_in_silence_and_speaks_what_is_said(studio: AvatarPack) -> None:
    run(checks.silent_then_speaking(stage, studio, fps=25), timeout=120.0)


def test_interrupted_it_stops(studio: AvatarPack) -> None:
    run(checks.interrupted(stage, studio, fps=25, on_the_way=3), timeout=120.0)


def test_a_visitor_gets_a_copy_with_a_face_of_its_own(studio: AvatarPack) -> None:
    async def scene() -> None:
        engine = checks.engine_of(studio, 25)
        first = FaceHandler(engine, "Nora", output_sample_rate=16000)
        second = first.copy()
        assert second.face is not first.face and second.output_sample_rate == 16000
        assert engine.sessions == 0, "nobody has called yet"
        emitted = await second.emit()
        assert emitted is not None
        rate, pcm = emitted
        assert rate == 16000 and pcm.shape == (1, 640) and not pcm.any()
        picture = await second.video_emit()
        assert picture.ndim == 3 and picture.flags.c_contiguous and engine.sessions == 1
        await second.shutdown()
        assert engine.sessions == 0 and await second.emit() is None
        await engine.aclose()

    run(scene())


def test_the_recipe_says_what_it_heard(studio: AvatarPack) -> None:
    async def scene() -> None:
        engine = checks.engine_of(studio, 25)
        parrot = recipe("gradio")["Parrot"](engine, "Nora").copy()
        for piece in (speech(1.0, 48000) * 32767).astype(np.int16).reshape(50, 1, 960):
            await parrot.receive((48000, piece))
        for _ in range(60):
            await parrot.receive((48000, np.zeros((1, 960), np.int16)))
        async with asyncio.timeout(checks.PATIENCE):
            while not np.any((await parrot.emit())[1]):
                pass
        await parrot.shutdown()
        await engine.aclose()

    run(scene())
