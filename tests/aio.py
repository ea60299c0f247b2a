"""Runs a test's coroutine and fails when it leaves a task behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T], timeout: float = 30.0) -> T:
    async def checked() -> T:
        result = await asyncio.wait_for(coroutine, timeout)
        await asyncio.sleep(0.05)  # let what was cancelled finish
        leaked = asyncio.all_tasks() - {asyncio.current_task()}
        assert not leaked, f"tasks were left behind: {[task.get_name() for task in leaked]}"
        return result

    return asyncio.run(checked())


class VirtualClock(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to what is due next: waiting takes no time, and no load of
    the machine shows. For code without threads and sockets."""

    _ready: deque[asyncio.Handle]  # of asyncio's own, in private
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__()

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self._now = max(self._now, self._scheduled[0].when())
        super()._run_once()  # type: ignore[misc]


def run_virtual(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualClock) as runner:
        return runner.run(coroutine)


class Inline(Executor):
    """An executor without a thread, for a virtual clock: what it computes takes no time."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
