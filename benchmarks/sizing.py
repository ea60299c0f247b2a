"""How many machines do so many callers need? `python -m latentcam.benchmarks.sizing --sessions 500`

From what `latentcam.benchmarks.capacity` measured: the last line of its output, as a file, or the
number of calls that a machine of so many cores held. Room is left as `latentcam cluster` leaves it.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from latentcam.benchmarks.tools.machine_card import print_json
from latentcam.server.cluster.placement import wanted
from latentcam.server.webrtc.video_encoder import LEAST_START, MOST_BITS, START_BITS

SPARE = 0.25  # of all places
VOICE_BITS = 60_000  # bit/s: Opus as browsers send it, 40 kbit/s, and 50 packets a second
HEADERS = 1.05  # of video: RTP, SRTP, UDP and IP take 50 of some 1200 bytes


@dataclass(frozen=True)
class Measured:
    """calls: that the machine held; cores, gpus: that it has. Callers that ran on the same machine
    make it hold fewer than it could."""

    calls: int
    cores: int
    gpus: int = 0


@dataclass(frozen=True)
class Sizing:
    """per_gpu: 0 without one. mbit_s: that leaves, at the rate that a call begins with;
    most_mbit_s: on a perfect network."""

    per_core: float
    per_gpu: float
    replicas: int
    cores: int
    gpus: int
    mbit_s: float
    most_mbit_s: float


def sizing(measured: Measured, sessions: int, resolution: int, spare: float = SPARE) -> Sizing:
    """A replica is a machine such as was measured."""
    replicas = wanted(sessions, measured.calls, spare)
    pixels = resolution * resolution
    rates = max(LEAST_START, START_BITS * pixels), max(LEAST_START, MOST_BITS * pixels)
    usual, most = (sessions * (VOICE_BITS + HEADERS * rate) / 1e6 for rate in rates)
    return Sizing(
        per_core=round(measured.calls / measured.cores, 3),
        per_gpu=round(measured.calls / measured.gpus, 3) if measured.gpus else 0.0,
        replicas=replicas,
        cores=replicas * measured.cores,
        gpus=replicas * measured.gpus,
        mbit_s=round(usual, 1),
        most_mbit_s=round(most, 1),
    )


def measured_in(path: Path, gpus: int) -> Measured:
    """From the output of the benchmark, whose last line is JSON. Raises ValueError."""
    try:
        found = json.loads(path.read_text("utf-8").splitlines()[-1])
        calls, cores = int(found["places"]), int(found["card"]["cores"])
    except (OSError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} does not end with what latentcam.benchmarks.capacity prints: {error!r}"
        ) from None
    if calls < 1:
        raise ValueError(f"{path} says that the machine held no call at all")
    return Measured(calls, cores, gpus)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, required=True, help="at once, at the busiest time")
    parser.add_argument("--capacity", type=Path, help="output of latentcam.benchmarks.capacity")
    parser.add_argument("--calls", type=int, default=2, help="that a machine held")
    parser.add_argument("--cores", type=int, default=2, help="of that machine")
    parser.add_argument("--gpus", type=int, default=0, help="of that machine, if it drew with them")
    parser.add_argument("--resolution", type=int, default=256, help="of the pictures, pixels")
    parser.add_argument("--spare", type=float, default=SPARE, help="share of places kept free")
    args = parser.parse_args()
    if min(args.sessions, args.calls, args.cores, args.resolution) < 1 or not 0 <= args.spare < 1:
        parser.error(
            "--sessions, --calls, --cores and --resolution are at least 1, --spare below 1"
        )
    try:
        measured = (
            measured_in(args.capacity, args.gpus)
            if args.capacity
            else Measured(args.calls, args.cores, args.gpus)
        )
    except ValueError as error:
        parser.error(str(error))
    found = sizing(measured, args.sessions, args.resolution, args.spare)
    print(
        f"a core holds {found.per_core:g} calls"
        + (f", a GPU {found.per_gpu:g}" if found.per_gpu else "")
        + f"; {args.sessions} callers at once need {found.replicas} replicas, {found.cores} cores"
        + (f" and {found.gpus} GPUs" if found.gpus else "")
        + f", with {args.spare:.0%} of the places free; {found.mbit_s:g} Mbit/s leave, at most "
        f"{found.most_mbit_s:g}"
    )
    print_json({"benchmark": "sizing", **vars(found)})


if __name__ == "__main__":
    main()
