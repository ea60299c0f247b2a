"""Which of several decoders draws: measured at the start, then by how long pictures take.

No clock, no thread: seconds come in, a choice goes out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from latentcam.stream.meter import percentile

BUDGET = 0.7  # of the time until the next picture is due; the rest is for the voice and the encoder
WINDOW = 25  # pictures that are judged together: a second of one session
SETTLING = 3  # pictures after a change that say nothing of it yet
LATE = 70  # percentile that is late when three of ten pictures are: then the next ones are skipped
CALM = 10.0  # seconds for which a finer picture must have been within the budget, to be tried
FAILED = 20.0  # seconds: a finer picture given up within them was a mistake, and calm takes longer
MOST_CALM = 320.0  # seconds, after one mistake upon another
GAP = 5.0  # seconds without a picture, after which what was before says nothing


def choose(seconds: Sequence[float], due: float) -> int:
    """The first that fits into the budget, or else the fastest.

    seconds: what a picture takes by each, the finest first. due: until the next one.
    """
    for index, each in enumerate(seconds):
        if each <= BUDGET * due:
            return index
    return min(range(len(seconds)), key=lambda index: seconds[index])


def why(names: Sequence[str], seconds: Sequence[float], due: float) -> str:
    """What `choose` chose, and the reason, in a sentence without its full stop."""
    index = choose(seconds, due)
    times = [f"{name} takes {1000 * s:.1f} ms" for name, s in zip(names, seconds, strict=True)]
    shown = times[0] if index == 0 else f"{times[0]}, {times[index]}"
    return f"{names[index]}: {shown}, and one is due every {1000 * due:.0f} ms"


class Stepping:
    """Steps to a coarser picture when many come late, rather than skip them, and back to a finer
    one after a calm while."""

    def __init__(self, seconds: Sequence[float], due: float) -> None:
        """seconds: what a picture takes by each decoder, the finest first, measured on a calm
        machine. due: from one picture to the next."""
        self._seconds, self._due = list(seconds), due
        self.index = choose(seconds, due)
        """Of the decoder that draws."""
        self._took: deque[float] = deque(maxlen=WINDOW)
        self._settling = 0
        self._last = self._calm_since = self._finer_since = float("-inf")
        self._calm = CALM

    def rendered(self, took: float, now: float) -> bool:
        """A picture came. Returns whether another decoder draws from now on.

        took: seconds from when it was asked for, waiting for others included.
        """
        if now - self._last > GAP:
            self._begin(now)
        self._last = now
        if self._settling:
            self._settling -= 1
            return False
        self._took.append(took)
        if len(self._took) < WINDOW:
            return False
        if self.index + 1 < len(self._seconds) and percentile(self._took, LATE) > self._due:
            mistaken = now - self._finer_since < FAILED
            self._calm = min(2 * self._calm, MOST_CALM) if mistaken else CALM
            return self._step(1, now)
        if self.index == 0 or percentile(self._took, 90) > self._easily():
            self._calm_since = now
        elif now - self._calm_since >= self._calm:
            self._finer_since = now
            return self._step(-1, now)
        return False

    def _easily(self) -> float:
        """Seconds that a picture may take now, for a finer one to be expected within the budget."""
        dearer = self._seconds[self.index - 1] / self._seconds[self.index]
        return BUDGET * self._due / max(1.0, dearer)

    def _step(self, by: int, now: float) -> bool:
        self.index += by
        self._begin(now)
        return True

    def _begin(self, now: float) -> None:
        self._took.clear()
        self._settling, self._calm_since = SETTLING, now
