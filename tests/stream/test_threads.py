"""Threads end when they have computed, and nobody else's executor is used for it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.stream.threads import finish
from tests.aio import run
from tests.stream.test_session import FakeDecoder, make_engine


def test_an_engine_closes_without_the_executor_that_encodes(tiny_pack: AvatarPack) -> None:
    """It waited in the loop's default executor, which aiortc keeps busy with everybody's video."""

    async def scene() -> None:
        busy, loop = threading.Event(), asyncio.get_running_loop()
        encoders = ThreadPoolExecutor(1)
        loop.set_default_executor(encoders)
        encoding = loop.run_in_executor(None, busy.wait)
        engine = make_engine(tiny_pack, FakeDecoder())
        await engine.warm_up()
        await engine.aclose()
        await engine.aclose()
        assert not encoding.done()
        busy.set()
        await encoding

    run(scene())


def test_the_loop_runs_on_while_a_thread_ends(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        hold, executor = threading.Event(), ThreadPoolExecutor(1)
        computing = asyncio.get_running_loop().run_in_executor(executor, hold.wait)
        ending = asyncio.create_task(finish(executor))
        given_up = asyncio.create_task(finish(executor))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert not ending.done()
        hold.set()
        await asyncio.gather(ending, computing)

    run(scene())
