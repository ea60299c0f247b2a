"""Every decoder against the eager truth, in uint8 levels; the network against its paper."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack
from latentcam.realtime_models.decoders import cache
from latentcam.realtime_models.decoders.auto import open_decoder
from latentcam.realtime_models.decoders.base import batches, check_batch_sizes
from latentcam.realtime_models.decoders.cache import cache_folder, load, store
from latentcam.realtime_models.decoders.eager import EagerDecoder
from latentcam.realtime_models.decoders.install import TORCH_CUDA
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder, build_model, x86
from latentcam.realtime_models.decoders.openvino_silent import ov
from latentcam.realtime_models.decoders.pictures import PictureNetwork
from latentcam.realtime_models.errors import BackendUnavailable
from latentcam.realtime_models.generator.latents import sample_z, w_to_ws, ws_to_styles, z_to_w
from latentcam.realtime_models.generator.layers import SynthesisLayer, stylegan2
from latentcam.realtime_models.generator.network import (
    MappingNetwork,
    ModulatedConv,
    SynthesisNetwork,
)
from latentcam.realtime_models.training.int8 import int8_layers, ready_for_int8
from tests.tiny import GENERATOR, tiny_card, tiny_generator, write_pack


def some_latents(pack: AvatarPack, count: int = 4) -> np.ndarray:
    """Named and sampled faces, each with another axis moved to its end."""
    avatar = Avatar(pack, EagerDecoder(pack))
    axes = pack.card.axes
    faces = pack.card.identities
    names = [faces[i % len(faces)] if i % 2 else str(i) for i in range(count)]
    moves = [{axes[i % len(axes)].name: axes[i % len(axes)].high} for i in range(count)]
    return np.stack(
        [
            avatar.basis.move(avatar.anchor(name), avatar.basis.control(m))
            for name, m in zip(names, moves, strict=True)
        ]
    ).astype(np.float32)


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
@pytest.mark.parametrize("name", ["tiny", "clear", DEFAULT_PACK])
def test_openvino_shows_what_eager_shows(
    tiny_pack: AvatarPack, clear_pack: AvatarPack, name: str, precision: str
) -> None:
    tiny = {"tiny": tiny_pack, "clear": clear_pack}
    pack = for_int8(tiny[name]) if name in tiny else load_pack(name)
    ws = some_latents(pack)
    truth = EagerDecoder(pack).decode(ws).astype(int)
    size = pack.card.generator.resolution
    assert truth.shape == (4, size, size, pack.card.generator.channels) and truth.std() > 5
    difference = np.abs(OpenVinoDecoder(pack, precision).decode(ws) - truth)
    if precision == "f32":
        assert difference.max() <= 1
    elif precision == "int8" and name in tiny:  # of random weights, which amplify
        assert difference.mean() < 6
    else:
        limit = 16 if precision == "int8" else 8
        assert difference.mean() < 1.5 and np.percentile(difference, 99.9) <= limit


def test_pictures_are_finer_for_one_session_than_for_several() -> None:
    pack = load_pack(DEFAULT_PACK)
    finest, coarser = pack.card.int8[:2], pack.card.int8[2:]
    card = msgspec.structs.replace(pack.card, int8=finest, int8_crowded=coarser)
    pack = replace(pack, card=card)
    ws = some_latents(pack)
    decoder, truth = OpenVinoDecoder(pack, "int8", lanes=2), EagerDecoder(pack).decode(ws)
    alone = decoder.decode(ws)
    assert np.array_equal(alone, OpenVinoDecoder(pack, "int8").decode(ws))
    for lane in decoder.lanes:
        difference = np.abs(lane(ws) - truth.astype(int))
        assert np.abs(alone - truth.astype(int)).mean() < difference.mean() < 2
        assert np.percentile(difference, 99.9) <= 20


@pytest.mark.skipif(not x86(), reason="int8 is for x86")
def test_what_is_to_be_int8_is_int8() -> None:
    """OpenVINO computes in a wider type, without a word, what it cannot compute in int8."""
    pack = load_pack(DEFAULT_PACK)
    layers = pack.card.int8
    compiled = ov.Core().compile_model(build_model(pack, layers), "CPU")
    convolutions = [
        node.get_rt_info()["runtimePrecision"]
        for node in compiled.get_runtime_model().get_ops()
        if node.get_rt_info()["layerType"] == "Convolution"
    ]
    assert len(convolutions) > len(pack.card.generator.layers)
    assert convolutions.count("i8") + convolutions.count("u8") == len(layers)


def for_int8(pack: AvatarPack) -> AvatarPack:
    config, axes = pack.card.generator, pack.card.axes
    int8, crowded = int8_layers(config)
    assert int8 and crowded
    tensors = ready_for_int8(config, pack.generator, pack.identities, axes, (*int8, *crowded))
    card = msgspec.structs.replace(pack.card, int8=int8, int8_crowded=crowded)
    return replace(pack, card=card, generator=tensors)


def test_being_ready_for_int8_changes_no_picture(tiny_pack: AvatarPack) -> None:
    ready, ws = for_int8(tiny_pack), some_latents(tiny_pack)
    assert {
        name.split(".")[2]
        for name, tensor in ready.generator.items()
        if not np.array_equal(tensor, tiny_pack.generator[name])
    } == {*ready.card.int8, *ready.card.int8_crowded}
    before = EagerDecoder(tiny_pack).decode(ws).astype(int)
    assert np.abs(EagerDecoder(ready).decode(ws) - before).max() <= 1


def test_with_textures_all_large_convolutions_are_int8(
    clear_pack: AvatarPack, worn_pack: AvatarPack
) -> None:
    alone, crowded = int8_layers(clear_pack.card.generator)
    last = [layer.name for layer in clear_pack.card.generator.layers if not layer.draws][-1]
    assert last in crowded and last not in alone
    worn, none = int8_layers(worn_pack.card.generator)
    assert set(worn) == {*alone, *crowded} and none == ()


def test_int8_only_for_packs_that_are_ready(tiny_pack: AvatarPack) -> None:
    with pytest.raises(BackendUnavailable, match="the pack tiny names no layers for int8"):
        open_decoder("openvino-int8", tiny_pack)
    assert "int8" not in open_decoder("openvino", tiny_pack).description
    for field in ("int8", "int8_crowded"):
        with pytest.raises(ValueError, match=f"{field} names .'b4_none'., which are not layers"):
            tiny_card(**{field: ("b4_none",)})


# Not the default pack in float16: CPUs without units for it take minutes.
@pytest.mark.parametrize(
    ("name", "precision"),
    [("tiny", "fp16"), ("tiny", "bf16"), ("clear", "fp16"), ("clear", "bf16"),
     (DEFAULT_PACK, "bf16")],
)  # fmt: skip
def test_half_precision_shows_what_float32_shows(
    tiny_pack: AvatarPack, clear_pack: AvatarPack, name: str, precision: str
) -> None:
    """The network that the GPU decoders run, on the CPU."""
    pack = {"tiny": tiny_pack, "clear": clear_pack}.get(name) or load_pack(name)
    ws = some_latents(pack)
    with torch.inference_mode():
        levels = PictureNetwork(pack, precision)(torch.from_numpy(ws)).numpy()
    difference = np.abs(levels - EagerDecoder(pack).decode(ws))
    if precision == "fp16":
        assert difference.mean() < 0.1 and difference.max() <= 3
    else:
        assert difference.mean() < 1.0 and np.percentile(difference, 99.9) <= 8


@pytest.mark.parametrize("decoder", ["eager", "openvino-f32", "openvino-bf16"])
def test_no_colour_exceeds_its_alpha(clear_pack: AvatarPack, decoder: str) -> None:
    """Else what is put before a bright background would overflow."""
    pictures = open_decoder(decoder, clear_pack).decode(some_latents(clear_pack))
    colours, alpha = pictures[..., :3], pictures[..., 3:]
    assert (colours <= alpha).all() and (colours == alpha).mean() > 0.2 and np.ptp(alpha) > 50


def test_large_styles_do_not_overflow_half_precision(tiny_pack: AvatarPack) -> None:
    """A convolution's scale is undone by its demodulation, but only after float16 held it."""
    big = {
        name: tensor * 3e4
        if name.endswith(("_conv.affine.weight", "_conv.affine.bias"))
        else tensor
        for name, tensor in tiny_pack.generator.items()
    }
    pack = replace(tiny_pack, generator=big)
    ws = some_latents(tiny_pack)
    with torch.inference_mode():
        levels = PictureNetwork(pack, "fp16")(torch.from_numpy(ws)).numpy()
    assert np.abs(levels - EagerDecoder(pack).decode(ws)).max() <= 3


