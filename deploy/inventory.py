"""What a wheel brings with it: a bill of materials (SBOM) and everybody's licences.

    python deploy/inventory.py dist/latentcam-0.2.0-py3-none-any.whl --out release

installs the wheel with its default dependencies into a fresh environment and writes `sbom.cdx.json`
(CycloneDX) and `licences.txt`: what each package says of itself, with the text of its licence. Both
hold for the system and the Python that this runs with. Needs `pip install ".[release]"`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path) -> None:
    done = subprocess.run(command)
    if done.returncode:
        sys.exit(f"inventory: {Path(command[0]).name} {command[1]} ended with {done.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", help="the file, or whatever pip installs")
    parser.add_argument("--out", type=Path, required=True, help="an existing folder")
    args = parser.parse_args()
    if not args.out.is_dir():
        parser.error(f"got --out {args.out}, expected a folder that exists")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, symlinks=sys.platform != "win32")  # without pip, which nobody asked for
        python = Path(folder) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", args.wheel)
        run(
            sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible",
            "--pyproject", ROOT / "pyproject.toml", "--mc-type", "application",
            "--output-file", args.out / "sbom.cdx.json", python,
        )  # fmt: skip
        run(
            sys.executable, "-m", "piplicenses", f"--python={python}", "--from=mixed",
            "--with-urls", "--with-license-file", "--no-license-path", "--format=plain-vertical",
            "--order=license", f"--output-file={args.out / 'licences.txt'}",
        )  # fmt: skip


if __name__ == "__main__":
    main()
