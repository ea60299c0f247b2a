"""Ends threads without holding the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor


async def finish(executor: ThreadPoolExecutor) -> None:
    """Wait for what the executor is still computing, then end its threads. May be called twice.

    Waits in a thread of its own: the loop's default executor is aiortc's, which encodes there.
    If cancelled, the threads still end once they have finished their work.
    """
    waiting = ThreadPoolExecutor(1, "finish")
    try:
        await asyncio.get_running_loop().run_in_executor(waiting, executor.shutdown)
    finally:
        waiting.shutdown(wait=False)
