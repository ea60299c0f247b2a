"""PyTorch on an NVIDIA GPU: one CUDA graph per batch size, levels become uint8 on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.base import Decode, batches, check_batch_sizes, joined
from latentcam.realtime_models.decoders.install import TORCH_CUDA
from latentcam.realtime_models.decoders.pictures import PictureNetwork
from latentcam.realtime_models.errors import BackendUnavailable
from latentcam.realtime_models.generator.layers import GeneratorConfig

BATCH_SIZES = (1, 2, 4, 8)
WARM_UP_RUNS = 3  # before a capture, as PyTorch's notes on CUDA graphs ask for


class CudaDecoder:
    """The synthesis network on the current CUDA device, channels last.

    precision: "fp16", "bf16" or "f32". Raises BackendUnavailable without a GPU.
    """

    def __init__(
        self,
        pack: AvatarPack,
        precision: str = "fp16",
        batch_sizes: Sequence[int] = BATCH_SIZES,
    ) -> None:
        self._sizes = check_batch_sizes(batch_sizes)
        require_gpu()
        self.lanes: tuple[Decode, ...] = ()
        self.resolution = pack.resolution
        self.description = f"cuda ({precision}, {torch.cuda.get_device_name()})"
        network = PictureNetwork(pack, precision).cuda()
        for tensor in network.parameters():
            if tensor.dim() == 4:  # cuDNN's half-precision convolutions want channels last
                tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
        config = pack.card.generator
        self._graphs = {size: CapturedGraph(network, size, config) for size in self._sizes}

    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        return joined([self._graphs[size](part) for size, part in batches(ws, self._sizes)])


class CapturedGraph:
    """One batch size: the network's kernels as a CUDA graph, between buffers that stay in place
    (https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs)."""

    @torch.inference_mode()
    def __init__(self, network: PictureNetwork, size: int, config: GeneratorConfig) -> None:
        self._buffers = HostBuffers(size, config)
        self._stream = torch.cuda.Stream()
        self._ws = torch.zeros_like(self._buffers.ws, device="cuda")
        self._stream.wait_stream(torch.cuda.current_stream())
        # cuDNN tries its convolutions once, here, and the graph keeps the fastest.
        cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)
        with cudnn, torch.cuda.stream(self._stream):
            for _ in range(WARM_UP_RUNS):
                network(self._ws).to(torch.uint8).contiguous()
            self._stream.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._pixels = network(self._ws).to(torch.uint8).contiguous()

    @torch.inference_mode()
    def __call__(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        self._buffers.fill(ws)
        with torch.cuda.stream(self._stream):
            self._ws.copy_(self._buffers.ws, non_blocking=True)
            self._graph.replay()
            self._buffers.pixels.copy_(self._pixels, non_blocking=True)
        self._stream.synchronize()
        return self._buffers.take(len(ws))


class HostBuffers:
    """Page-locked memory of one batch size, so that copies to and from the GPU are direct."""

    def __init__(self, size: int, config: GeneratorConfig) -> None:
        side = config.resolution
        self.ws = torch.zeros(size, config.num_ws, config.w_dim, pin_memory=True)
        self.pixels = torch.zeros(
            size, side, side, config.channels, dtype=torch.uint8, pin_memory=True
        )

    def fill(self, ws: NDArray[np.float32]) -> None:
        self.ws.numpy()[: len(ws)] = ws[:, : self.ws.shape[1]]

    def take(self, count: int) -> NDArray[np.uint8]:
        """A copy of the first pictures: the buffer is written again by the next batch."""
        pixels: NDArray[np.uint8] = self.pixels.numpy()
        return pixels[:count].copy()


def require_gpu() -> None:
    """Raises BackendUnavailable, with the line that installs what is missing."""
    if torch.version.cuda is None:
        raise BackendUnavailable(
            f"this decoder needs a PyTorch with CUDA, got torch {torch.__version__}: {TORCH_CUDA}"
        )
    if not torch.cuda.is_available():
        raise BackendUnavailable(
            "this decoder needs an NVIDIA GPU and its driver, and PyTorch sees none; if there is "
            f"one, a PyTorch that matches the driver may be missing: {TORCH_CUDA}"
        )