def test_any_number_of_latents_is_decoded_in_order(tiny_pack: AvatarPack) -> None:
    ws, decoder = some_latents(tiny_pack, 5), OpenVinoDecoder(tiny_pack, "f32")
    one_by_one = np.concatenate([decoder.decode(w[None]) for w in ws])
    np.testing.assert_array_equal(decoder.decode(ws), one_by_one)


def test_calls_side_by_side_give_the_same_pictures(tiny_pack: AvatarPack) -> None:
    ws = some_latents(tiny_pack, 60)
    alone = OpenVinoDecoder(tiny_pack, "f32").decode(ws)
    lanes = OpenVinoDecoder(tiny_pack, "f32", lanes=3).lanes
    assert len(lanes) == 3
    with ThreadPoolExecutor(3) as threads:
        pictures = np.concatenate(
            list(threads.map(lambda lane, part: lane(part), lanes, np.split(ws, 3)))
        )
    assert np.abs(pictures.astype(int) - alone).max() <= 1


def test_latents_are_cut_into_the_sizes_that_were_compiled() -> None:
    sizes = check_batch_sizes([1, 4, 2])
    cut = list(batches(np.arange(7, dtype=np.float32), sizes))
    assert [size for size, _ in cut] == [4, 2, 1]
    assert [part.tolist() for _, part in cut] == [[0, 1, 2, 3], [4, 5], [6]]
    with pytest.raises(ValueError, match="with 1 among them"):
        check_batch_sizes([2, 4])


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


