"""The site that Sphinx makes of docs/ is whole, and its reference has every public name."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import latentcam

ROOT = Path(__file__).resolve().parent.parent
DIRECTIVE = re.compile(r"^\.\. auto(?:data|function|class|exception):: (\S+)$", re.M)


def test_the_reference_has_every_public_name_and_no_other() -> None:
    found = DIRECTIVE.findall((ROOT / "docs" / "reference.md").read_text("utf-8"))
    assert sorted(name.rpartition(".")[2] for name in found) == sorted(latentcam.__all__)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """Links, pages in no list, docstrings that cannot be read: each would be one."""
    if find_spec("sphinx") is None or find_spec("furo") is None or find_spec("myst_parser") is None:
        pytest.skip('needs the site\'s tools: pip install ".[docs]"')
    command = [
        sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet",
        "--conf-dir", "docs", "--doctree-dir", str(tmp_path / "trees"), ".", str(tmp_path / "site"),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.stem for path in (tmp_path / "site" / "docs").glob("*.html")}
    assert pages == {path.stem for path in (ROOT / "docs").glob("*.md")}
    front = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert 'url=docs/index.html"' in front
    reference = (tmp_path / "site" / "docs" / "reference.html").read_text("utf-8")
    text = re.sub(r"<[^>]+>", "", reference)
    for words in ("render(anchor: Latent, x: Control)", "uint8 [H, W, 3 or 4]", "one sentence for"):
        assert words in text, "a signature, an array's docstring, an error's"
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)', reference)
    assert loaded == [], "whoever reads is reported to nobody"
