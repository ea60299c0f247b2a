"""Chooses a decoder. What the user names is used or fails; only `auto` chooses, and says why."""

from __future__ import annotations

import logging
import shutil

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders import install
from latentcam.realtime_models.decoders.base import Decoder
from latentcam.realtime_models.errors import BackendUnavailable

logger = logging.getLogger(__name__)

OPENVINO = ("openvino", "openvino-int8", "openvino-bf16", "openvino-f32")
DECODERS = ("auto", *OPENVINO, "cuda", "tensorrt", "eager")


def open_decoder(name: str, pack: AvatarPack, lanes: int = 0) -> Decoder:
    """Build the named decoder; `openvino` without a precision chooses it for this CPU.

    lanes: how many to make, which only OpenVINO does. Raises BackendUnavailable with the line that
    installs it.
    """
    name = chosen(name)
    if name in OPENVINO:
        install.require(name, "openvino", install.OPENVINO)
        from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder

        return OpenVinoDecoder(pack, name.partition("-")[2] or "auto", lanes=lanes)
    if name == "cuda":
        install.require(name, "torch", install.TORCH_CUDA)
        from latentcam.realtime_models.decoders.cuda import CudaDecoder

        return CudaDecoder(pack)
    if name == "tensorrt":
        install.require(name, "torch", install.TORCH_CUDA)
        install.require(name, "torch_tensorrt", install.TENSORRT)
        install.require(name, "tensorrt", install.TENSORRT)
        from latentcam.realtime_models.decoders.cuda import require_gpu

        require_gpu()
        try:  # its libraries come in packages of their own
            from latentcam.realtime_models.decoders.tensorrt import TensorRtDecoder
        except (ImportError, OSError) as error:
            raise BackendUnavailable(
                f"decoder tensorrt cannot load its libraries ({error}): {install.TENSORRT}"
            ) from None
        return TensorRtDecoder(pack)
    if name == "eager":
        install.require(name, "torch", install.TORCH_CPU)
        from latentcam.realtime_models.decoders.eager import EagerDecoder

        return EagerDecoder(pack)
    raise BackendUnavailable(f"decoder {name!r} is not one of {', '.join(DECODERS)}")


def chosen(name: str) -> str:
    """The name itself, or what `auto` stands for here, which the log explains."""
    if name == "auto":
        name, reason = _choose()
        logger.info("decoder %s: %s", name, reason)
    return name


def _choose() -> tuple[str, str]:
    """Name of a decoder, and why. TensorRT is never chosen: its first start takes minutes."""
    if shutil.which("nvidia-smi") is None:  # cheaper than asking PyTorch
        gpu = "no NVIDIA driver is here"
    elif not install.installed("torch"):
        gpu = "PyTorch, which the NVIDIA GPU would need, is not installed"
    else:
        import torch

        if torch.cuda.is_available():
            return "cuda", f"PyTorch sees {torch.cuda.get_device_name()}"
        gpu = f"torch {torch.__version__} sees no NVIDIA GPU"
    if install.installed("openvino"):
        return "openvino", f"{gpu}, and it is the fastest on a CPU"
    return "eager", f"{gpu}, and openvino is not installed"
