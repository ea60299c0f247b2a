"""What the decoders need beside this package, and the lines that install it."""

from __future__ import annotations

import importlib.util

from latentcam.realtime_models.errors import BackendUnavailable

OPENVINO = "pip install openvino"
TORCH_CPU = "pip install torch --index-url https://download.pytorch.org/whl/cpu"
TORCH_CUDA = "pip install torch --index-url https://download.pytorch.org/whl/cu130"
TENSORRT = "pip install torch-tensorrt tensorrt --extra-index-url https://pypi.nvidia.com"


def installed(module: str) -> bool:
    """Whether it could be imported; it is not."""
    return importlib.util.find_spec(module) is not None


def require(decoder: str, module: str, install: str) -> None:
    """Raises BackendUnavailable if the module that this decoder needs is not installed."""
    if not installed(module):
        raise BackendUnavailable(
            f"decoder {decoder} needs {module}, which is not installed: {install}"
        )
