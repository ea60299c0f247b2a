"""OpenVINO without its telemetry: the one file that imports it.

By default, `import openvino` runs `openvino.tools.ovc`, which writes a client ID to ~/intel and
reports the import to www.google-analytics.com. Without the package that reports, OpenVINO uses a
stub of its own that does nothing (`openvino/tools/ovc/telemetry_stub.py`). So that package is
blocked before the first import, in whichever command or thread that is, for as long as the process
lives.
"""

from __future__ import annotations

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # to import it fails

import openvino as ov  # noqa: E402
from openvino import Node  # noqa: E402
from openvino import opset13 as op  # noqa: E402

__all__ = ["Node", "op", "ov"]
