"""Leads a person through what a command still needs, a step at a time, and looks again by itself.

It says what to do and opens the page where that is done when it is asked to. It changes nothing.
"""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from latentcam.stream.errors import DeviceError

LOOK_EVERY = 2.0  # seconds
KEYS_EVERY = 0.1  # seconds, where the system cannot wait for a key


@dataclass(frozen=True, slots=True)
class Step:
    """Something that must be there.

    look: raises DeviceError, which says what is wrong, as long as it is not. how: what a person
    does about it, in order; if empty, the error's own command. page: where it is done: an address,
    or a page of the system's settings. optional: whether it may be skipped.
    """

    name: str
    look: Callable[[], None]
    how: tuple[str, ...] = ()
    page: str | None = None
    optional: bool = False


def missing(step: Step) -> DeviceError | None:
    try:
        step.look()
    except DeviceError as error:
        return error
    return None


def lead(
    steps: Sequence[Step],
    say: Callable[[str], None],
    answer: Callable[[float], str | None],
    open_page: Callable[[str], None],
) -> None:
    """Until every step is there or, if optional, skipped.

    answer: waits so many seconds for a line that a person types; None if there is none.
    """
    for number, step in enumerate(steps, 1):
        title = f"Step {number} of {len(steps)}, {step.name}"
        wrong = missing(step)
        if wrong is None:
            say(f"{title}: done.")
            continue
        say(f"{title}: {wrong.found}.")
        _tell(step.how or commands(wrong), say)
        offers = [f"Enter opens {step.page}"] if step.page else []
        offers += ["s and Enter skip this step"] if step.optional else []
        say("; ".join(["This looks again every two seconds", *offers, "Ctrl-C ends."]))
        told = wrong.found
        while (wrong := missing(step)) is not None:
            if wrong.found != told:  # one thing is done, and another is missing
                told = wrong.found
                say(f"Now: {told}.")
                _tell(commands(wrong), say)
            typed = answer(LOOK_EVERY)
            if typed == "s" and step.optional:
                say("Skipped.")
                break
            if typed == "" and step.page:
                open_page(step.page)
        else:
            say("Done.")


def _tell(lines: Sequence[str], say: Callable[[str], None]) -> None:
    for line in lines:
        say(f"    {line}")


def commands(wrong: DeviceError) -> tuple[str, ...]:
    """The commands that mend it, one a line."""
    return ("In another terminal:", *wrong.mend.split(" && ")) if wrong.mend else ()


def typed_within(seconds: float) -> str | None:
    """A line that is typed into this terminal, without its end; None if none comes in time."""
    if sys.platform == "win32":
        import msvcrt

        end = time.monotonic() + seconds
        while not msvcrt.kbhit():
            if time.monotonic() > end:
                return None
            time.sleep(KEYS_EVERY)
        return sys.stdin.readline().strip()
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    if not ready:
        return None
    line = sys.stdin.readline()
    if not line:  # closed: it would be ready for ever
        time.sleep(seconds)
        return None
    return line.strip()
