"""Every decoder against the eager truth, in uint8 levels; the network against its paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from realtime_models.avatar import Avatar
from realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack
from realtime_models.decoders.auto import open_decoder
from realtime_models.decoders.eager import EagerDecoder
from realtime_models.decoders.openvino import OpenVinoDecoder
from realtime_models.errors import BackendUnavailable
from realtime_models.generator_config import GeneratorConfig, SynthesisLayer
from realtime_models.latents import sample_z, w_to_ws, ws_to_styles, z_to_w
from realtime_models.stylegan2 import MappingNetwork, ModulatedConv, SynthesisNetwork
from tests.tiny import GENERATOR


def some_latents(pack: AvatarPack, count: int = 4) -> np.ndarray:
    """Sampled faces, each with another axis moved to its end."""
    avatar = Avatar(pack, EagerDecoder(pack))
    axes = pack.card.axes
    moves = [{axes[i % len(axes)].name: axes[i % len(axes)].high} for i in range(count)]
    return np.stack(
        [
            avatar.basis.move(avatar.anchor(str(i)), avatar.basis.control(m))
            for i, m in enumerate(moves)
        ]
    ).astype(np.float32)


@pytest.mark.parametrize("precision", ["f32", "bf16"])
@pytest.mark.parametrize("name", ["tiny", DEFAULT_PACK])
def test_openvino_shows_what_eager_shows(tiny_pack: AvatarPack, name: str, precision: str) -> None:
    pack = tiny_pack if name == "tiny" else load_pack(name)
    ws = some_latents(pack)
    truth = EagerDecoder(pack).decode(ws).astype(int)
    size = pack.card.generator.resolution
    assert truth.shape == (4, size, size, 3) and truth.std() > 5
    difference = np.abs(OpenVinoDecoder(pack, precision).decode(ws) - truth)
    if precision == "f32":
        assert difference.max() <= 1
    else:
        assert difference.mean() < 1.0 and np.percentile(difference, 99.9) <= 8


def test_a_decoded_picture_is_the_callers(tiny_pack: AvatarPack) -> None:
    decoder = OpenVinoDecoder(tiny_pack)
    first, second = some_latents(tiny_pack, 2)
    kept = decoder.decode(first[None])
    before = kept.copy()
    decoder.decode(second[None])
    np.testing.assert_array_equal(kept, before)


def test_the_same_latent_is_the_same_picture(tiny_pack: AvatarPack) -> None:
    ws = some_latents(tiny_pack, 1)
    for decoder in (EagerDecoder(tiny_pack), OpenVinoDecoder(tiny_pack)):
        np.testing.assert_array_equal(decoder.decode(ws), decoder.decode(ws))


def test_auto_says_why(tiny_pack: AvatarPack, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert "openvino" in open_decoder("auto", tiny_pack).description
    assert "fastest on a CPU" in caplog.text


def test_a_backend_that_is_not_installed(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match="pip install torch"):
        open_decoder("eager", tiny_pack)


@pytest.mark.parametrize("kind", ["conv", "up"])
def test_modulated_convolution_equals_the_papers(kind: str) -> None:
    """Scaling inputs and outputs is the same as modulating and demodulating the weights."""
    torch.manual_seed(0)
    layer = SynthesisLayer("x", kind, 6, 5, 8, 0)  # type: ignore[arg-type]
    conv = ModulatedConv(layer, 4).double()
    x, style = torch.randn(1, 6, 4, 4).double(), torch.randn(1, 6).double()
    weight = conv.weight * style[0][None, :, None, None]
    weight = weight * torch.rsqrt(weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
    y = F.conv2d(x, weight, padding=1)
    if kind == "up":
        y = F.interpolate(y, scale_factor=2, mode="bilinear")
    expected = F.leaky_relu(y, 0.2) * 2**0.5
    torch.testing.assert_close(conv.modulate(x, style), expected, rtol=1e-6, atol=1e-6)


def test_official_parameters_give_official_sizes() -> None:
    config = GeneratorConfig(
        z_dim=512, w_dim=512, mapping_layers=8, resolution=256, channel_base=32768, channel_max=512
    )
    assert config.num_ws == 14
    assert [config.channels(r) for r in (4, 64, 128, 256)] == [512, 512, 256, 128]


def test_progressive_pictures_have_the_block_size() -> None:
    network = SynthesisNetwork(GENERATOR)
    ws = torch.zeros(2, GENERATOR.num_ws, GENERATOR.w_dim)
    assert network(ws, stop=8).shape == (2, 3, 8, 8)
    assert network(ws).shape == (2, 3, 32, 32)


def test_latent_spaces_agree_with_the_networks(tiny_pack: AvatarPack) -> None:
    mapping, synthesis = MappingNetwork(GENERATOR), SynthesisNetwork(GENERATOR)
    for module, prefix in ((mapping, "mapping."), (synthesis, "synthesis.")):
        module.load_state_dict(
            {
                name.removeprefix(prefix): torch.from_numpy(t.copy())
                for name, t in tiny_pack.generator.items()
                if name.startswith(prefix)
            }
        )
    z = sample_z(tiny_pack, 3)
    for psi in (1.0, 0.5, 0.0):
        w = mapping(torch.from_numpy(z)[None], psi)[0].detach().numpy()
        np.testing.assert_allclose(z_to_w(tiny_pack, z, psi), w, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(z_to_w(tiny_pack, z, 0.0), tiny_pack.generator["mapping.w_avg"])
    ws = w_to_ws(tiny_pack, z_to_w(tiny_pack, z))
    styles = synthesis.styles(torch.from_numpy(ws)[None])
    for name, style in ws_to_styles(tiny_pack, ws).items():
        np.testing.assert_allclose(style, styles[name][0].detach().numpy(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(synthesis.from_styles(styles), synthesis(torch.from_numpy(ws)[None]))
