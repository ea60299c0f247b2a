"""What a target is, and the watch that is kept while a case of it is tried."""

from __future__ import annotations

import gc
import logging
import re
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil
from hypothesis.strategies import SearchStrategy

ROOT = Path(__file__).resolve().parents[2]
SEEDS = Path(__file__).parent / "seeds"

MOST_SECONDS = 20.0  # of CPU, for one case
MOST_MEMORY = 400 * 2**20  # bytes that one case may take beyond what was ever taken before
LONGEST_SENTENCE = 20_000  # characters
MOST_OUTCOMES = 1000  # kinds of outcomes that are told apart

Take = Callable[[bytes], str]
"""Hands a case to what is tried; returns in a few words what became of it."""


@dataclass(frozen=True)
class Target:
    """An entry for a stranger's bytes.

    cases: what is tried. opened: given an empty folder, what the entry needs, for many cases; gives
    what takes them. refusals: the errors by which the entry refuses a case, whose words are one
    sentence. round: cases of a round, of which there are some 10 000 for all targets together.
    """

    name: str
    cases: SearchStrategy[bytes]
    opened: Callable[[Path], AbstractContextManager[Take]]
    refusals: tuple[type[Exception], ...]
    round: int

    @property
    def seeds(self) -> list[Path]:
        """Files with a case each: what failed once."""
        return sorted((SEEDS / self.name).glob("*"))


class Fault(AssertionError):
    """What must not happen, although nothing was raised."""


class Watch:
    """Tries the cases of a target. outcomes: how often each kind of outcome came. failing: the
    newest case with a fault, and where that was; the smallest one after Hypothesis has shrunk it.
    known: faults by their places, that are counted and not raised any more."""

    def __init__(self, take: Take, refusals: tuple[type[Exception], ...]) -> None:
        self.take, self._refusals = take, refusals
        self._log = _Errors()
        self.outcomes: Counter[str] = Counter()
        self.failing: tuple[str, bytes] | None = None
        self.known: set[str] = set()

    def __call__(self, case: bytes) -> None:
        """Raises Fault, or what the entry raised and should not have."""
        try:
            outcome = self._tried(case)
        except Exception as error:
            outcome = f"fault: {place(error)}"
            self.failing = place(error), case
            if place(error) not in self.known:
                raise
        if outcome in self.outcomes or len(self.outcomes) < MOST_OUTCOMES:
            self.outcomes[outcome] += 1
        else:
            self.outcomes["others"] += 1

    def _tried(self, case: bytes) -> str:
        memory, descriptors = peak(), open_descriptors()
        with self._log.watched(), deadline(MOST_SECONDS):
            try:
                outcome = self.take(case)
            except self._refusals as error:
                outcome = f"{type(error).__name__}: {gist(one_sentence(str(error)))}"
        if (more := peak() - memory) > MOST_MEMORY:
            raise Fault(f"it took {more >> 20} MiB, expected at most {MOST_MEMORY >> 20}")
        if open_descriptors() > descriptors:
            gc.collect()  # what is in a circle is closed now
            if (left := open_descriptors() - descriptors) > 0:
                raise Fault(f"{left} descriptors are left open")
        return outcome


class _Errors(logging.Handler):
    """What the log tells of as an error while it is watched is a fault: what strangers send is
    none of ours, and asyncio reports there what nobody awaited."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        raised = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else ""
        self._told.append(f"{record.getMessage()}\n{raised}")

    @contextmanager
    def watched(self) -> Iterator[None]:
        root, self._told = logging.getLogger(), []
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)
        if self._told:
            raise Fault(f"the log tells of an error: {self._told[0]}")


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises Fault in the main thread after so much of this process's CPU time, which other
    programs do not shorten. Nothing on Windows, which lacks such a clock."""
    if sys.platform == "win32":
        yield
        return

    def late(number: int, frame: FrameType | None) -> None:
        raise Fault(f"it takes more than {seconds:.0f} s of CPU")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def one_sentence(text: str) -> str:
    """The text. Raises Fault unless a person can read it as one line."""
    if not text.strip() or len(text) > LONGEST_SENTENCE or len(text.splitlines()) > 1:
        raise Fault(f"the refusal is {text[:200]!r}, expected one sentence")
    return text


def gist(sentence: str) -> str:
    """A sentence without what it quotes, so that refusals of one kind look alike."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\[[^]]*\]", "…", sentence)
    return re.sub(r"\S*/\S+|\d[\d.e+-]*", "N", bare)[:80]


def place(error: BaseException) -> str:
    """Where an error was raised, in the innermost code of this repository, and of which kind."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).is_relative_to(ROOT) and f.name != "_tried"]
    if not ours:
        return type(error).__name__
    where = Path(ours[-1].filename).relative_to(ROOT).with_suffix("").as_posix()
    what = re.sub(r"\W+", "-", gist(str(error)).lower())[:40] if isinstance(error, Fault) else ""
    return f"{type(error).__name__} in {where.replace('/', '.')}, {ours[-1].name} {what}".strip()


def peak() -> int:
    """Bytes of memory that this process has taken at most, so far."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def open_descriptors() -> int:
    """Of this process; 0 on Windows, where handles come and go by themselves."""
    return 0 if sys.platform == "win32" else psutil.Process().num_fds()
