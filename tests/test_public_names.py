"""The names that other programs import: a list that changes on purpose only, and costs nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import wave
from importlib import import_module
from pathlib import Path

import av
import pytest

import latentcam
from tests.voice import speech

ROOT = Path(__file__).resolve().parent.parent

PUBLIC = {
    "SAMPLE_RATE", "AudioChunk", "Avatar", "AvatarPack", "AvatarPackError", "BackendUnavailable",
    "Control", "Engine", "EngineFull", "Frame", "FrameSink", "Latent", "LatentReceiver",
    "LatentSender", "LatentcamError", "Marker", "Moment", "Motion", "OtherVoice",
    "PerformanceState", "Performer", "Picture", "Rgb", "Samples", "Session", "Settings", "Speech",
    "TalkingFace", "Timeline", "VoiceMotion", "composite", "load_pack", "open_decoder",
}  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert set(latentcam.__all__) == PUBLIC and len(latentcam.__all__) == len(PUBLIC)
    for name in latentcam.__all__:
        assert getattr(latentcam, name) is not None
        assert name in dir(latentcam)
    with pytest.raises(AttributeError, match="no attribute 'Facade'"):
        latentcam.Facade  # noqa: B018


def python(code: str, folder: Path = ROOT) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=folder
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_importing_the_package_loads_nothing_and_its_names_nothing_heavy() -> None:
    print_new = "print(*sorted({n.partition('.')[0] for n in sys.modules} - before))"
    loaded = python(f"import sys; before = set(sys.modules); import latentcam; {print_new}").split()
    assert (
        set(loaded) <= {"latentcam", "__future__", "typing", "importlib"} | sys.stdlib_module_names
    )
    names = python(f"import sys; before = set(); from latentcam import *; {print_new}").split()
    assert not {"torch", "openvino", "av", "aiortc", "starlette", "uvicorn"} & set(names)


def test_types_and_names_agree() -> None:
    """What mypy is told is what `__getattr__` finds."""
    told = {
        alias.name: node.module
        for node in ast.walk(ast.parse(Path(latentcam.__file__).read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for name in latentcam.__all__:
        assert getattr(latentcam, name) is getattr(import_module(str(told[name])), name)


def program(page: str) -> str:
    text = (ROOT / "docs" / page).read_text("utf-8")
    return "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))


def test_the_program_in_the_docs_runs(tmp_path: Path) -> None:
    """As a reader would paste it, one piece after the other."""
    said = python(program("program.md"), tmp_path).splitlines()
    ticks = [int(line.split()[0]) for line in said if line[0].isdecimal()]
    assert said[-1] == "no frame follows" and ticks and ticks == sorted(set(ticks))
    assert not list(tmp_path.iterdir())


def test_the_tutorial_s_program_makes_a_film(tmp_path: Path) -> None:
    """Of a second of voice and the one after it, with the sound beside the pictures."""
    with wave.open(str(tmp_path / "speech.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((speech(1.0) * 32767).astype("<i2").tobytes())
    python(program("first_program.md"), tmp_path)
    with av.open(tmp_path / "film.mp4") as film:
        pictures, sound = film.streams.video[0], film.streams.audio[0]
        assert (pictures.frames, pictures.width, pictures.height) == (50, 512, 512)
        assert sound.duration is not None and sound.time_base is not None
        assert 2.0 <= float(sound.duration * sound.time_base) < 2.2
