"""How large is an installation, how long does it take, and which package is it?

    python -m latentcam.benchmarks.install
    python -m latentcam.benchmarks.install --source . --extra camera

Without --source, it measures the environment it runs in: latentcam and everything it needs. With
it, a fresh environment is made, filled by pip, timed and removed; what is in pip's cache is not
downloaded again. There is no ceiling to compare with except the largest packages, which the table
names.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json

LEAST = 1.0  # MB; smaller packages are one row
REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def sizes(extras: Iterable[str], path: list[str] | None = None) -> dict[str, float]:
    """Package -> MB on disk, of latentcam and what it needs, the largest first.

    path: where packages lie; as this process finds them unless given.
    """
    found = list(metadata.distributions(path=path) if path else metadata.distributions())
    by_name = {normal(one.metadata["Name"]): one for one in reversed(found)}
    wanted, seen = ["latentcam"], set[str]()
    while wanted:
        name = wanted.pop()
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        asked = set(extras) if name == "latentcam" else set()
        for line in by_name[name].requires or ():
            requirement = REQUIREMENT.match(line)
            extra = re.search(r"""extra == ["']([^"']+)["']""", line)
            if requirement and (extra is None or extra[1] in asked):
                wanted.append(normal(requirement[0]))
    megabytes = {name: sum(map(size, by_name[name].files or ())) / 1e6 for name in seen}
    return dict(sorted(megabytes.items(), key=lambda item: -item[1]))


def size(file: metadata.PackagePath) -> int:
    """Bytes; compiled bytecode, which pip writes, too."""
    path = Path(str(file.locate()))
    return path.stat().st_size if path.is_file() else 0


def normal(name: str) -> str:
    """As PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def install(source: str, extras: list[str]) -> tuple[float, dict[str, float]]:
    """Seconds of pip, and the sizes. Raises CalledProcessError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True, symlinks=sys.platform != "win32")
        python = Path(folder) / ("Scripts/python" if sys.platform == "win32" else "bin/python")
        what = f"{source}[{','.join(extras)}]" if extras else source
        begun = time.perf_counter()
        subprocess.run([python, "-m", "pip", "install", "--quiet", what], check=True)
        seconds = time.perf_counter() - begun
        packages = [str(path) for path in Path(folder).rglob("site-packages")]
        return seconds, sizes(extras, packages)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", help="a checkout or a requirement, to be installed afresh")
    parser.add_argument("--extra", nargs="*", default=[], help="of latentcam's extras, which")
    args = parser.parse_args()
    card = machine_card()
    print_card(card)
    if args.source:
        seconds, found = install(args.source, args.extra)
        print(f"\ninstalled in {seconds:.0f} s")
    else:
        seconds, found = None, sizes(args.extra)
    total = sum(found.values())
    print(f"\n{total:.0f} MB in {len(found)} packages")
    for name, megabytes in found.items():
        if megabytes >= LEAST:
            print(f"{megabytes:8.1f}  {name}")
    print(f"{sum(m for m in found.values() if m < LEAST):8.1f}  others")
    rounded = {name: round(megabytes, 2) for name, megabytes in found.items()}
    print_json(
        {"benchmark": "install", "total_mb": round(total, 1), "seconds": seconds, "mb": rounded,
         "card": card}
    )  # fmt: skip


if __name__ == "__main__":
    main()
