"""Ends threads without holding the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor


async def finish(executor: ThreadPoolExecutor) -> None:
    """Wait for what the executor still computes, then let its threads go. May be called twice.

    Waits in a thread of its own: the loop's default executor is aiortc's, which encodes there.
    Cancelled: the threads end all the same, when they have computed what they were asked for.
    """
    waiting = ThreadPoolExecutor(1, "finish")
    try:
        await asyncio.get_running_loop().run_in_executor(waiting, executor.shutdown)
    finally:
        waiting.shutdown(wait=False)
