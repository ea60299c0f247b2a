"""Chooses a decoder. What the user names is used or fails; only `auto` chooses, and says why."""

from __future__ import annotations

import importlib.util
import logging

from realtime_models.avatar_pack import AvatarPack
from realtime_models.decoders.base import Decoder
from realtime_models.errors import BackendUnavailable

logger = logging.getLogger(__name__)

DECODERS = ("auto", "openvino", "eager")


def open_decoder(name: str, pack: AvatarPack) -> Decoder:
    """Build the named decoder. Raises BackendUnavailable with the line that installs it."""
    if name == "auto":
        name = "openvino" if importlib.util.find_spec("openvino") else "eager"
        reason = "it is the fastest on a CPU" if name == "openvino" else "openvino is not installed"
        logger.info("decoder %s: %s", name, reason)
    if name == "openvino":
        _require("openvino", "pip install openvino")
        from realtime_models.decoders.openvino import OpenVinoDecoder

        return OpenVinoDecoder(pack)
    if name == "eager":
        _require("torch", "pip install torch --index-url https://download.pytorch.org/whl/cpu")
        from realtime_models.decoders.eager import EagerDecoder

        return EagerDecoder(pack)
    raise BackendUnavailable(f"decoder {name!r} is not one of {', '.join(DECODERS)}")


def _require(module: str, install: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise BackendUnavailable(f"this decoder needs {module}, which is not installed: {install}")
