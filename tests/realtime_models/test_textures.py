"""Textures of faces that a generator moves into its picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.card import Weights
from latentcam.realtime_models.decoders.eager import EagerDecoder
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.generator.layers import MouthBox
from latentcam.realtime_models.generator.network import (
    Composed,
    Drawn,
    SynthesisNetwork,
    composed,
    load_part,
)
from latentcam.realtime_models.generator.textures import packed, textures_of, unpacked
from latentcam.realtime_models.resolutions import drawn_at
from latentcam.realtime_models.training.weights import save_weights
from tests.tiny import MOUTH, smooth_pictures, tiny_generator, worn_card, write_pack


def test_packed_and_unpacked_again_a_picture_is_the_same() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 16, 16)).astype(np.uint8)
    np.testing.assert_array_equal(unpacked(packed(picture), picture.shape), picture)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.zeros(9, np.uint8), "no zlib stream"),
        (packed(np.zeros((4, 8, 8), np.uint8)), "1024 bytes"),
        (packed(np.zeros((4, 99, 99), np.uint8)), "1024 bytes"),
        (packed(np.ones((4, 16, 16), np.uint8))[:-3], "1024 bytes"),
    ],
)
def test_what_is_no_picture_of_that_shape_is_refused(data: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        unpacked(data, (4, 16, 16))


def test_the_nearest_face_lends_its_texture_and_halfway_to_the_next_none_does() -> None:
    faces = np.zeros((2, 3, 4), np.float32)
    faces[0, -1, 0], faces[1, -1, 0] = 10, 14
    textures = textures_of(np.zeros((2, 4, 8, 8), np.uint8), faces, np.zeros(4, np.float32), 8)
    np.testing.assert_allclose(textures.reach, [2, 2])
    for at, (index, share) in {
        10: (0, 1),
        11: (0, 0.5),
        12: (0, 0),
        13.5: (1, 0.75),
        3: (0, 0),
    }.items():
        found = textures.nearest(np.array([at, 0, 0, 0], np.float32))
        assert (found[0] == index or share == 0) and found[1] == pytest.approx(share)


def moved(flow: tuple[float, float], visible: float, share: float) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture with a texture whose column c has the value c, and the texture alone."""
    side = 16
    ramp = torch.arange(side).float().expand(1, 3, side, side)
    still = torch.tensor(flow).reshape(1, 2, 1, 1).expand(1, 2, 4, 4)
    drawn = Drawn(
        torch.full((1, 3, side, side), -1.0), torch.full((1, 1, side, side), visible), still
    )
    config = tiny_generator(resolution=side, flow=4)
    both = composed(config, drawn, ramp, torch.tensor([[[[share]]]]))
    return both.picture.numpy()[0, 0], both.moved.numpy()[0, 0]


def opened(flow: tuple[float, float], visible: float, begin: int = 0) -> Composed:
    """A picture of 64 pixels that is -1, with a texture at rest that is 0, and one of the open
    mouth whose row r has the value r and whose columns beside the mouth are 1000; from row and
    column `begin` on."""
    side, part = 64, 64 - begin
    rest = torch.zeros(1, 3, side, side)
    below = torch.arange(32, 52).float()[:, None].expand(1, 3, 20, side).clone()
    below[..., :20], below[..., 44:] = 1000, 1000
    drawn = Drawn(
        torch.full((1, 3, part, part), -1.0),
        torch.tensor([50.0, visible]).reshape(1, 2, 1, 1).expand(1, 2, part, part),
        torch.tensor([0.0, 0.0, *flow]).reshape(1, 4, 1, 1).expand(1, 4, part, part),
    )
    config = tiny_generator(resolution=side, subpixels=2, flow=8, mouth=MOUTH)
    textures, share = torch.cat([rest, below], dim=2), torch.ones(1, 1, 1, 1)
    return composed(config, drawn, textures, share, (begin, begin), side)


