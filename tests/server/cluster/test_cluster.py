"""`latentcam cluster` as a process, with real replicas and real calls; needs Ray."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from latentcam.server.cluster.placement import STALE
from tests.aio import run
from tests.peers import Caller
from tests.server.test_whip import AS_FRAGMENT, Publisher, watch
from tests.tiny import write_pack
from tests.voice import speech

pytest.importorskip("ray", reason="pip install 'latentcam[cluster]'")
pytestmark = pytest.mark.slow

FPS = 10  # enough to count, and as little as can be of the machine that Ray works on, too
TICK = 90_000 // FPS
VOICE = speech(1.0, 48000)
REPLICA = "ray::ServeReplica"


@contextlib.contextmanager
def cluster(pack: Path, *options: str) -> Iterator[tuple[int, int]]:
    """`latentcam cluster` on a free port. Yields its port and process number."""
    command = [
        sys.executable, "-m", "latentcam", "cluster", "--avatar", str(pack), "--cpus", "1",
        "--port", "0", "--fps", str(FPS), *options,
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if k != "LATENTCAM_TOKEN"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.fullmatch(
                r"latentcam: http://127\.0\.0\.1:(\d+)\n", process.stdout.readline()
            )
            assert found
            yield int(found[1]), process.pid
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130


def replicas_of(pid: int) -> list[psutil.Process]:
    processes = psutil.Process(pid).children(recursive=True)
    return [
        p
        for p in processes
        if p.status() != "zombie"
        and p.name().startswith("ray::Serve")
        and " ".join(p.cmdline()).startswith(REPLICA)
    ]


class Talker:
    """A page, as far as redialling goes: when its socket ends, it calls anew at once, and then
    after a second each."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.calls: list[Caller] = []
        self._socket: ClientConnection | None = None
        self.lost: list[float] = []
        """When a socket ended that this side had not closed."""

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            caller = Caller(VOICE, look=lambda _: None, again=True)
            self.calls.append(caller)
            try:
                self._socket = await caller.call(self._port)
                with contextlib.suppress(ConnectionClosed):
                    while True:
                        await self._socket.recv()
                self.lost.append(loop.time())
            except (OSError, AssertionError, ConnectionClosed):
                await asyncio.sleep(1.0)
            except asyncio.CancelledError:
                await asyncio.gather(*(call.aclose() for call in self.calls))
                raise

    @property
    def frames(self) -> list[tuple[int, float, Any]]:
        return self.calls[-1].frames


def missing(talker: Talker, since: float, until: float) -> int:
    """Ticks without a frame of their own, by the frames' time stamps."""
    pts = [pts for pts, at, _ in talker.frames if since <= at < until]
    assert len(pts) > 2
    return round((pts[-1] - pts[0]) / TICK) + 1 - len(pts)


@contextlib.asynccontextmanager
async def talking(port: int, count: int) -> AsyncIterator[list[tuple[Talker, asyncio.Task[None]]]]:
    """So many talkers who see their faces; they come one after another."""
    before = asyncio.all_tasks()
    here: list[tuple[Talker, asyncio.Task[None]]] = []
    try:
        for _ in range(count):
            here.append(await join(port))
        yield here
    finally:
        for talker in here:
            await leave(talker)
        await quiet(before)


async def quiet(before: set[asyncio.Task[Any]]) -> None:
    """Waits for what aioice still asks of a replica that does not answer any more, and ends what
    aiortc now and then leaves behind when the other side closes first."""
    if rest := asyncio.all_tasks() - before:
        _, late = await asyncio.wait(rest, timeout=30)
        for task in late:
            task.cancel()


async def join(port: int) -> tuple[Talker, asyncio.Task[None]]:
    talker = Talker(port)
    task = asyncio.create_task(talker.run())
    async with asyncio.timeout(60):
        while not (talker.calls and len(talker.frames) > 10):
            await asyncio.sleep(0.05)
            assert not task.done()
    return talker, task


async def leave(here: tuple[Talker, asyncio.Task[None]]) -> None:
    here[1].cancel()
    await asyncio.wait({here[1]})


async def ask(port: int, path: str) -> Any:
    async with httpx.AsyncClient(timeout=20) as http:
        return (await http.get(f"http://127.0.0.1:{port}{path}")).json()


async def until_spread(port: int, expected: list[int]) -> dict[str, int]:
    """Until each replica's calls are these, in any order. Returns them by replica."""
    async with asyncio.timeout(60):
        while True:
            replicas = (await ask(port, "/stats"))["replicas"]
            spread = {name: len(stats["sessions"]) for name, stats in replicas.items()}
            if sorted(spread.values()) == expected:
                return spread
            await asyncio.sleep(0.5)


