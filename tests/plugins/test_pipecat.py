"""A real pipeline of pipecat, its small-WebRTC transport, and a peer at the other end."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack
from tests.aio import run
from tests.plugins import checks
from tests.plugins.recipes import recipe
from tests.voice import speech

pytest.importorskip("pipecat", reason="pip install 'latentcam[pipecat]'")

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports audioop
    from pipecat.frames.frames import (
        InterruptionFrame,
        OutputImageRawFrame,
        TextFrame,
        TTSAudioRawFrame,
        TTSStoppedFrame,
    )
    from pipecat.tests.utils import SleepFrame, run_test
    from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection

    from latentcam.benchmarks.tools.pipecat_call import stage
    from latentcam.plugins.pipecat import FaceProcessor


def test_it_rests_in_silence_and_speaks_what_is_said(studio: AvatarPack) -> None:
    run(checks.silent_then_speaking(stage, studio, fps=25), timeout=120.0)


def test_interrupted_it_stops(studio: AvatarPack) -> None:
    run(checks.interrupted(stage, studio, fps=25, on_the_way=3), timeout=120.0)


def spoken(seconds: float, rate: int, channels: int = 1) -> TTSAudioRawFrame:
    pcm = np.repeat((speech(seconds, rate) * 32767).astype(np.int16), channels)
    return TTSAudioRawFrame(pcm.tobytes(), rate, channels)


def test_what_follows_speech_stays_behind_it_to_the_last_frame(studio: AvatarPack) -> None:
    """Text that overtook its sound would be taken for said when it was interrupted."""

    async def scene() -> None:
        engine = checks.engine_of(studio, 25)
        down, _ = await run_test(
            FaceProcessor(engine, "Nora"),
            frames_to_send=[
                spoken(0.4, 22050, 2), TextFrame("one"), spoken(0.4, 22050), TTSStoppedFrame(),
                TextFrame("two"),
            ],
            start_timeout=checks.PATIENCE,
        )  # fmt: skip
        kinds = [type(frame).__name__ for frame in down if not isinstance(frame, SleepFrame)]
        sounds = [i for i, kind in enumerate(kinds) if kind == "TTSAudioRawFrame"]
        one, two = (i for i, kind in enumerate(kinds) if kind == "TextFrame")
        assert sounds[0] < one < sounds[-1] < kinds.index("TTSStoppedFrame") < two
        played = b"".join(f.audio for f in down if isinstance(f, TTSAudioRawFrame))
        assert 0.8 <= len(played) / 2 / 24000 < 1.0, "all of it, at the pipeline's rate"
        assert any(isinstance(frame, OutputImageRawFrame) for frame in down)
        assert engine.sessions == 0
        await engine.aclose()

    run(scene(), timeout=120.0)


def test_an_interruption_drops_what_was_to_follow(studio: AvatarPack) -> None:
    async def scene() -> None:
        engine = checks.engine_of(studio, 25)
        down, _ = await run_test(
            FaceProcessor(engine, "Nora"),
            frames_to_send=[
                spoken(30.0, 24000), TextFrame("never said"), TTSStoppedFrame(), SleepFrame(0.5),
                InterruptionFrame(), SleepFrame(0.2), spoken(0.2, 24000), TextFrame("said"),
            ],
            start_timeout=checks.PATIENCE,
        )  # fmt: skip
        assert [frame.text for frame in down if isinstance(frame, TextFrame)] == ["said"]
        assert not any(isinstance(frame, TTSStoppedFrame) for frame in down)
        played = b"".join(f.audio for f in down if isinstance(f, TTSAudioRawFrame))
        assert len(played) / 2 / 24000 < 20.0
        await engine.aclose()

    run(scene(), timeout=120.0)


def test_there_is_no_face_before_the_pipeline(studio: AvatarPack) -> None:
    async def scene() -> None:
        engine = checks.engine_of(studio, 25)
        with pytest.raises(RuntimeError, match="before the pipeline is set up"):
            FaceProcessor(engine, "Nora").face  # noqa: B018
        with pytest.raises(ValueError, match="'Nobody' is neither one of"):
            FaceProcessor(engine, "Nobody")
        await engine.aclose()

    run(scene())


def test_the_recipe_makes_a_pipeline() -> None:
    async def scene() -> None:
        names, connection = recipe("pipecat"), SmallWebRTCConnection()
        engine = names["new_engine"](places=1)
        assert names["agent"](engine, connection, []) is not None
        await connection.disconnect()
        await engine.aclose()

    run(scene(), timeout=120.0)
