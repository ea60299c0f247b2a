"""What machine is this? Every benchmark prints this card first; figures without it mean nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("latentcam", "numpy", "openvino", "torch", "aiortc", "av")


def machine_card() -> dict[str, str]:
    """Name -> value, all strings."""
    card = {
        "cpu": _cpu(),
        "cores": str(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ),
        "units": " ".join(
            u for u in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if u in _flags()
        ),
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            card[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            card[package] = "not installed"
    root = Path(__file__).resolve().parent
    commit = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    card["commit"] = commit.stdout.strip() or "unknown"
    return card


def print_card(card: dict[str, str]) -> None:
    for name, value in card.items():
        print(f"{name:>10}  {value}")


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def _cpu() -> str:
    for line in _cpuinfo().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _flags() -> set[str]:
    for line in _cpuinfo().splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()
