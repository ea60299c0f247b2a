"""What is installed is whole, and stands beside whatever else a user has."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("realtime_models", "stream", "server", "plugins", "client_demo", "benchmarks")
BESIDE = (
    "__init__.py", "__main__.py", "py.typed", "pyproject.toml", "MANIFEST.in", "README.md",
    "CHANGELOG.md", "LICENSE",
)  # fmt: skip
LARGEST = 100_000_000  # bytes of one file that PyPI takes unasked
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OURS_BY_NAME = (
    "server", "stream", "plugins", "benchmarks", "realtime_models", "client_demo", "tests",
)  # fmt: skip
NEEDS = {  # what some of what is tried asks for beyond the default installation
    "latentcam.benchmarks.startup": "psutil",
    "latentcam.realtime_models.training.seal": "torch",
}
OLD_SETUPTOOLS = "setuptools is older than pyproject.toml asks for"


def files() -> set[str]:
    """Every file of the rooms, relative to the checkout."""
    found = (path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file())
    return {p.relative_to(ROOT).as_posix() for p in found if p.suffix != ".pyc"}


def kept() -> set[str]:
    """Those that the repository keeps: whatever else lies there has strayed in."""
    if not (ROOT / ".git").exists():
        pytest.skip("what belongs here is known in a clone only")
    command = ["git", "ls-files", "-z", *ROOMS]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(done.stdout.split("\0")) - {""}


def test_every_folder_with_code_is_a_package_that_is_listed() -> None:
    """A list by hand, since the folders do not lie in one of the package's name."""
    folders = {Path(name).parent for name in files() if name.endswith(".py")}
    wanted = {"latentcam", "latentcam.client_demo"}
    wanted |= {".".join(("latentcam", *folder.parts)) for folder in folders}
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert sorted(listed) == listed and set(listed) == wanted


def test_a_module_is_a_regular_package_s() -> None:
    """Without __init__.py a folder of the same name elsewhere would be merged with it."""
    for folder in {Path(name).parent for name in files() if name.endswith(".py")}:
        assert (ROOT / folder / "__init__.py").exists(), folder


def test_an_image_is_built_from_all_of_it() -> None:
    """`plugins` was missing, and no container could be built."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert {*ROOMS, *BESIDE} - let_in == set()


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """sdist and wheel: those in the folder that LATENTCAM_DIST names, else built from a copy (what
    an earlier build left in the checkout would be packed again), the wheel from the sdist."""
    if folder := os.environ.get("LATENTCAM_DIST"):
        ((sdist,), (wheel,)) = Path(folder).glob("*.tar.gz"), Path(folder).glob("*.whl")
        return sdist, wheel
    if int(version("setuptools").split(".")[0]) < 77:
        pytest.skip(OLD_SETUPTOOLS)
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    for name in (*ROOMS, *BESIDE, "tests"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.pyc"))
        else:
            shutil.copy(ROOT / name, copy / name)
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(out)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (sdist,) = out.glob("*.tar.gz")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(sdist))
    (wheel,) = out.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="session")
def wheel(archives: tuple[Path, Path]) -> Path:
    return archives[1]


def pip(*argv: str, python: Path | None = None) -> None:
    into = () if python is None else ("--python", str(python))
    command = [sys.executable, "-m", "pip", *into, *argv, "--quiet", "--no-index"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_rooms_and_no_other(wheel: Path) -> None:
    """Packs with their cards, the page, the marker of types; and each licence."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    about = {name for name in names if ".dist-info/" in name}
    assert names - about == {
        "latentcam/__init__.py", "latentcam/__main__.py", "latentcam/py.typed",
        *(f"latentcam/{name}" for name in kept()),
    }  # fmt: skip
    licences = PROJECT["project"]["license-files"]
    assert {name.partition("/licenses/")[2] for name in about} - {""} == set(licences)


@pytest.mark.slow
def test_the_sdist_holds_what_a_wheel_is_built_from_and_no_other(
    archives: tuple[Path, Path],
) -> None:
    """It had some of the tests, which miss the others."""
    with tarfile.open(archives[0]) as archive:
        names = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    made = {name for name in names if name.startswith("latentcam.egg-info/")}
    assert names - made == {*kept(), *BESIDE, "PKG-INFO", "setup.cfg"}


@pytest.mark.slow
def test_what_is_published_is_described_and_not_too_large(archives: tuple[Path, Path]) -> None:
    assert all(path.stat().st_size < LARGEST for path in archives)
    with zipfile.ZipFile(archives[1]) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(archive.read(name))
    assert about["Name"] == "latentcam" and about["Version"] == PROJECT["project"]["version"]
    assert about["Requires-Python"] == ">=3.11"
    assert about["License-Expression"] == "Apache-2.0 AND BSD-3-Clause"
    assert about["Description-Content-Type"] == "text/markdown"
    assert str(about.get_payload()).startswith("# latentcam")


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, which borrows everything else from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=sys.platform != "win32")
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip("install", "--no-deps", str(wheel), python=programs / "python")
    found = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (own,) = (path for path in folder.rglob("site-packages") if path.is_dir())
    (own / "borrowed.pth").write_text("\n".join(found))
    return programs


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A user's folder whose modules have the names of our rooms."""
    for name in OURS_BY_NAME:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise AssertionError('the user`s {name}')")
    shutil.rmtree(tmp_path / "server")
    (tmp_path / "server.py").write_text("raise AssertionError('the user`s server.py')")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("python", "-c", "import latentcam.server.__main__"),
        ("python", "-c", "import latentcam.server.run, latentcam.stream.session"),
        ("python", "-m", "latentcam", "--help"),
        ("latentcam", "--version"),
        ("latentcam", "serve", "--help"),
        ("latentcam", "bench", "--help"),
        ("python", "-m", "latentcam.benchmarks.startup", "--help"),
        ("python", "-m", "latentcam.realtime_models.training.seal", "--help"),
    ],
)
def test_what_is_installed_works_beside_a_user_s_own(
    installed: Path, beside: Path, command: Sequence[str]
) -> None:
    """`server`, `stream` and `benchmarks` were installed under these very names: a user's own
    server.py ended every command with "No module named 'server.guard'"."""
    for library in {NEEDS[word] for word in command if word in NEEDS}:
        if find_spec(library) is None:
            pytest.skip(f"needs {library}")
    program, *rest = command
    done = subprocess.run(
        [str(installed / program), *rest], cwd=beside, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_it_is_the_wheel_s_own_code_that_runs(installed: Path, beside: Path) -> None:
    code = "import latentcam; print(latentcam.__file__)"
    done = subprocess.run(
        [str(installed / "python"), "-c", code],
        cwd=beside, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert Path(done.stdout.strip()).is_relative_to(installed.parent)
