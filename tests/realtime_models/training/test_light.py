"""A light branch learns what its generator draws, goes on exactly where it stopped, and becomes a
part of the pack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training stack is not installed")
for name in ("PIL", "scipy", "sklearn"):
    pytest.importorskip(name, reason="the training stack is not installed")

from latentcam.realtime_models.avatar import Avatar  # noqa: E402
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack  # noqa: E402
from latentcam.realtime_models.decoders.eager import EagerDecoder  # noqa: E402
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder  # noqa: E402
from latentcam.realtime_models.errors import AvatarPackError  # noqa: E402
from latentcam.realtime_models.generator.layers import light_branch, stylegan2  # noqa: E402
from latentcam.realtime_models.generator.network import SynthesisNetwork  # noqa: E402
from latentcam.realtime_models.resolutions import drawn_at, resolutions, textures_for  # noqa: E402
from latentcam.realtime_models.training import make_pack  # noqa: E402
from latentcam.realtime_models.training.generator import light  # noqa: E402
from latentcam.realtime_models.training.generator.light import (  # noqa: E402
    CHECKPOINT,
    Imitation,
    Latents,
    begun,
    shown,
    train,
)
from latentcam.realtime_models.training.retrain import LIGHT  # noqa: E402
from tests.tiny import WORDS, write_pack  # noqa: E402

SIZES: dict[str, Any] = {"resolution": 32, "channel_base": 128, "channel_max": 8}
OPTIONS = ("--resolution", "32", "--channel-base", "128", "--channel-max", "8", "--batch", "2",
           "--decoder", "eager")  # fmt: skip


@pytest.fixture(autouse=True)
def memory_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would last as long as this process does."""
    monkeypatch.setattr(light, "keep_freed_memory", lambda: None)


def imitation_of(pack: AvatarPack, steps: int) -> Imitation:
    torch.manual_seed(0)
    return Imitation(light_branch(pack.card.generator, **SIZES), steps, 2e-3, "cpu")


def test_a_light_branch_wears_the_textures_of_its_pack(worn_pack: AvatarPack) -> None:
    config = light_branch(worn_pack.card.generator, **SIZES)
    assert config.flow == worn_pack.card.generator.flow
    torch.manual_seed(0)
    learner = Imitation(config, 60, 5e-3, "cpu", textures_for(worn_pack, config))
    decode, latents = EagerDecoder(worn_pack).decode, np.repeat(worn_pack.identities, 2, 0)
    wanted = shown(decode, latents, config.resolution)
    before = learner.judge(latents, wanted)["psnr"]
    for _ in range(60):
        learner.learn(latents, wanted)
    assert learner.judge(latents, wanted)["psnr"] > before + 3


def test_the_same_number_is_the_same_latents(clear_pack: AvatarPack) -> None:
    latents = Latents(clear_pack)
    one, again, other = latents.draw(7, 40), latents.draw(7, 40), latents.draw(8, 40)
    config = clear_pack.card.generator
    assert one.shape == (40, config.num_ws, config.w_dim) and one.dtype == np.float32
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 0.1 and np.isfinite(one).all()
    still = {**clear_pack.generator, "basis": 0 * clear_pack.generator["basis"]}
    at_rest = Latents(replace(clear_pack, generator=still)).draw(7, 40)
    named = [min(np.abs(ws - face).max() for face in clear_pack.identities) for ws in at_rest]
    assert 8 < sum(far < 1e-6 for far in named) < 24, "named faces, and others"


def test_steps_lower_the_loss(clear_pack: AvatarPack) -> None:
    imitation, latents = imitation_of(clear_pack, 400), Latents(clear_pack)
    ws = latents.draw(0, 4)
    wanted = shown(EagerDecoder(clear_pack).decode, ws, 32)
    assert wanted.shape == (4, 4, 32, 32) and -1 <= wanted.min() < wanted.max() <= 1
    before = imitation.judge(ws, wanted)["psnr"]
    found = [imitation.learn(ws, wanted) for _ in range(80)]
    assert np.mean(found[-10:]) < 0.8 * np.mean(found[:10])
    assert imitation.judge(ws, wanted)["psnr"] > before + 1


def test_it_goes_on_exactly_where_it_stopped(clear_pack: AvatarPack, tmp_path: Path) -> None:
    decode = EagerDecoder(clear_pack).decode
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = imitation_of(clear_pack, 6)
    train(whole, clear_pack, decode, 2, 6, tmp_path / "whole")
    first = imitation_of(clear_pack, 6)
    train(first, clear_pack, decode, 2, 3, tmp_path / "parts")
    torch.manual_seed(99)  # whatever else the new process has drawn
    second = Imitation(first.config, 6, 2e-3, "cpu")
    begun(tmp_path / "parts" / CHECKPOINT, second, clear_pack)
    assert second.step == 3
    train(second, clear_pack, decode, 2, 6, tmp_path / "parts")
    for which in ("network", "ema"):
        for name, tensor in getattr(whole, which).state_dict().items():
            assert torch.equal(tensor, getattr(second, which).state_dict()[name]), name