@pytest.mark.parametrize(
    ("driver", "missing", "chosen", "reason"),
    [
        (None, (), "openvino", "no NVIDIA driver is here, and it is the fastest on a CPU"),
        (None, ("openvino",), "eager", "openvino is not installed"),
        ("/usr/bin/nvidia-smi", ("torch",), "openvino", "PyTorch, which .* is not installed"),
        pytest.param(
            "/usr/bin/nvidia-smi", (), "openvino", "sees no NVIDIA GPU",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="PyTorch sees a GPU"),
        ),
    ],
)  # fmt: skip
def test_auto_says_why(
    tiny_pack: AvatarPack,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    driver: str | None,
    missing: tuple[str, ...],
    chosen: str,
    reason: str,
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: driver)
    hide(monkeypatch, *missing)
    with caplog.at_level("INFO"):
        assert open_decoder("auto", tiny_pack).description.startswith(chosen)
    assert re.search(f"decoder {chosen}: .*{reason}", caplog.text)


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """As if these were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name in modules else find(name)
    )


@pytest.mark.parametrize(
    ("decoder", "module", "install"),
    [
        ("openvino", "openvino", "pip install openvino"),
        ("eager", "torch", "pip install torch --index-url https://download.pytorch.org/whl/cpu"),
        ("cuda", "torch", "pip install torch --index-url https://download.pytorch.org/whl/cu130"),
        ("tensorrt", "torch_tensorrt", "pip install torch-tensorrt tensorrt --extra-index-url"),
    ],
)
def test_a_backend_that_is_not_installed(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch, decoder: str, module: str, install: str
) -> None:
    hide(monkeypatch, module)
    sentence = f"decoder {decoder} needs {module}, which is not installed: {install}"
    with pytest.raises(BackendUnavailable, match=re.escape(sentence)):
        open_decoder(decoder, tiny_pack)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_cuda_says_what_to_install(tiny_pack: AvatarPack) -> None:
    with pytest.raises(BackendUnavailable, match="needs .* CUDA|NVIDIA GPU") as told:
        open_decoder("cuda", tiny_pack)
    assert str(told.value).endswith(TORCH_CUDA) and "\n" not in str(told.value)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no NVIDIA GPU")
@pytest.mark.parametrize("decoder", ["cuda", "tensorrt"])
@pytest.mark.parametrize("name", ["clear", DEFAULT_PACK])
def test_a_gpu_shows_what_eager_shows(clear_pack: AvatarPack, name: str, decoder: str) -> None:
    if decoder == "tensorrt":
        pytest.importorskip("torch_tensorrt")
    pack = clear_pack if name == "clear" else load_pack(name)
    ws = some_latents(pack, 5)
    difference = np.abs(
        open_decoder(decoder, pack).decode(ws) - EagerDecoder(pack).decode(ws) * 1.0
    )
    assert difference.mean() < 0.2 and np.percentile(difference, 99.9) <= 4


def test_a_damaged_cache_is_compiled_again(
    tiny_pack: AvatarPack, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenVINO would use a blob with scrambled weights, and show another picture."""
    ws = some_latents(tiny_pack, 1)
    before = OpenVinoDecoder(tiny_pack).decode(ws)
    folder = cache_folder("openvino")
    assert folder is not None
    (blob,) = folder.iterdir()
    whole = blob.read_bytes()
    middle = bytearray(whole)
    middle[len(whole) // 2] ^= 0xFF
    middle[len(whole) // 3] ^= 1
    foreign = hashlib.sha256(b"no model").digest() + b"no model"
    for damaged in (b"", b"x" * 5000, whole[:-100], bytes(middle), foreign):
        blob.write_bytes(damaged)
        caplog.clear()
        np.testing.assert_array_equal(OpenVinoDecoder(tiny_pack).decode(ws), before)
        assert "compiling again" in caplog.text and blob.read_bytes() != damaged
        caplog.clear()
    np.testing.assert_array_equal(OpenVinoDecoder(tiny_pack).decode(ws), before)
    assert not caplog.text and list(folder.iterdir()) == [blob]


def test_packs_that_share_a_generator_share_what_is_compiled(tiny_pack: AvatarPack) -> None:
    card = msgspec.structs.replace(tiny_pack.card, name="borrower", identities=("Cy",))
    for pack in (tiny_pack, replace(tiny_pack, card=card)):
        OpenVinoDecoder(pack, "f32", lanes=2)
    folder = cache_folder("openvino")
    assert folder is not None and len(list(folder.iterdir())) == 2, "alone, and side by side"


def test_what_was_used_longest_ago_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST_KEPT", 300)
    for age, key in enumerate(("a", "b", "c.123.part")):
        (tmp_path / key).write_bytes(hashlib.sha256(b"x" * 60).digest() + b"x" * 60)
        os.utime(tmp_path / key, (1000 + age, 1000 + age))
    assert load(tmp_path, "a") == b"x" * 60, "used now"
    store(tmp_path, "new", b"x" * 60)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "c.123.part", "new"}
    store(tmp_path, "newer", b"x" * 60)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "new", "newer"}