def test_callers_of_a_dead_replica_call_again_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    """Prints how long that took: figures of a machine with nothing else to do."""

    async def scene(port: int, pid: int) -> None:
        loop = asyncio.get_running_loop()
        async with talking(port, 8) as here:
            await until_spread(port, [4, 4])
            begun = loop.time()
            await asyncio.sleep(10)
            killed = loop.time()
            replicas_of(pid)[0].kill()
            async with asyncio.timeout(60):
                while (
                    not all(talker.frames for talker, _ in here)
                    or sum(len(talker.lost) > 0 for talker, _ in here) < 4
                ):
                    await asyncio.sleep(0.1)
            await asyncio.sleep(max(3.0, killed + 10 - loop.time()))
            now = loop.time()
            hit = [talker for talker, _ in here if talker.lost]
            rest = [talker for talker, _ in here if not talker.lost]
            noticed = [talker.lost[0] - killed for talker in hit]
            again = [talker.frames[0][1] - killed for talker in hit]
            before = sum(missing(talker, begun, killed) for talker in rest)
            after = sum(missing(talker, killed, now) for talker in rest)
            ticks = len(rest) * FPS * 10
            print(
                f"\ncalls lost: {len(hit)}; noticed after {np.round(noticed, 2)} s, a face again "
                f"after {np.round(again, 2)} s; the others missed {before} of {ticks} ticks "
                f"before, {after} of {ticks} after"
            )
            assert len(hit) == len(rest) == 4
            assert all(len(talker.lost) == 1 for talker in hit)
            health = await ask(port, "/healthz")
            assert health["sessions"] == 8 and health["places"] >= 8

    pack = write_pack(tmp_path / "tiny")
    with cluster(pack, "--replicas", "2", "--max-sessions", "8") as (port, pid):
        run(scene(port, pid), 240)


def test_draining_loses_no_call(tmp_path: Path) -> None:
    async def scene(port: int) -> None:
        loop = asyncio.get_running_loop()
        async with talking(port, 4) as here:
            async with asyncio.timeout(60):  # four of four places: a replica is added
                while (await ask(port, "/healthz"))["replicas"] < 2:
                    await asyncio.sleep(0.5)
            here += [await join(port), await join(port)]
            await until_spread(port, [2, 4])
            for leaving in (*here[:3], here[4]):
                await leave(leaving)
                here.remove(leaving)
            await until_spread(port, [1, 1])
            begun = loop.time()
            await asyncio.sleep(20)  # by now one of them is drained
            now = loop.time()
            print(f"\nmissed {[missing(t, begun, now) for t, _ in here]} of {FPS * 20} ticks")
            assert all(talker.frames[-1][1] > now - 2 for talker, _ in here)
            newcomers = [await join(port), await join(port)]
            await until_spread(port, [1, 3])
            for old in here.copy():
                assert not old[0].lost
                await leave(old)
                here.remove(old)
            here += newcomers
            async with asyncio.timeout(60):
                while (health := await ask(port, "/healthz"))["replicas"] > 1:
                    await asyncio.sleep(0.5)
            assert health["sessions"] == 2
            assert not any(talker.lost for talker, _ in here)

    pack = write_pack(tmp_path / "tiny")
    options = ("--replicas", "1", "--most-replicas", "2", "--max-sessions", "4")
    with cluster(pack, *options, "--shrink-after", "3") as (port, _):
        run(scene(port), 240)


def test_a_stream_and_its_session_find_their_replica_and_a_full_cluster_says_so(
    tmp_path: Path,
) -> None:
    async def scene(port: int) -> None:
        address = f"http://127.0.0.1:{port}"
        before = asyncio.all_tasks()
        async with httpx.AsyncClient(base_url=address, timeout=30) as http:
            publisher = Publisher(http)
            answer = await publisher.publish("/whip/stage")
            location = answer.headers["location"]
            assert "~" in location
            trickled = {**AS_FRAGMENT, "If-Match": answer.headers["etag"]}
            for _ in range(4):  # either replica would have to be lucky four times
                patched = await http.patch(location, content="", headers=trickled)
                assert patched.status_code != 404, patched.text
            await asyncio.sleep(2 * STALE)  # by now every router knows the stream
            for _ in range(4):
                viewer, answer = await watch(http, "/whep/stage")
                assert (await http.delete(answer.headers["location"])).status_code == 200
                await viewer.aclose()
            assert (await http.delete(location)).status_code == 200
            assert (await http.delete(location)).status_code == 404
            await publisher.pc.close()

            callers = [Caller(VOICE, look=lambda _: None) for _ in range(3)]
            statuses = []
            for caller in callers:
                offer = {"type": "offer", "sdp": await caller.offer()}
                answer = await http.post("/offer", json=offer)
                statuses.append(answer.status_code)
                if answer.status_code == 200:
                    await caller.accept(answer.json()["sdp"])
                    await caller.until_frames(1, 60)
            assert statuses == [200, 200, 503]
            assert "all 1 places are taken" in answer.json()["error"]
            for caller in callers:
                await caller.aclose()
        await quiet(before)

    pack = write_pack(tmp_path / "tiny")
    with cluster(pack, "--replicas", "2", "--max-sessions", "1") as (port, _):
        run(scene(port), 240)
