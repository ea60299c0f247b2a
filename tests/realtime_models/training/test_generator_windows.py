"""A window of a picture is that part of the whole picture, and costs less."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training stack is not installed")

from latentcam.realtime_models.generator.layers import MouthBox, stylegan2  # noqa: E402
from latentcam.realtime_models.generator.network import SynthesisNetwork, composed  # noqa: E402
from latentcam.realtime_models.training.generator.train import MOUTH  # noqa: E402
from latentcam.realtime_models.training.generator.windows import (  # noqa: E402
    BASE,
    Window,
    draw,
    weight_of,
)


def network(
    subpixels: int, resolution: int, flow: int = 0, mouth: MouthBox | None = None
) -> SynthesisNetwork:
    torch.manual_seed(1)
    return SynthesisNetwork(
        stylegan2(
            z_dim=8, w_dim=8, mapping_layers=1, resolution=resolution, channel_base=512,
            channel_max=4, channels=4, subpixels=subpixels, flow=flow, mouth=mouth,
        )
    ).eval()  # fmt: skip


WINDOWS = {
    "inside": Window(20, 44, 24, 40),
    "a corner": Window(0, 16, 0, 20),
    "the other corner": Window(40, BASE, 50, BASE),
    "near an edge": Window(2, 30, 10, 62),
    "everything": Window(0, BASE, 0, BASE),
}


@pytest.mark.parametrize("where", list(WINDOWS))
@pytest.mark.parametrize(
    ("subpixels", "resolution", "sizes"),
    [(2, 512, [512]), (2, 512, [256]), (2, 512, [256, 512]), (0, 256, [128, 256])],
)
def test_a_window_equals_that_part_of_the_whole(
    where: str, subpixels: int, resolution: int, sizes: list[int]
) -> None:
    net, window = network(subpixels, resolution), WINDOWS[where]
    ws = torch.randn(2, net.config.num_ws, 8)
    with torch.no_grad():
        wholes, parts = [net(ws, size) for size in sizes], draw(net, ws, sizes, window)
    for part, whole in zip(parts, wholes, strict=True):
        torch.testing.assert_close(part.picture, window.of(whole), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("where", list(WINDOWS))
@pytest.mark.parametrize(("flow", "mouth"), [(8, MOUTH), (64, None), (256, MOUTH)])
@pytest.mark.parametrize("size", [256, 512])
def test_a_window_of_a_picture_with_textures_equals_that_part_of_the_whole(
    where: str, flow: int, size: int, mouth: MouthBox | None
) -> None:
    net, window = network(2, 512, flow, mouth), WINDOWS[where]
    ws = torch.randn(2, net.config.num_ws, 8)
    textures = torch.rand(2, *net.config.texture_shape)
    textures = torch.nn.functional.avg_pool2d(textures, 65, 1, 32)  # smooth
    share = torch.tensor([1.0, 0.5]).reshape(2, 1, 1, 1)
    with torch.no_grad():
        whole = composed(net.config, net.draw(ws, size), textures, share)
        (part,) = draw(net, ws, [size], window)
        parts = composed(net.config, part, textures, share, window.begin(size), size)
    assert (whole.mouth is None) == (mouth is None)
    for got, wanted in (
        (parts.picture, whole.picture),
        (parts.alone()[-1], whole.alone()[-1]),
        (parts.uncovered(), whole.uncovered()),
    ):
        torch.testing.assert_close(got, window.of(wanted), rtol=1e-4, atol=1e-4)


def test_small_pictures_are_drawn_whole() -> None:
    net = network(2, 512)
    ws = torch.randn(2, net.config.num_ws, 8)
    with torch.no_grad():
        for size, picture in zip([8, 32], draw(net, ws, [8, 32]), strict=True):
            torch.testing.assert_close(picture.picture, net(ws, size))


def test_windows_are_inside_and_often_about_the_face() -> None:
    rng = np.random.default_rng(0)
    drawn = [Window.drawn(rng) for _ in range(200)]
    middles = []
    for w in drawn:
        assert 0 <= w.top < w.bottom <= BASE and 0 <= w.left < w.right <= BASE
        middles.append(((w.top + w.bottom) / 2, (w.left + w.right) / 2))
    face = [abs(x - BASE / 2) < BASE / 4 and y > BASE / 4 for y, x in middles]
    assert 0.6 < np.mean(face) < 0.95
    assert min(w.top for w in drawn) == 0 and max(w.bottom for w in drawn) == BASE


def test_the_smallest_window_around_a_box() -> None:
    assert Window.around((0.5, 0.72, 0.36, 0.64)) == Window(32, 47, 23, 41)


def test_a_window_beside_the_face_counts_as_much() -> None:
    weight = torch.ones(1, 1, 128, 128)
    weight[..., :64] = 5.0
    assert float(weight_of(weight, Window(0, 64, 40, 64)).mean()) == pytest.approx(1)
