"""What every plugin must do, whatever the framework: asked of its real parts, in real time.

No check looks at the clock: pictures are counted, and events awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

import latentcam
from latentcam.benchmarks.tools.mouths import Lips, MouthDecoder, Recording
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.engine import Engine
from latentcam.stream.talking import TalkingFace
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_file import read_voice

SPEECH = Path(latentcam.__file__).parent / "client_demo" / "sample.mp3"
OPEN, SHUT = 0.2, 0.03  # of the jaw
PATIENCE = 60.0  # seconds, on a busy machine


class Stage(Protocol):
    face: TalkingFace
    recording: Recording
    rate: int

    async def say(self, sound: NDArray[np.float32]) -> None: ...
    async def interrupt(self) -> None: ...


OpenStage = Callable[[Engine, str], AbstractAsyncContextManager[Stage]]


def engine_of(pack: AvatarPack, fps: int) -> Engine:
    return Engine(Avatar(pack, MouthDecoder(pack, "Nora")), Performer(pack), Timeline(fps), 1)


def real_speech(rate: int) -> NDArray[np.float32]:
    return np.concatenate(list(read_voice(SPEECH, rate)))


async def seen(stage: Stage, count: int) -> list[float]:
    """How far the mouth is open in the next pictures."""
    first = len(stage.recording.pictures)
    async with asyncio.timeout(PATIENCE):
        while len(stage.recording.pictures) < first + count:
            await asyncio.sleep(0.01)
    return [opened for _, opened in stage.recording.pictures[first : first + count]]


async def until_open(stage: Stage) -> None:
    while (await seen(stage, 1))[0] < OPEN:
        pass


def heard(stage: Stage, first: int = 0) -> NDArray[np.float32]:
    return np.concatenate([samples for _, samples in stage.recording.sound[first:]])


async def silent_then_speaking(open_stage: OpenStage, pack: AvatarPack, fps: int) -> None:
    """Lips rest in silence, open with speech that is heard, and rest again behind it."""
    engine = engine_of(pack, fps)
    async with open_stage(engine, "Nora") as stage:
        stage.face.settings = Settings(life=0.0)
        assert max(await seen(stage, fps)) < SHUT
        voice = real_speech(stage.rate)[: 4 * stage.rate]
        await stage.say(voice)
        opened = await seen(stage, 4 * fps)
        assert max(opened) > OPEN and np.std(opened) > 0.05
        while (await seen(stage, 1))[0] > SHUT or np.abs(stage.recording.sound[-1][1]).max() > 1e-3:
            pass
        assert max(await seen(stage, fps)) < SHUT
        # A busy machine tears holes into sound that goes over a network: some of it is whole.
        lips, quarter = Lips(pack, heard(stage), stage.rate), stage.rate // 4
        pieces = [voice[k : k + quarter] for k in range(0, len(voice) - quarter, quarter)]
        everywhere = len(lips.voice) / stage.rate
        assert any(lips.locate(piece, 0.0, everywhere) is not None for piece in pieces)
    await engine.aclose()


async def interrupted(
    open_stage: OpenStage, pack: AvatarPack, fps: int, on_the_way: int = 0
) -> None:
    """Amid a sentence: the mouth is shut within two pictures, and what waited is never heard.
    on_the_way: pictures that a network may hold, between its encoder and the viewer's decoder."""
    engine = engine_of(pack, fps)
    async with open_stage(engine, "Nora") as stage:
        stage.face.settings = Settings(life=0.0)
        voice = real_speech(stage.rate)
        await stage.say(np.concatenate([voice] * 3))
        await until_open(stage)
        await stage.interrupt()
        after = await seen(stage, 3 * fps)
        assert max(after[2 + on_the_way :]) < SHUT, after[:8]
        sounds = len(stage.recording.sound)
        await seen(stage, fps)
        assert np.abs(heard(stage, sounds)).max() < 1e-3
        await stage.say(voice)
        await until_open(stage)
    await engine.aclose()
