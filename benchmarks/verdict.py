"""What a report's figures mean for somebody who wants to know whether it works."""

from __future__ import annotations

import math
from typing import Any

LIVE = 0.8  # of the time until the next picture is due that decoding may take


def verdict(found: dict[str, Any]) -> list[str]:
    """Sentences, the most important first. found: what `report.write_report` measured."""
    return [calls(found), face(found), file(found["pipeline"])]


def calls(found: dict[str, Any]) -> str:
    """Whether the rate holds, and for how many at once."""
    fps, places = found["fps"], found["capacity"]["places"]
    tried = len(found["capacity"]["steps"])
    if places == 0:
        picture = found["picture"]
        fits = int(LIVE * 1000 / picture["p95_ms"])
        advice = f"--fps {fits} would leave it time" if 1 <= fits < fps else "close other programs"
        return (
            f"{fps} pictures a second: no. One takes {picture['p95_ms']:.0f} ms at times, and is "
            f"due every {1000 / fps:.0f} ms: {advice}."
        )
    at_once = "1 call" if places == 1 else f"{places} calls at once"
    more = ", and perhaps more: --most tries them" if places == tried else ""
    return f"{fps} pictures a second: yes, for {at_once}{more}."


def face(found: dict[str, Any]) -> str:
    """How late the face is, in a call on this machine."""
    age = found["scenes"]["loopback"]["age"]["p50_ms"]
    if math.isnan(age):
        return "A call on this machine showed no picture."
    return f"In a call on this machine, the face follows the voice {age:.0f} ms later (median)."


def file(pipeline: dict[str, Any]) -> str:
    """How long a film takes, against how long it plays."""
    times = pipeline["times_real_time"]
    minute = 60 / times if times else math.inf
    if times >= 1:
        return f"A film of one minute is rendered in {minute:.0f} s, {times:g} times real time."
    return f"A film of one minute takes {minute:.0f} s to render: slower than real time."
