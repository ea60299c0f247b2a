"""Workflows are valid, safe by zizmor's rules, and use no action that changes overnight."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
USES = re.compile(r"^\s*(?:- )?uses: *(.*)$", re.M)
OURS = r"\$/\.github/workflows/\w+\.yml"
PINNED = re.compile(OURS + r"|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*")


def loose(text: str) -> list[str]:
    """Actions that are not given by a commit's hash with the version that it is beside it."""
    return [found for found in USES.findall(text) if not PINNED.fullmatch(found)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned(path: Path) -> None:
    assert loose(path.read_text("utf-8")) == []


def test_an_action_that_is_not_pinned_is_seen() -> None:
    sha = "0" * 40
    text = f"""
      - uses: a/b@v1
      - uses: a/b@{sha}
      - uses: a/b/c@{sha} # v1.2
      - uses: ./here
        uses: $/.github/workflows/ours.yml
    """
    assert loose(text) == ["a/b@v1", f"a/b@{sha}", "./here"]
    assert len(WORKFLOWS) == 4 and all(USES.search(one.read_text("utf-8")) for one in WORKFLOWS)


def lint(*command: str | Path) -> None:
    program = shutil.which(command[0], path=Path(sys.executable).parent) or shutil.which(command[0])
    if program is None:
        pytest.skip(f"needs {command[0]}: pip install -r requirements-dev.txt")
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_follow_github_s_schema() -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    lint("check-jsonschema", "--builtin-schema", "vendor.dependabot", FOLDER / "dependabot.yml")


def test_workflows_are_safe() -> None:
    """No credentials left behind, no text of strangers in a shell, no right that is not used."""
    options = ("--offline", "--no-progress", "--strict-collection", "--min-severity=medium")
    lint(
        "zizmor", *options, FOLDER
    )  # below are matters of taste, of which each release has new ones


def test_every_python_that_is_promised_is_tried() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    text = (FOLDER / "workflows" / "ci.yml").read_text("utf-8")
    for tried in re.findall(r"^ +python: \[(.*)\]$", text, re.M):
        assert re.findall(r"3\.\d+", tried) == promised
    assert text.count("python: [") == 2
