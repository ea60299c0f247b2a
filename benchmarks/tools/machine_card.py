"""What machine is this? Every benchmark prints this card first; figures without it mean nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from latentcam.server.commands.serving import cores

PACKAGES = ("latentcam", "numpy", "openvino", "torch", "aiortc", "av")


def machine_card() -> dict[str, str]:
    """Name -> value, all strings."""
    card = {
        "cpu": _cpu(),
        "cores": str(cores()),
        "units": " ".join(
            u for u in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if u in _flags()
        ),
        "gpu": _said_by("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"),
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
    card["commit"] = _said_by("git", "-C", str(root), "describe", "--always", "--dirty")
    return card


def _said_by(*command: str) -> str:
    """What a program prints; "unknown" where it fails or is missing."""
    if shutil.which(command[0]) is None:
        return "unknown"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return " ".join(done.stdout.split()) or "unknown"


def as_json(found: dict[str, Any]) -> str:
    """One line. NaN, which JSON lacks, is null."""
    return msgspec.json.encode(found, enc_hook=_plain).decode()


def print_json(found: dict[str, Any]) -> None:
    """The last line of every benchmark."""
    print(as_json(found), flush=True)


def _plain(number: Any) -> Any:
    return number.item()  # one of numpy's


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
