"""TensorRT on an NVIDIA GPU: the whole network becomes one engine for every batch size.

Torch-TensorRT converts the exported graph, once; the engine is kept in the user's cache folder
and runs on TensorRT's own runtime, with torch for memory and streams.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import tensorrt
import torch
import torch_tensorrt
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders import cache
from latentcam.realtime_models.decoders.base import Decode, batches, joined
from latentcam.realtime_models.decoders.cuda import HostBuffers, require_gpu
from latentcam.realtime_models.decoders.exported import engine_key, export_pictures

logger = logging.getLogger(__name__)

MAX_BATCH = 8


class TensorRtDecoder:
    """One engine, fastest for one picture, right for up to max_batch >= 2 at a time.

    precision: "fp16", "bf16" or "f32". The first start on a GPU builds the engine. Raises
    BackendUnavailable without a GPU.
    """

    def __init__(
        self, pack: AvatarPack, precision: str = "fp16", max_batch: int = MAX_BATCH
    ) -> None:
        require_gpu()
        self._sizes = tuple(range(max_batch, 0, -1))
        name = torch.cuda.get_device_name()
        self.lanes: tuple[Decode, ...] = ()
        self.resolution = pack.resolution
        self.description = f"tensorrt {tensorrt.__version__} ({precision}, {name})"
        self._runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.WARNING))
        engine = self._load_or_build(pack, precision, max_batch)
        self._engine, self._context = engine, engine.create_execution_context()
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        inputs = tensorrt.TensorIOMode.INPUT
        (self._input,) = (n for n in names if engine.get_tensor_mode(n) == inputs)
        (self._output,) = (n for n in names if engine.get_tensor_mode(n) != inputs)
        self._buffers = HostBuffers(max_batch, pack.card.generator)
        self._ws = torch.zeros_like(self._buffers.ws, device="cuda")
        self._levels = torch.zeros_like(self._buffers.pixels, dtype=torch.float32, device="cuda")
        self._stream = torch.cuda.Stream()
        self._context.set_tensor_address(self._input, self._ws.data_ptr())
        self._context.set_tensor_address(self._output, self._levels.data_ptr())
        torch.cuda.synchronize()

    @torch.inference_mode()
    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        return joined([self._run(size, part) for size, part in batches(ws, self._sizes)])

    def _run(self, size: int, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        self._buffers.fill(ws)
        with torch.cuda.stream(self._stream):
            self._ws[:size].copy_(self._buffers.ws[:size], non_blocking=True)
            self._context.set_input_shape(self._input, tuple(self._ws[:size].shape))
            if not self._context.execute_async_v3(self._stream.cuda_stream):
                raise RuntimeError("TensorRT could not run its engine; its log says why")
            pixels = self._levels[:size].to(torch.uint8)
            self._buffers.pixels[:size].copy_(pixels, non_blocking=True)
        self._stream.synchronize()
        return self._buffers.take(size)

    def _load_or_build(self, pack: AvatarPack, precision: str, max_batch: int) -> Any:
        major, minor = torch.cuda.get_device_capability()
        device = f"{torch.cuda.get_device_name()} {major}.{minor}"
        versions = {m.__name__: m.__version__ for m in (torch, torch_tensorrt, tensorrt)}
        folder = cache.cache_folder("tensorrt")
        key = engine_key(pack, precision, max_batch, device, versions)
        blob = cache.load(folder, key)
        engine = None if blob is None else self._runtime.deserialize_cuda_engine(blob)
        if engine is None:
            begun = time.perf_counter()
            logger.info("building a TensorRT engine for %s: a minute or more, once", device)
            blob = build_engine(pack, precision, max_batch)
            cache.store(folder, key, blob)
            logger.info("built in %.0f s", time.perf_counter() - begun)
            engine = self._runtime.deserialize_cuda_engine(blob)
        if engine is None:
            raise RuntimeError("TensorRT refuses its own new engine; its log says why")
        return engine


def build_engine(pack: AvatarPack, precision: str, max_batch: int) -> bytes:
    """The network as a serialized engine for this GPU. Raises what Torch-TensorRT raises."""
    config = pack.card.generator
    latent = (config.num_ws, config.w_dim)
    ws = torch_tensorrt.Input(
        min_shape=(1, *latent),
        opt_shape=(1, *latent),  # a single picture is what a session waits for
        max_shape=(max_batch, *latent),
        dtype=torch.float32,
    )
    # Torch-TensorRT types its networks strongly: precisions are those of the exported graph.
    engine: bytes = torch_tensorrt.dynamo.convert_exported_program_to_serialized_trt_engine(
        export_pictures(pack, precision, max_batch, "cuda"),
        arg_inputs=(ws,),
        require_full_compilation=True,
        immutable_weights=True,
        disable_tf32=precision == "f32",
    )
    return engine
