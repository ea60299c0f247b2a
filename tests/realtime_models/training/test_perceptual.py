"""The judge of likeness: an ONNX file is read as what it is, and a picture is like itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training stack is not installed")
onnx = pytest.importorskip("onnx", reason="the extra [judge] is not installed")

from latentcam.realtime_models.training.perceptual import (  # noqa: E402
    WIDTHS,
    Vgg16,
    perceptual_distance,
)


def write_vgg(path: Path, widths: tuple[tuple[int, ...], ...] = WIDTHS) -> None:
    """Random kernels, named as nothing in particular."""
    rng, inputs = np.random.default_rng(0), 3
    nodes, tensors = [], []
    for number, outputs in enumerate(sum(widths, ())):
        kernel = rng.normal(0, (2 / (9 * inputs)) ** 0.5, (outputs, inputs, 3, 3))
        for name, values in ((f"k{number}", kernel), (f"b{number}", np.zeros(outputs))):
            tensors.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
        nodes.append(onnx.helper.make_node("Conv", [f"x{number}", f"k{number}", f"b{number}"],
                                           [f"x{number + 1}"], pads=[1] * 4))  # fmt: skip
        inputs = outputs
    value = onnx.helper.make_tensor_value_info
    ends = value("x0", 1, None), value(f"x{len(nodes)}", 1, None)
    graph = onnx.helper.make_graph(nodes, "vgg", [ends[0]], [ends[1]], tensors)
    onnx.save(onnx.helper.make_model(graph), path)


def test_distance_grows_with_the_difference_and_is_zero_for_the_same(tmp_path: Path) -> None:
    write_vgg(tmp_path / "vgg.onnx")
    network = Vgg16(tmp_path / "vgg.onnx", blocks=2)
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    noise = torch.randn_like(picture)
    distances = [
        float(perceptual_distance(network, picture + strength * noise, picture))
        for strength in (0.0, 0.1, 0.5)
    ]
    assert distances[0] == 0.0
    assert 0.0 < distances[1] < distances[2]


def test_features_halve_in_size_from_block_to_block(tmp_path: Path) -> None:
    write_vgg(tmp_path / "vgg.onnx")
    shapes = [f.shape for f in Vgg16(tmp_path / "vgg.onnx", blocks=3)(torch.zeros(1, 3, 32, 32))]
    assert shapes == [(1, 64, 32, 32), (1, 128, 16, 16), (1, 256, 8, 8)]


def test_another_network_is_refused(tmp_path: Path) -> None:
    write_vgg(tmp_path / "other.onnx", WIDTHS[:2])
    with pytest.raises(ValueError, match="other convolutions than VGG16's thirteen"):
        Vgg16(tmp_path / "other.onnx")
    with pytest.raises(FileNotFoundError, match="expected an ONNX file"):
        Vgg16(tmp_path / "missing.onnx")
    (tmp_path / "junk.onnx").write_bytes(b"\xff no model" * 50)
    with pytest.raises(ValueError, match="is no ONNX file"):
        Vgg16(tmp_path / "junk.onnx")
