"""Imports point one way and never in a circle; heavy things stay in their rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("realtime_models", "stream", "server", "plugins", "benchmarks")
"""From the ground up: a room imports itself and those before it."""
RUNTIME = ROOMS[:-1]
TRAINING = "realtime_models/training"

# Folder -> what its modules may not import, by first name or dotted prefix.
FORBIDDEN = {
    "realtime_models": ("asyncio", "threading", "socket", "av", "aiortc", "starlette", "uvicorn"),
    "stream": ("torch", "openvino", "aiortc", "starlette", "uvicorn", "http"),
    "server": ("torch", "openvino"),
}
ALLOWED = {"latentcam.realtime_models.lone_media": ("av", "av.container")}
"""Module -> what it imports all the same: what runs and training open media through one guard."""
HOMES = {
    "aiortc": "server",
    "fastrtc": "plugins/gradio/handler.py",
    "livekit": "plugins/livekit/",
    "openvino": "realtime_models/decoders/openvino_silent.py",
    "pipecat": "plugins/pipecat/processor.py",
    "pynput": "stream/local/hot_key.py",
    "ray": "server/cluster",
    "pyvirtualcam": "stream/local/virtual_camera.py",
    "sounddevice": "stream/local/sound_devices.py",
    "webrtcvad": "realtime_models/motion/voice_activity.py",
}
"""Library -> the only file, or room, of what runs that imports it."""


def name_of(path: Path) -> str:
    parts = ("latentcam", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    name_of(path): path
    for path in (*ROOT.glob("*.py"), *(p for room in ROOMS for p in (ROOT / room).rglob("*.py")))
}


def imports(path: Path) -> Iterator[str]:
    """What a file imports anywhere in it, in functions and for types, too; a module of ours that is
    imported by name from its package as that module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


IMPORTS = {name: set(imports(path)) for name, path in MODULES.items()}
ARROWS = {name: found & set(MODULES) for name, found in IMPORTS.items()}


def folder(name: str) -> str:
    return MODULES[name].parent.relative_to(ROOT).as_posix()


def is_training(name: str) -> bool:
    return folder(name).startswith(TRAINING)


def hits(names: set[str], forbidden: tuple[str, ...]) -> list[str]:
    return sorted(n for n in names if any(n == f or n.startswith(f + ".") for f in forbidden))


def circle(arrows: dict[str, set[str]]) -> list[str] | None:
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


def test_every_room_is_read() -> None:
    assert len(MODULES) > 100 and sum(map(len, ARROWS.values())) > 300
    assert "latentcam.stream.session" in ARROWS["latentcam.server.webrtc.peer"]


def test_no_module_stands_in_a_circle() -> None:
    assert circle(ARROWS) is None


def test_no_rooms_beside_each_other_stand_in_a_circle() -> None:
    """A room and the room that it is in may name each other: what all rooms within share lies in
    the outer one."""
    rooms: dict[str, set[str]] = {}
    for name, found in ARROWS.items():
        here = folder(name)
        for there in map(folder, found):
            if not (f"{here}/".startswith(f"{there}/") or f"{there}/".startswith(f"{here}/")):
                rooms.setdefault(here, set()).add(there)
    assert len(rooms) > 10 and circle(rooms) is None


@pytest.mark.parametrize("room", ROOMS)
def test_no_arrow_climbs(room: str) -> None:
    below = ROOMS[: ROOMS.index(room) + 1]
    for name, found in ARROWS.items():
        if folder(name).split("/")[0] == room:
            rooms = {folder(other).split("/")[0] for other in found - {"latentcam"}}
            assert rooms <= set(below), name


def test_a_plugin_is_a_guest() -> None:
    """It sees the public names, itself, and one framework. Nobody else asks for those names."""
    for name, found in IMPORTS.items():
        ours = {other for other in found if other.partition(".")[0] == "latentcam"}
        if folder(name).startswith("plugins"):
            own = f"latentcam.{folder(name).replace('/', '.')}."
            assert all(other == "latentcam" or other.startswith(own) for other in ours), name
        else:
            assert "latentcam" not in ours, name


@pytest.mark.parametrize("room", FORBIDDEN)
def test_rooms_do_without_what_is_not_theirs(room: str) -> None:
    for name, found in IMPORTS.items():
        if folder(name).split("/")[0] == room and not is_training(name):
            assert hits(found, FORBIDDEN[room]) == sorted(ALLOWED.get(name, ())), name


def test_nothing_that_runs_imports_training() -> None:
    for name, found in IMPORTS.items():
        if folder(name).split("/")[0] in RUNTIME and not is_training(name):
            assert not hits(found, ("latentcam.realtime_models.training",)), name


def test_a_command_is_imported_by_nobody() -> None:
    """They are found by name in a table, when they are chosen; what two share is no command."""
    from latentcam.server.command_line import COMMANDS

    commands = {module for module, _ in COMMANDS.values()}
    assert commands <= set(MODULES)
    for name, found in ARROWS.items():
        if not name.startswith("latentcam.benchmarks."):  # measure what a command does
            assert not found & commands, name


def test_torch_is_imported_in_named_files_only() -> None:
    decoders = ("auto", "pictures", "eager", "exported", "cuda", "tensorrt")
    allowed = {"realtime_models/generator/network.py"}
    allowed |= {f"realtime_models/decoders/{name}.py" for name in decoders}
    for name, path in MODULES.items():
        if folder(name).startswith("realtime_models") and not is_training(name):
            if path.relative_to(ROOT).as_posix() not in allowed:
                assert not hits(IMPORTS[name], ("torch",)), name


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    users = {
        MODULES[name].relative_to(ROOT).as_posix()
        for name, found in IMPORTS.items()
        if folder(name).split("/")[0] in RUNTIME and not is_training(name)
        if hits(found, (library,))
    }
    assert users and all(user.startswith(HOMES[library]) for user in users), users


@pytest.mark.parametrize("library", ["torch", "sounddevice", "pyvirtualcam"])
def test_what_is_optional_is_not_imported_at_the_start(library: str) -> None:
    modules = "latentcam.server.__main__, latentcam.server.run, latentcam.server.commands.camera"
    code = f"import sys, {modules}; assert {library!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