def test_an_open_mouth_is_moved_inside_of_its_box_only_and_fades_at_its_edges() -> None:
    fading = np.zeros((64, 64))  # 0 at the edges, 1 from two pixels of 64 on
    fading[32:52, 20:44], fading[33:51, 21:43], fading[34:50, 22:42] = 0.25, 0.75, 1
    wanted = np.zeros((64, 64))
    wanted[32:52, 20:44] = np.arange(32, 52)[:, None]
    shown = opened((0.0, 0.0), 50.0)
    np.testing.assert_allclose(shown.picture[0, 0], fading * wanted, atol=1e-4)
    np.testing.assert_allclose(shown.alone()[1][0, 0], wanted, atol=1e-4)
    assert (shown.alone()[0] == 0).all()
    # A flow of one is an eighth of the whole picture here, too; what lies beside it never shows.
    wanted[32:52, 20:44] = np.minimum(np.arange(32, 52) + 8, 51)[:, None]
    np.testing.assert_allclose(opened((1.0, 1.0), 50.0).picture[0, 0], fading * wanted, atol=1e-4)
    assert opened((1.0, 1.0), -50.0).picture.abs().max() < 1e-4
    np.testing.assert_allclose(
        opened((1.0, 1.0), 50.0, 40).picture[0, 0], (fading * wanted)[40:, 40:], atol=1e-4
    )
    beside = opened((1.0, 1.0), 50.0, 56)
    assert beside.mouth is None and (beside.picture.abs() < 1e-4).all()


