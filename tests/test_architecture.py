"""Imports point one way: server -> stream -> realtime_models; heavy things stay in their rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Folder -> what its modules may not import, by first name or dotted prefix.
FORBIDDEN = {
    "realtime_models": (
        "latentcam.stream", "latentcam.server", "asyncio", "threading", "socket",
        "av", "aiortc", "starlette", "uvicorn",
    ),
    "stream": ("latentcam.server", "torch", "openvino", "aiortc", "starlette", "uvicorn", "http"),
    "server": ("torch", "openvino", "latentcam.benchmarks"),
}  # fmt: skip
TRAINING = "realtime_models/training"


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module)
    return found


def modules(folder: str) -> list[Path]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    return paths


def hits(names: set[str], forbidden: tuple[str, ...]) -> list[str]:
    return [n for n in names if any(n == f or n.startswith(f + ".") for f in forbidden)]


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_arrows_point_one_way(folder: str) -> None:
    for path in modules(folder):
        if not path.is_relative_to(ROOT / TRAINING):
            found = hits(imports(path), FORBIDDEN[folder])
            if path.relative_to(ROOT).as_posix() == "server/commands/bench.py":
                found = [name for name in found if not name.startswith("latentcam.benchmarks.")]
            assert not found, path


def test_nothing_that_runs_imports_training() -> None:
    for folder in FORBIDDEN:
        for path in modules(folder):
            if not path.is_relative_to(ROOT / TRAINING):
                assert not hits(imports(path), ("latentcam.realtime_models.training",)), path


def test_torch_is_imported_in_named_files_only() -> None:
    decoders = ("auto", "pictures", "eager", "exported", "cuda", "tensorrt")
    allowed = {"realtime_models/generator/network.py"}
    allowed |= {f"realtime_models/decoders/{name}.py" for name in decoders}
    for path in modules("realtime_models"):
        name = path.relative_to(ROOT).as_posix()
        if name not in allowed and not name.startswith(TRAINING):
            assert not hits(imports(path), ("torch",)), name


@pytest.mark.parametrize(
    "library,home",
    [
        ("sounddevice", "stream/local/sound_devices.py"),
        ("pyvirtualcam", "stream/local/virtual_camera.py"),
    ],
)
def test_device_libraries_are_imported_in_one_file_each(library: str, home: str) -> None:
    users = [p for folder in FORBIDDEN for p in modules(folder) if hits(imports(p), (library,))]
    assert users == [ROOT / home]
    code = f"import sys, latentcam.server.__main__; assert {library!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_command_line_starts_without_torch() -> None:
    modules = "latentcam.server.__main__, latentcam.server.run"
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
