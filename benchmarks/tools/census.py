"""`serve` with stamped frames that says how many tasks it runs, and which threads: for each line on
its stdin, one of JSON on its stdout. `python -m latentcam.benchmarks.tools.census …` takes the
options of `serve`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import threading
from collections import Counter
from dataclasses import dataclass

import psutil

from latentcam.benchmarks.tools.served import Served
from latentcam.benchmarks.tools.stamp import stamp
from latentcam.server.commands import serve
from latentcam.stream.messages import Frame


@dataclass(frozen=True, slots=True)
class Census:
    """What a server's process has. rss: MiB. descriptors: handles, on Windows. threads: with those
    of libraries. named: Python's own, by their names without numbers."""

    rss: float
    descriptors: int
    threads: int
    tasks: int
    named: dict[str, int]


def census(server: Served) -> Census:
    """Of a server that runs this module. Waits for its answer."""
    pipes, process = server.process, psutil.Process(server.pid)
    assert pipes.stdin is not None and pipes.stdout is not None
    pipes.stdin.write("\n")
    pipes.stdin.flush()
    told = json.loads(pipes.stdout.readline())
    if sys.platform == "win32":
        many = process.num_handles()
    else:
        many = process.num_fds()
    rss = round(process.memory_info().rss / 2**20, 1)
    return Census(rss, many, process.num_threads(), **told)


def main() -> None:
    parser = serve.add(argparse.ArgumentParser)
    args = parser.parse_args()
    loops: list[asyncio.AbstractEventLoop] = []

    def met(frame: Frame) -> Frame:
        """Frames come by on the server's event loop."""
        if not loops:
            loops.append(asyncio.get_running_loop())
        return stamp(frame)

    def answer() -> None:
        for _ in sys.stdin:
            tasks = len(asyncio.all_tasks(loops[0])) if loops else 0
            names = Counter(re.sub(r"[\W\d]+", " ", t.name).strip() for t in threading.enumerate())
            print(json.dumps({"tasks": tasks, "named": names}), flush=True)

    threading.Thread(target=answer, name="census", daemon=True).start()
    serve.run(args, met)


if __name__ == "__main__":
    main()
