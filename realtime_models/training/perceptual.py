"""How different two pictures look, by the features of a network that learned to see: VGG16.

Gatys et al. 2016 and Johnson et al. 2016 ("Perceptual losses"), normalised along channels as in
LPIPS (Zhang et al. 2018, "The unreasonable effectiveness of deep features"), with uniform weights
instead of their learned ones. The network's weights are Simonyan and Zisserman's (2015, CC BY 4.0),
read from any ONNX file that holds the whole VGG16 in Keras' colour order; none of it becomes part
of a pack.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
MEAN = (103.939, 116.779, 123.68)  # blue, green, red of ImageNet, as the network was trained


class Vgg16(nn.Module):
    """The convolutions, for features only. blocks: how many of the five, each at half the size of
    the one before; the first two or three tell textures and edges and cost the least."""

    def __init__(self, path: Path, blocks: int = 3) -> None:
        """Raises FileNotFoundError, or ValueError if the file holds no VGG16 or onnx is missing."""
        super().__init__()
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist, expected an ONNX file of VGG16")
        self.blocks = nn.ModuleList()
        weights, inputs = _convolutions(path), 3
        wanted = [
            (outputs, i, 3, 3)
            for outputs, i in zip(sum(WIDTHS, ()), (3, *sum(WIDTHS, ())), strict=False)
        ]
        if [kernel.shape for kernel, _ in weights] != wanted:
            raise ValueError(f"{path} has other convolutions than VGG16's thirteen")
        for widths in WIDTHS[:blocks]:
            layers: list[nn.Module] = [nn.MaxPool2d(2)] if len(self.blocks) else []
            for outputs in widths:
                layer = nn.Conv2d(inputs, outputs, 3, padding=1)
                kernel, bias = weights.pop(0)
                layer.weight.data = torch.tensor(kernel)
                layer.bias = nn.Parameter(torch.tensor(bias))
                layers += [layer, nn.ReLU()]
                inputs = outputs
            self.blocks.append(nn.Sequential(*layers))
        self.requires_grad_(False)
        self.register_buffer("mean", torch.tensor(MEAN)[None, :, None, None])
        self.mean: Tensor

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """pictures: RGB [N, 3, H, W] in [-1, 1]. Returns the last features of every block."""
        x = (pictures.flip(1) + 1) * 127.5 - self.mean
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return features


def perceptual_distance(network: Vgg16, output: Tensor, target: Tensor) -> Tensor:
    """Mean over pictures and blocks of the squared distance of unit features; 0 for the same
    picture. RGB [N, 3, H, W] in [-1, 1]."""
    with torch.no_grad():
        wanted = network(target)
    total = output.new_zeros(())
    for got, want in zip(network(output), wanted, strict=True):
        total = total + (_unit(got) - _unit(want)).square().sum(1).mean()
    return total / len(wanted)


def _unit(features: Tensor) -> Tensor:
    features = features.float()
    length: Tensor = features.square().sum(1, keepdim=True).add(1e-8).sqrt()
    return features / length


def _convolutions(path: Path) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Kernel [O, I, 3, 3] and bias [O] of every 3x3 convolution, in the order of the graph."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
        from onnx import numpy_helper
    except ModuleNotFoundError:
        raise ValueError(
            f"{path} cannot be read without onnx: pip install 'latentcam[judge]'"
        ) from None

    try:
        graph = onnx.load(path).graph
    except DecodeError:
        raise ValueError(f"{path} is no ONNX file, expected one of VGG16") from None
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    return [
        (numpy_helper.to_array(tensors[kernel]), numpy_helper.to_array(tensors[bias]))
        for _, kernel, bias in (node.input for node in graph.node if node.op_type == "Conv")
    ]
