"""How numbers that come from outside are refused."""

from __future__ import annotations


def within(what: str, value: float, low: float, high: float) -> None:
    """Raises ValueError unless low <= value <= high; NaN is not."""
    if not low <= value <= high:
        raise ValueError(f"{what} is {value:g}, expected {low:g} to {high:g}")
