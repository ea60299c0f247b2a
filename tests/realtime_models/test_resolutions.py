"""A pack drawn at each of its resolutions: the same faces, by less of the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.card import Card, generator_shapes, identities_shapes
from latentcam.realtime_models.decoders.auto import open_decoder
from latentcam.realtime_models.decoders.eager import EagerDecoder
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.opened import open_pack
from latentcam.realtime_models.resolutions import drawn_at, resolutions, side
from latentcam.realtime_models.training.int8 import int8_layers
from latentcam.realtime_models.training.write_pack import unwritten
from tests.tiny import LIGHT, clear_card, three_card, write_pack

ALL = ("64", "32", "32-light")


def some_latents(pack: AvatarPack) -> np.ndarray:
    avatar = Avatar(pack, EagerDecoder(pack))
    return np.stack([avatar.anchor(name) for name in ("Ada", "7")])


def test_a_pack_names_its_resolutions(tiny_pack: AvatarPack, three_pack: AvatarPack) -> None:
    assert resolutions(three_pack.card) == ALL
    assert resolutions(tiny_pack.card) == ("32",)
    assert [side(name) for name in ALL] == [64, 32, 32]


@pytest.mark.parametrize("name", ALL)
def test_each_is_a_whole_pack_of_its_own(three_pack: AvatarPack, name: str) -> None:
    drawn = drawn_at(three_pack, name)
    assert drawn.resolution == name and drawn.card.identities == three_pack.card.identities
    shapes = {key: tensor.shape for key, tensor in drawn.generator.items()}
    assert shapes == generator_shapes(drawn.card)
    assert drawn.identities.shape == identities_shapes(drawn.card)["identities"]
    again = msgspec.json.decode(msgspec.json.encode(drawn.card), type=Card)
    assert again.generator.resolution == side(name)


@pytest.mark.parametrize("name", ALL)
def test_latents_of_the_whole_pack_serve_for_all(three_pack: AvatarPack, name: str) -> None:
    drawn, ws = drawn_at(three_pack, name), some_latents(three_pack)
    own = drawn.card.generator.num_ws
    assert own <= ws.shape[1] and (own < ws.shape[1]) == (name != "64")
    truth = EagerDecoder(drawn).decode(ws)
    assert truth.shape == (2, side(name), side(name), 4)
    np.testing.assert_array_equal(truth, EagerDecoder(drawn).decode(ws[:, :own]))
    for decode in (
        OpenVinoDecoder(drawn, "f32").decode, *OpenVinoDecoder(drawn, "f32", lanes=2).lanes
    ):  # fmt: skip
        assert np.abs(decode(ws).astype(int) - truth).max() <= 1


def test_the_smaller_picture_is_the_one_on_the_way_to_the_larger(three_pack: AvatarPack) -> None:
    """Where the last block draws nothing, the larger picture is the smaller one, enlarged."""
    last = [layer.name for layer in three_pack.card.generator.layers if layer.draws][-1]
    blank = {
        name: np.zeros_like(tensor)
        if name in (f"synthesis.convs.{last}.weight", f"synthesis.convs.{last}.bias")
        else tensor
        for name, tensor in three_pack.generator.items()
    }
    pack, ws = replace(three_pack, generator=blank), some_latents(three_pack)
    small, large = (
        EagerDecoder(drawn_at(pack, name)).decode(ws).astype(float) for name in ("32", "64")
    )
    means = large.reshape(2, 32, 2, 32, 2, 4).mean(axis=(2, 4))
    assert np.corrcoef(means[..., 3].ravel(), small[..., 3].ravel())[0, 1] > 0.95
    assert np.corrcoef(means[0, ..., 3].ravel(), small[1, ..., 3].ravel())[0, 1] < 0.9


def test_of_a_part_the_last_convolution_is_int8_only_when_shared(three_pack: AvatarPack) -> None:
    int8, crowded = int8_layers(three_pack.card.generator)
    card = msgspec.structs.replace(three_pack.card, int8=int8, int8_crowded=crowded)
    drawn = drawn_at(replace(three_pack, card=card), "32").card
    names = [layer.name for layer in drawn.generator.layers if not layer.draws]
    assert names[-1] in int8 and names[-1] not in drawn.int8 and names[-1] in drawn.int8_crowded
    assert {*drawn.int8, *drawn.int8_crowded} == {*int8, *crowded} & set(names)


def test_each_resolution_is_compiled_and_kept_on_its_own(three_pack: AvatarPack) -> None:
    ws = some_latents(three_pack)
    pictures = [open_decoder("openvino-f32", drawn_at(three_pack, n)).decode(ws) for n in ALL]
    again = [open_decoder("openvino-f32", drawn_at(three_pack, n)).decode(ws) for n in ALL]
    for first, second in zip(pictures, again, strict=True):
        np.testing.assert_array_equal(first, second)
    assert np.abs(pictures[1].astype(int) - pictures[2]).mean() > 5, "another network"


def test_what_the_user_names_is_opened_or_refused(three_folder: Path, tiny_folder: Path) -> None:
    def opened(folder: Path, resolution: str) -> list[str]:
        avatar = open_pack(str(folder), "openvino-f32", resolution=resolution).avatar
        return [decoder.resolution for decoder in avatar.decoders]

    assert opened(three_folder, "auto") == list(ALL)
    assert opened(three_folder, "largest") == ["64"]
    assert opened(three_folder, "32-light") == ["32-light"]
    assert opened(tiny_folder, "auto") == ["32"]
    for resolution in ("512", "", "32-light"):
        with pytest.raises(AvatarPackError, match="the pack tiny has no .* expected 32 or auto"):
            opened(tiny_folder, resolution)
    with pytest.raises(AvatarPackError, match="expected 64 or 32 or 32-light or auto"):
        opened(three_folder, "128")


def test_a_card_s_smaller_pictures_and_light_branch_are_checked(tmp_path: Path) -> None:
    for smaller in ((64,), (48,), (32, 32), (8, 32)):
        with pytest.raises(ValueError, match="expected sizes out of .*, the largest first"):
            clear_card(smaller=smaller)
    light = three_card().light
    assert light is not None
    with pytest.raises(ValueError, match="light and files.light belong together"):
        three_card(files=unwritten())
    with pytest.raises(ValueError, match="light and files.light belong together"):
        clear_card(files=unwritten(light=True))
    with pytest.raises(ValueError, match="light: the last layer is"):
        three_card(light=msgspec.structs.replace(light, layers=light.layers[:-1]))
    with pytest.raises(ValueError, match="light: int8 names .'b4_none'., which are not layers"):
        three_card(light=msgspec.structs.replace(light, int8=("b4_none",)))
    deep = tuple(msgspec.structs.replace(layer, ws_index=20) for layer in light.layers)
    with pytest.raises(ValueError, match="light: rows of the latent is 21, expected 1 to"):
        three_card(light=msgspec.structs.replace(light, layers=deep))
    folder = write_pack(tmp_path / "three", three_card())
    (folder / "light.safetensors").unlink()
    with pytest.raises(AvatarPackError, match="light.safetensors is missing"):
        load_pack(str(folder))


def test_a_light_branch_costs_less(three_pack: AvatarPack) -> None:
    part = drawn_at(three_pack, "32").card.generator
    assert LIGHT.macs < part.macs < three_pack.card.generator.macs