def test_a_full_disk_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    store(tmp_path, "key", b"engine")
    assert "No space left" in caplog.text and not list(tmp_path.iterdir())


def test_a_cache_folder_that_cannot_be_made(
    tiny_pack: AvatarPack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert OpenVinoDecoder(tiny_pack).decode(some_latents(tiny_pack, 1)).std() > 5
    assert "nothing compiled is kept for the next start" in caplog.text


def test_what_is_kept_is_whole_or_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store(tmp_path, "key", b"engine")
    assert load(tmp_path, "key") == b"engine" and load(tmp_path, "other") is None
    (tmp_path / "key").write_bytes((tmp_path / "key").read_bytes()[:-1])
    assert load(tmp_path, "key") is None and "damaged" in caplog.text
    store(None, "key", b"engine")
    assert load(None, "key") is None
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("kind", ["conv", "up", "up_transposed"])
def test_modulated_convolution_equals_the_papers(kind: str) -> None:
    """Scaling inputs and outputs is the same as modulating and demodulating the weights."""
    torch.manual_seed(0)
    layer = SynthesisLayer("x", kind, 6, 5, 8, 0)  # type: ignore[arg-type]
    conv = ModulatedConv(layer, 4).double()
    x, style = torch.randn(1, 6, 4, 4).double(), torch.randn(1, 6).double()
    weight = conv.weight * style[0][None, :, None, None]
    weight = weight * torch.rsqrt(weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
    if kind == "up_transposed":
        fir = torch.tensor([1.0, 3.0, 3.0, 1.0]).double() / 4
        y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        y = F.conv2d(y, fir.outer(fir).expand(5, 1, 4, 4), padding=1, groups=5)
    else:
        y = F.conv2d(x, weight, padding=1)
    if kind == "up":
        y = F.interpolate(y, scale_factor=2, mode="bilinear")
    expected = F.leaky_relu(y, 0.2) * 2**0.5
    torch.testing.assert_close(conv.modulate(x, style), expected, rtol=1e-6, atol=1e-6)


def test_official_parameters_give_official_sizes() -> None:
    config = stylegan2(
        z_dim=512, w_dim=512, mapping_layers=8, resolution=256, channel_base=32768, channel_max=512
    )
    assert config.num_ws == 14
    widths = {layer.resolution: layer.out_channels for layer in config.layers if not layer.draws}
    assert [widths[r] for r in (4, 64, 128, 256)] == [512, 512, 256, 128]


def test_progressive_pictures_have_the_block_size() -> None:
    network = SynthesisNetwork(GENERATOR)
    ws = torch.zeros(2, GENERATOR.num_ws, GENERATOR.w_dim)
    assert network(ws, stop=8).shape == (2, 3, 8, 8)
    assert network(ws).shape == (2, 3, 32, 32)


def test_one_network_holds_pictures_of_two_sizes() -> None:
    """The last blocks draw sub-pixels each: the picture before the last block is a whole one."""
    config = tiny_generator(resolution=64, subpixels=2)
    assert config.picture_sizes == (4, 8, 32, 64)
    network = SynthesisNetwork(config)
    ws = torch.randn(1, config.num_ws, config.w_dim)
    small, large = network(ws, stop=32), network(ws)
    assert (small.shape, large.shape) == ((1, 3, 32, 32), (1, 3, 64, 64))
    last = [layer for layer in config.layers if layer.draws][-1]
    with torch.no_grad():
        network.conv(last).weight.zero_()
        network.conv(last).bias.zero_()
    assert torch.equal(network(ws), F.interpolate(small, scale_factor=2.0, mode="bilinear"))


def test_openvino_draws_two_blocks_of_sub_pixels_like_eager(tmp_path: Path) -> None:
    config = tiny_generator(resolution=64, subpixels=2)
    pack = load_pack(str(write_pack(tmp_path / "fine", tiny_card(generator=config))))
    ws = np.random.default_rng(0).standard_normal((2, config.num_ws, config.w_dim), np.float32)
    wanted = EagerDecoder(pack).decode(ws).astype(int)
    got = OpenVinoDecoder(pack, "f32").decode(ws).astype(int)
    assert wanted.shape == (2, 64, 64, 3)
    assert np.abs(got - wanted).max() <= 1


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
    tensors = tiny_pack.generator
    z = sample_z(GENERATOR, 3)
    for psi in (1.0, 0.5, 0.0):
        w = mapping(torch.from_numpy(z)[None], psi)[0].detach().numpy()
        np.testing.assert_allclose(z_to_w(GENERATOR, tensors, z, psi), w, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(z_to_w(GENERATOR, tensors, z, 0.0), tensors["mapping.w_avg"])
    ws = w_to_ws(GENERATOR, z_to_w(GENERATOR, tensors, z))
    styles = synthesis.styles(torch.from_numpy(ws)[None])
    for name, style in ws_to_styles(GENERATOR, tensors, ws).items():
        np.testing.assert_allclose(style, styles[name][0].detach().numpy(), rtol=1e-4, atol=1e-4)
    drawn = synthesis.from_styles(styles).picture
    torch.testing.assert_close(drawn, synthesis(torch.from_numpy(ws)[None]))
