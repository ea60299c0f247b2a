"""What a release does to README.md and pyproject.toml before it builds (deploy/address.py)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "https://git.example/us/latentcam"


def address(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "deploy" / "address.py"), *argv, "--root", str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def copied(folder: Path) -> Path:
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_pypi_s_page_links_into_the_repository(tmp_path: Path) -> None:
    done = address(copied(tmp_path), f"{ADDRESS}/", "v1.2.3")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert links and all(link.startswith("https://") for link in links)
    assert "![Four" in page and f"({ADDRESS}/raw/v1.2.3/docs/talking.webp)" in page
    assert f"[docs/install.md]({ADDRESS}/blob/v1.2.3/docs/install.md)" in page
    assert "pip install latentcam && latentcam serve" in page
    assert 'pip install "latentcam[camera]"' in page
    assert "ADDRESS" not in page and "git clone" not in page
    urls = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]["urls"]
    assert urls["Source"] == f"{ADDRESS}/tree/v1.2.3" and len(urls) == 5


def test_a_file_that_is_not_as_expected_is_left_alone(tmp_path: Path) -> None:
    """A second run, an address that is none, a README that has changed: a sentence each."""
    copied(tmp_path)
    before = (tmp_path / "README.md").read_bytes()
    done = address(tmp_path, "git@git.example:us/latentcam", "v1")
    assert done.returncode == 2 and "expected one that begins with https://" in done.stderr
    assert (tmp_path / "README.md").read_bytes() == before
    assert address(tmp_path, ADDRESS, "v1").returncode == 0
    done = address(tmp_path, ADDRESS, "v1")
    assert done.returncode == 2 and "has [project.urls] already" in done.stderr
    copied(tmp_path)
    (tmp_path / "README.md").write_text("# latentcam\n")
    done = address(tmp_path, ADDRESS, "v1")
    assert done.returncode == 2 and "expected one block that begins with ADDRESS" in done.stderr
    assert (tmp_path / "pyproject.toml").read_bytes() == (ROOT / "pyproject.toml").read_bytes()
