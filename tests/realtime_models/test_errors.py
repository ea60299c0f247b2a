"""The tree of errors, as its docstring draws it."""

from __future__ import annotations

import importlib
import re

from latentcam.realtime_models import errors
from latentcam.realtime_models.errors import LatentcamError
from tests.test_architecture import MODULES, RUNTIME


def test_the_docstring_draws_all_errors() -> None:
    """Every module that defines an error is imported first; those of training are not drawn."""
    for name, path in MODULES.items():
        room, text = name.split(".")[1:2], path.read_text()
        if room and room[0] in RUNTIME and re.search(r"class \w+\(\w*Error\b", text):
            importlib.import_module(name)
    drawn = re.findall(r"^[├└]── (\w+) .*?(?:\((\S+)\))?$", errors.__doc__ or "", re.M)
    assert drawn
    wanted = {(name, f"latentcam.{module or 'realtime_models.errors'}") for name, module in drawn}
    below, found = [LatentcamError], set()
    while below:
        for error in below.pop().__subclasses__():
            below.append(error)
            if not error.__module__.startswith("latentcam.realtime_models.training"):
                found.add((error.__name__, error.__module__))
    assert {one for one in found if one[1].startswith("latentcam.")} == wanted