def test_uncovered_is_what_no_texture_covers() -> None:
    shown = opened((0.0, 0.0), 0.0)
    assert shown.uncovered().max() < 1e-4
    half = shown._replace(covered=torch.full((1, 1, 64, 64), 0.5)).uncovered()[0, 0]
    assert half[0, 0] == 0.5 and half[40, 30] == 0.25


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((32, 32, 20, 44), "mouth: bottom is 32, expected 36 to 64"),
        ((32, 68, 20, 44), "mouth: bottom is 68, expected 36 to 64"),
        ((-4, 52, 20, 44), "mouth: top is -4, expected 0 to 60"),
        ((32, 52, 20, 43), "expected multiples of 4"),
    ],
)
def test_a_mouth_that_is_no_part_of_the_picture_is_refused(
    box: tuple[int, int, int, int], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        MouthBox(*box)
    with pytest.raises(ValueError, match="mouth is given, expected a flow"):
        msgspec.structs.replace(tiny_generator(), mouth=MOUTH)


def test_a_flow_of_one_is_an_eighth_of_the_width() -> None:
    still, alone = moved((0.0, 0.0), 50.0, 1.0)
    np.testing.assert_allclose(still, alone, atol=1e-5)
    np.testing.assert_allclose(alone, np.tile(np.arange(16), (16, 1)), atol=1e-4)
    _, right = moved((1.0, 0.0), 50.0, 1.0)
    np.testing.assert_allclose(right[5], np.minimum(np.arange(16) + 2, 15), atol=1e-4)
    _, down = moved((0.0, 1.0), 50.0, 1.0)
    np.testing.assert_allclose(down, alone, atol=1e-4)


def test_what_is_not_visible_or_has_no_share_is_the_networks_own() -> None:
    assert (moved((0.0, 0.0), -50.0, 1.0)[0] == -1).all()
    assert (moved((0.0, 0.0), 50.0, 0.0)[0] == -1).all()
    half, alone = moved((0.0, 0.0), 0.0, 1.0)
    np.testing.assert_allclose(half, (alone - 1) / 2, atol=1e-5)


@pytest.mark.parametrize("flow", [4, 32, 64])
@pytest.mark.parametrize("mouth", [None, MOUTH, MouthBox(0, 64, 12, 64)])
@pytest.mark.parametrize("resolution", [None, 32])
def test_openvino_moves_textures_like_eager(
    tmp_path: Path, flow: int, resolution: int | None, mouth: MouthBox | None
) -> None:
    config = tiny_generator(resolution=64, subpixels=2, channels=4, flow=flow, mouth=mouth)
    pack = load_pack(str(write_pack(tmp_path / "worn", worn_card(generator=config, smaller=(32,)))))
    if resolution:
        pack = drawn_at(pack, str(resolution))
    assert pack.textures is not None
    faces, rng = pack.identities, np.random.default_rng(0)
    near = faces[0] + 0.1 * float(pack.textures.reach[0]) * rng.standard_normal(faces[0].shape) / 8
    ws = np.stack([faces[0], faces[1], near, rng.standard_normal(faces[0].shape), faces[0]])
    ws = ws.astype(np.float32)
    wanted = EagerDecoder(pack).decode(ws).astype(int)
    got = OpenVinoDecoder(pack, "f32").decode(ws).astype(int)
    assert np.abs(got - wanted).max() <= 1
    bare = EagerDecoder(without(pack)).decode(ws).astype(int)
    changed = np.abs(wanted - bare).max(axis=(1, 2, 3))
    assert changed[0] > 10 and changed[1] > 10 and changed[3] == 0


def without(pack: AvatarPack) -> AvatarPack:
    return replace(pack, textures=None)


def test_a_pack_without_textures_draws_all_by_itself(worn_pack: AvatarPack) -> None:
    bare = without(worn_pack)
    wanted = EagerDecoder(bare).decode(bare.identities.copy()).astype(int)
    assert np.abs(OpenVinoDecoder(bare, "f32").decode(bare.identities.copy()) - wanted).max() <= 1


def test_a_network_wears_what_its_pack_has(worn_pack: AvatarPack) -> None:
    network = SynthesisNetwork(worn_pack.card.generator)
    load_part(network, worn_pack.generator, "synthesis.")
    ws = torch.from_numpy(worn_pack.identities.copy())
    own = network(ws)
    network.wear(worn_pack.textures)
    worn = network(ws)
    assert worn.shape == own.shape == (2, 4, 64, 64)
    assert not torch.equal(own, worn)
    network.wear(None)
    assert torch.equal(own, network(ws))


def test_a_pack_keeps_its_textures(worn_pack: AvatarPack) -> None:
    assert worn_pack.textures is not None
    np.testing.assert_array_equal(worn_pack.textures.pictures, smooth_pictures(2, 4, 64, 84))
    assert Avatar(worn_pack, EagerDecoder(worn_pack)).anchor("Ada") is not None


def broken(folder: Path, tensors: dict[str, np.ndarray]) -> str:
    """What is said of a pack whose textures are these."""
    write_pack(folder, worn_card())
    save_weights(tensors, folder / "textures.safetensors")
    with pytest.raises(AvatarPackError) as raised:
        load_pack(str(folder))
    return str(raised.value)


def test_broken_textures_are_refused_with_a_sentence(tmp_path: Path) -> None:
    good = {str(i): packed(picture) for i, picture in enumerate(smooth_pictures(2, 4, 64, 84))}
    cases: tuple[tuple[dict[str, np.ndarray], str], ...] = (
        ({"0": good["0"]}, "expected one for each of the 2 identities"),
        ({**good, "2": good["0"]}, "expected one for each of the 2 identities"),
        ({**good, "1": np.zeros(9, np.float32)}, "is F32, expected U8"),
        ({**good, "1": packed(np.zeros((4, 64, 64), np.uint8))}, "tensor 1: a texture has not"),
        ({**good, "0": good["1"]}, "its SHA-256 is"),
    )
    for tensors, said in cases:
        assert said in broken(tmp_path / "broken", tensors)


def test_cards_say_where_textures_can_be() -> None:
    card = worn_card()
    with pytest.raises(ValueError, match="textures are borrowed"):
        msgspec.structs.replace(card.files, textures=Weights("0" * 64, "other"))
    with pytest.raises(ValueError, match="expected a generator with a flow"):
        worn_card(generator=tiny_generator(resolution=64, subpixels=2, channels=4))
    with pytest.raises(ValueError, match="flow is 24, expected 0 or one of the picture's sizes"):
        msgspec.structs.replace(card.generator, flow=24)
