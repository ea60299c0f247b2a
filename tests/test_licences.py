"""The default installation brings no GPL package, and what wheels hide inside is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
GPL = re.compile(r"(?<!L)GPL|GNU (Affero )?General Public", re.I)
GPL_LIBRARIES = re.compile(r"x26[45]|xvid|rubberband|fftw|libpostproc")
"""Libraries under the GPL that wheels with FFmpeg bundle, whatever the wheel says of itself."""


def needed(extras: Iterable[str]) -> set[str]:
    """The packages that latentcam with these extras needs here, without itself."""
    found, todo = set[str](), [("latentcam", extra) for extra in ("", *extras)]
    seen = set(todo)
    while todo:
        name, extra = todo.pop()
        for line in metadata.requires(name) or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                found.add(canonicalize_name(wanted.name))
                new = {(canonicalize_name(wanted.name), one) for one in ("", *wanted.extras)} - seen
                seen |= new
                todo += new
    return found - {"latentcam"}


def licence(package: str) -> str:
    """What the package says of itself: an expression, or classifiers, or in its own words."""
    about = metadata.metadata(package).json
    classifiers = [one for one in about.get("classifier", ()) if one.startswith("License")]
    short = str(about.get("license", "")).strip().partition("\n")[0]
    return str(about.get("license_expression", "")) or "; ".join(classifiers) or short


def test_no_gpl_package_is_reached_by_the_default_installation() -> None:
    packages = needed(())
    assert {"av", "numpy", "openvino", "pyee"} <= packages, "the search reaches what others need"
    assert {name: licence(name) for name in packages if GPL.search(licence(name))} == {}
    assert {name for name in packages if not licence(name)} == set()


def test_a_gpl_package_would_be_seen() -> None:
    try:
        metadata.version("pyvirtualcam")
    except metadata.PackageNotFoundError:
        pytest.skip("needs the extra `camera`")
    assert {name for name in needed(["camera"]) if GPL.search(licence(name))} == {"pyvirtualcam"}
    assert not GPL.search("LGPL-3.0-only") and GPL.search("AGPL-3.0-or-later")


def test_gpl_libraries_inside_wheels_are_those_that_the_docs_name() -> None:
    """`av` is BSD by its own words, and its wheel brings encoders that are not."""
    inside = {
        name
        for name in needed(())
        for file in metadata.files(name) or ()
        if GPL_LIBRARIES.search(file.name)
    }
    assert inside <= {"av"}
    assert "libx264 and\nlibx265" in (ROOT / "docs" / "install.md").read_text("utf-8")
