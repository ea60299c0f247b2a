"""A round of a target: so many cases of one seed, and what came of them."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.target import SEEDS, Target, Watch


@contextmanager
def watched(target: Target) -> Iterator[Watch]:
    """What the target needs, for any number of rounds."""
    with tempfile.TemporaryDirectory() as folder, target.opened(Path(folder)) as take:
        yield Watch(take, target.refusals)


def play(target: Target, watch: Watch, number: int, cases: int) -> None:
    """One round: the same cases for the same number. Raises the first fault, after looking for the
    smallest case that has it, which is then in `watch.failing`."""

    @hypothesis.seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,  # the watch has one
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(case=target.cases)
    def tried(case: bytes) -> None:
        watch(case)

    try:
        tried()
    except Exception as error:
        vars(error)["__notes__"] = []  # Hypothesis's holds the whole case
        if watch.failing is not None:
            case = watch.failing[1]
            error.add_note(
                f"by {len(case)} bytes, which begin with {case[:80]!r}; python -m tests.fuzz "
                f"--target {target.name} writes them to {SEEDS / target.name}"
            )
        raise


def keep(target: str, where: str, case: bytes) -> Path:
    """A case that failed, as a seed."""
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    words = re.sub(r"[^A-Za-z0-9_]+", "-", where).strip("-")[:80]
    path = folder / f"{words}-{hashlib.sha256(case).hexdigest()[:8]}"
    path.write_bytes(case)
    return path
