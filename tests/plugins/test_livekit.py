"""LiveKit's own runner, sources, synchroniser and tracks, without a server."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack
from tests.aio import run
from tests.plugins import checks
from tests.plugins.recipes import recipe
from tests.voice import speech

pytest.importorskip("livekit.agents", reason="pip install 'latentcam[livekit]'")

from livekit import rtc  # noqa: E402
from livekit.agents.voice.avatar import AudioSegmentEnd  # noqa: E402

from latentcam.benchmarks.tools.livekit_room import LocalRoom, stage  # noqa: E402
from latentcam.plugins.livekit import FaceGenerator  # noqa: E402


def test_it_rests_in_silence_and_speaks_what_is_said(studio: AvatarPack) -> None:
    run(checks.silent_then_speaking(stage, studio, fps=25), timeout=120.0)


def test_interrupted_it_stops(studio: AvatarPack) -> None:
    run(checks.interrupted(stage, studio, fps=25), timeout=120.0)


def test_the_agent_is_told_when_it_was_heard_and_how_far(studio: AvatarPack) -> None:
    async def scene() -> None:
        engine = checks.engine_of(studio, 25)
        async with stage(engine, "Nora") as agent, asyncio.timeout(checks.PATIENCE):
            await agent.say(speech(1.0, agent.rate))
            while not agent.finished:
                await checks.seen(agent, 1)
            assert not agent.finished[0].interrupted
            assert agent.finished[0].playback_position == pytest.approx(1.06, abs=0.05)
            await agent.say(speech(20.0, agent.rate))
            await checks.until_open(agent)
            await agent.interrupt()
            while len(agent.finished) < 2:
                await checks.seen(agent, 1)
            assert agent.finished[1].interrupted and agent.finished[1].playback_position < 20.0
        await engine.aclose()

    run(scene(), timeout=120.0)


def test_any_rate_goes_in_and_the_end_comes_behind_the_last_of_it(studio: AvatarPack) -> None:
    async def scene() -> None:
        engine = checks.engine_of(studio, 25)
        generator, sound, segments = FaceGenerator(engine, "Nora", 16000), 0, 0
        pcm = np.repeat((speech(0.5, 48000) * 32767).astype(np.int16), 2)  # both channels
        await generator.push_audio(rtc.AudioFrame(pcm.tobytes(), 48000, 2, len(pcm) // 2))
        await generator.push_audio(AudioSegmentEnd())
        async for frame in generator:
            if isinstance(frame, rtc.AudioFrame):
                assert not segments and frame.sample_rate == 16000
                sound += frame.samples_per_channel
            elif isinstance(frame, AudioSegmentEnd):
                segments += 1
                generator.face.close()
        assert 0.5 <= sound / 16000 < 0.65 and segments == 2, "the second by closing"
        await engine.aclose()

    run(scene())


def test_the_recipe_gives_a_session_its_face() -> None:
    class Session:
        """As much of LiveKit's as the recipe asks for; it cannot run without a server."""

        def __init__(self) -> None:
            self.output = SimpleNamespace(audio=None)
            self.said: list[str] = []

        async def start(self, agent: Any, room: Any) -> None:
            assert self.output.audio is not None, "else the room would get the bare voice"

        async def generate_reply(self, instructions: str) -> None:
            self.said.append(instructions)

    async def scene() -> None:
        names = recipe("livekit")
        names["AgentSession"] = Session
        closing: list[Any] = []

        async def connect() -> None:
            pass

        room = LocalRoom()
        await names["entrypoint"](
            SimpleNamespace(room=room, connect=connect, add_shutdown_callback=closing.append)
        )
        async with asyncio.timeout(checks.PATIENCE):
            await room.both.wait()
        await closing[0]()

    run(scene(), timeout=120.0)
