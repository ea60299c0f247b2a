"""The programs of docs/plugins.md, as a reader would paste them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"


def recipe(framework: str) -> dict[str, Any]:
    """What the common beginning and the piece for this framework define."""
    pieces = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    (own,) = [piece for piece in pieces if f"from latentcam.plugins.{framework} import" in piece]
    names: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(pieces[0] + own, str(PAGE), "exec"), names)
    return names
