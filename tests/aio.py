"""Runs a test's coroutine and fails when it leaves a task behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T], timeout: float = 30.0) -> T:
    async def checked() -> T:
        result = await asyncio.wait_for(coroutine, timeout)
        await asyncio.sleep(0.05)  # let what was cancelled finish
        leaked = asyncio.all_tasks() - {asyncio.current_task()}
        assert not leaked, f"tasks were left behind: {[task.get_name() for task in leaked]}"
        return result

    return asyncio.run(checked())