def test_a_checkpoint_of_another_training_is_refused(
    clear_pack: AvatarPack, tmp_path: Path
) -> None:
    imitation = imitation_of(clear_pack, 1)
    train(imitation, clear_pack, EagerDecoder(clear_pack).decode, 1, 1, tmp_path)
    other = Imitation(
        light_branch(clear_pack.card.generator, **{**SIZES, "channel_max": 6}), 1, 2e-3, "cpu"
    )
    with pytest.raises(AvatarPackError, match="holds a network of another size"):
        begun(tmp_path / CHECKPOINT, other, clear_pack)


def test_a_light_branch_is_not_larger_than_the_generator(clear_pack: AvatarPack) -> None:
    config = clear_pack.card.generator
    with pytest.raises(ValueError, match="the light branch has 128 pixels a side"):
        light_branch(config, resolution=128)
    big = stylegan2(
        z_dim=64, w_dim=256, mapping_layers=4, resolution=512, channel_base=8192, channel_max=256,
        channels=4, subpixels=2,
    )  # fmt: skip
    branch = light_branch(big)
    assert 0.9e9 < branch.macs < 1e9 < 2.8e9 < big.up_to(256).macs < 3.75e9 < big.macs
    assert (branch.resolution, branch.channels, branch.num_ws, big.num_ws) == (256, 4, 12, 14)


def test_the_command_makes_a_part_of_a_pack(
    clear_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--avatar", str(clear_folder), "--out", str(tmp_path / "light"), *OPTIONS]
    light.main([*command, "--steps", "4"])
    light.main([*command, "--steps", "4"])
    said = capsys.readouterr().out
    assert "0.00 GMAC, learning from 0.00" in said and "going on at step 4" in said
    checkpoint = str(tmp_path / "light" / CHECKPOINT)
    out = tmp_path / "whole"
    make_pack.main(["--base", str(clear_folder), "--light", checkpoint, "--smaller", "32",
                    "--out", str(out), *WORDS])  # fmt: skip
    pack = load_pack(str(out))
    assert resolutions(pack.card) == ("64", "32", "32-light") and pack.card.retrain == LIGHT
    drawn = drawn_at(pack, "32-light")
    assert drawn.card.int8 and drawn.card.int8_crowded
    ws = np.stack([Avatar(pack, EagerDecoder(pack)).anchor(name) for name in ("Ada", "9")])
    state = torch.load(checkpoint, weights_only=True)["ema"]
    trained = light_branch(pack.card.generator, **SIZES)
    network = SynthesisNetwork(trained)
    network.load_state_dict(state)
    with torch.no_grad():
        wanted = (network(torch.from_numpy(ws)) * 127.5 + 127.5).round().clamp(0, 255)
    wanted = torch.minimum(wanted, wanted[:, 3:]).permute(0, 2, 3, 1).numpy()
    assert np.abs(EagerDecoder(drawn).decode(ws) - wanted).max() <= 2, "float16, ready for int8"
    truth = EagerDecoder(drawn).decode(ws).astype(int)
    assert np.abs(OpenVinoDecoder(drawn, "int8").decode(ws) - truth).mean() < 6
    borrower = tmp_path / "borrower"
    make_pack.main(["--base", str(out), "--borrow", "--out", str(borrower), *WORDS])
    lent = load_pack(str(borrower))
    assert lent.card.files.light is not None and lent.card.files.light.borrow == "whole"
    assert resolutions(lent.card) == resolutions(pack.card)


def test_make_pack_wants_the_generator_that_was_learned_from(
    clear_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    light.main(["--avatar", str(clear_folder), "--out", str(tmp_path), *OPTIONS, "--steps", "1"])
    other = write_pack(tmp_path / "other")
    capsys.readouterr()
    with pytest.raises(SystemExit):
        make_pack.main(["--base", str(other), "--light", str(tmp_path / CHECKPOINT), "--out",
                        str(tmp_path / "no"), *WORDS])  # fmt: skip
    assert "learned from another generator, expected --base with" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        light.main(["--avatar", str(other), "--out", str(tmp_path), *OPTIONS])
    assert "learned from another generator, expected tiny's" in capsys.readouterr().err
