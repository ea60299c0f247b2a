"""Packs are checked whole at the door, and refused with one clear sentence."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Control
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack
from latentcam.realtime_models.card import (
    Calibration,
    Drive,
    generator_shapes,
    identities_shapes,
    motion_shapes,
)
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.realtime_models.pack_places import SHIPPED, user_packs
from tests.tiny import GENERATOR, random_tensors, tiny_card, write_pack
from tests.voice import speech


def refusal(folder: Path) -> str:
    with pytest.raises(AvatarPackError) as caught:
        load_pack(str(folder))
    message = str(caught.value)
    assert "\n" not in message
    return message


def edit_card(folder: Path, **changes: object) -> None:
    path = folder / "card.json"
    card = json.loads(path.read_text())
    card.update(changes)
    path.write_text(json.dumps(card))


def test_a_whole_pack_loads_as_float32(tmp_path: Path) -> None:
    pack = load_pack(str(write_pack(tmp_path / "tiny")))
    assert pack.card.identities == ("Ada", "Bo")
    assert {t.dtype for t in pack.generator.values()} == {np.dtype(np.float32)}
    with pytest.raises(ValueError, match="read-only"):
        pack.generator["basis"][:] = 0


def test_half_precision_weights_are_widened(tmp_path: Path) -> None:
    tensors = random_tensors(generator_shapes(tiny_card()))
    half = {name: tensor.astype(np.float16) for name, tensor in tensors.items()}
    pack = load_pack(str(write_pack(tmp_path / "tiny", generator=half)))
    np.testing.assert_array_equal(pack.generator["basis"], half["basis"].astype(np.float32))


def test_the_default_pack_loads_and_is_small() -> None:
    pack = load_pack(DEFAULT_PACK)
    assert pack.card.name == DEFAULT_PACK
    assert sum(p.stat().st_size for p in (SHIPPED / DEFAULT_PACK).iterdir()) <= 40e6


def test_missing_pack(tmp_path: Path) -> None:
    assert "neither a folder with a card.json nor an installed pack" in refusal(tmp_path / "no")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "unknown field `colour`"),
        ({"format": 99}, "format is 99, expected 2"),
        ({"format": 1}, "is of format 1, expected 2: make the pack again with"),
        ({"identities": []}, "number of identities is 0, expected 1 to 1000"),
        ({"identities": ["Bo", "bo"]}, "expected no name twice"),
        ({"licence": 3}, "Expected `str`, got `int` - at `$.licence`"),
        ({"licence": " "}, "licence is empty"),
        ({"provenance": ""}, "provenance is empty"),
        ({"consent": "\n"}, "consent is empty"),
        ({"name": "../x"}, "name is '../x'"),
        ({"truncation_psi": 1e308}, "truncation_psi is 1e+308, expected 0 to 1"),
    ],
)
def test_bad_cards(tmp_path: Path, change: dict[str, object], said: str) -> None:
    folder = write_pack(tmp_path / "tiny")
    edit_card(folder, **change)
    assert said in refusal(folder)


def test_unknown_keys_deep_in_the_card(tmp_path: Path) -> None:
    for part in ("generator", "motion"):
        folder = write_pack(tmp_path / part)
        card = json.loads((folder / "card.json").read_text())
        edit_card(folder, **{part: {**card[part], "wings": 2}})
        assert "wings" in refusal(folder)


def test_broken_json(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny")
    (folder / "card.json").write_text("{")
    assert "card.json" in refusal(folder)


def test_wrong_shape_missing_and_unknown_tensor(tmp_path: Path) -> None:
    tensors = random_tensors(generator_shapes(tiny_card()))
    wrong = {**tensors, "basis": tensors["basis"][:-1]}
    assert "tensor basis has shape (" in refusal(write_pack(tmp_path / "a", generator=wrong))
    missing = {name: t for name, t in tensors.items() if name != "basis"}
    assert "it is missing" in refusal(write_pack(tmp_path / "b", generator=missing))
    extra = {**tensors, "hat": np.zeros(3, np.float32)}
    assert "expected no such tensor" in refusal(write_pack(tmp_path / "c", generator=extra))


def test_nan_weights(tmp_path: Path) -> None:
    tensors = random_tensors(generator_shapes(tiny_card()))
    tensors["synthesis.const"][0, 0, 0, 0] = np.nan
    message = refusal(write_pack(tmp_path / "tiny", generator=tensors))
    assert "synthesis.const holds NaN" in message


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "exploded",))  # type: ignore[return-value]

    folder = write_pack(tmp_path / "tiny")
    (folder / "motion.safetensors").write_bytes(pickle.dumps(Bomb()))
    assert "not a safetensors file" in refusal(folder)
    assert not (tmp_path / "exploded").exists()


def test_missing_weights(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny")
    (folder / "motion.safetensors").unlink()
    assert "motion.safetensors is missing" in refusal(folder)


def renamed(folder: Path, file: str, **changes: object) -> None:
    """Change what the card says of one of its files."""
    card = json.loads((folder / "card.json").read_text())
    edit_card(folder, files={**card["files"], file: {**card["files"][file], **changes}})


def test_a_file_that_is_not_the_card_s_is_refused(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny")
    renamed(folder, "generator", digest="0" * 64)
    assert "its SHA-256 is" in refusal(folder)
    renamed(folder, "generator", digest="none")
    assert "digest is 'none', expected 64 digits" in refusal(folder)


def borrower(tmp_path: Path) -> Path:
    """A pack of a few kilobytes beside the one that lends it generator and motion model."""
    write_pack(tmp_path / "lender")
    faces = random_tensors(identities_shapes(tiny_card()), 7)["identities"]
    folder = write_pack(tmp_path / "borrower", identities=faces)
    for file in ("generator", "motion"):
        (folder / f"{file}.safetensors").unlink()
        renamed(folder, file, borrow="lender")
    return folder


def test_generator_and_motion_model_may_lie_in_another_pack(tmp_path: Path) -> None:
    own, lent = load_pack(str(borrower(tmp_path))), load_pack(str(tmp_path / "lender"))
    assert own.card.files.generator.digest == lent.card.files.generator.digest
    for name, tensor in lent.generator.items():
        np.testing.assert_array_equal(own.generator[name], tensor)
    assert not np.array_equal(own.identities, lent.identities)


def test_a_lender_is_found_among_the_installed_packs(tmp_path: Path) -> None:
    folder = borrower(tmp_path)
    user_packs().mkdir(parents=True)
    (tmp_path / "lender").rename(user_packs() / "lender")
    assert load_pack(str(folder)).card.identities == ("Ada", "Bo")


def test_what_cannot_be_borrowed(tmp_path: Path) -> None:
    folder = borrower(tmp_path)
    write_pack(tmp_path / "lender", generator=random_tensors(generator_shapes(tiny_card()), 5))
    assert "its SHA-256 is" in refusal(folder), "the lender has other weights now"
    (tmp_path / "lender" / "generator.safetensors").unlink()
    assert "lender/generator.safetensors is missing" in refusal(folder)
    (tmp_path / "lender" / "card.json").unlink()
    said = "from the pack lender, which is neither beside it nor installed"
    assert said in refusal(folder)
    renamed(folder, "motion", borrow="../../etc")
    assert "borrow is '../../etc', expected the name of a pack" in refusal(folder)
    edit_card(folder, files=json.loads((borrower(tmp_path) / "card.json").read_text())["files"])
    renamed(folder, "identities", borrow="lender")
    assert "expected a pack to have its own" in refusal(folder)


def test_a_file_larger_than_the_card_says_is_not_read(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "tiny")
    with (folder / "motion.safetensors").open("r+b") as file:
        file.truncate(2**40)  # a hole: it takes no room
    assert "has 1099511627776 bytes, expected at most" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lstm.weight_ih_l0", 3e38, "reaches 3e+38, expected at most 65504"),
        ("input.std", 0.0, "is 0, expected at least 0.0001"),
    ],
)
def test_weights_that_would_give_nan(tmp_path: Path, name: str, value: float, said: str) -> None:
    tensors = random_tensors(motion_shapes(tiny_card()))
    tensors[name].flat[0] = value
    assert said in refusal(write_pack(tmp_path / "tiny", motion=tensors))


def test_only_floats_are_weights(tmp_path: Path) -> None:
    tensors: dict[str, NDArray[Any]] = dict(random_tensors(motion_shapes(tiny_card())))
    tensors["input.mean"] = tensors["input.mean"].astype(np.int64)
    assert "is I64, expected F16 or F32" in refusal(write_pack(tmp_path / "tiny", motion=tensors))


def test_motion_axes_drive_what_the_pack_says(tmp_path: Path) -> None:
    """Calibration belongs to the pack: another face smiles where this one opens its mouth."""
    drives = (Drive("jawOpen", "jawOpen", 0.5), Drive("jawOpen", "mouthSmile", 0.25))
    straight = load_pack(str(write_pack(tmp_path / "a")))
    card = tiny_card(calibration=Calibration(1.0, drives))
    crossed = load_pack(str(write_pack(tmp_path / "b", card)))
    names = [axis.name for axis in card.axes]
    jaw, smile = names.index("jawOpen"), names.index("mouthSmile")

    def last(pack: AvatarPack) -> Control:
        performer = Performer(pack)
        state, x = performer.initial_state(0), np.zeros(0, np.float32)
        for chunk in np.split(speech(2.0), 50):
            x, state = performer.perform(chunk, state, Settings(life=0.0))
        return x

    said, heard = last(straight), last(crossed)
    assert said[jaw] > 0.1
    assert heard[jaw] == pytest.approx(0.5 * said[jaw], rel=1e-4)
    assert heard[smile] == pytest.approx(0.25 * said[jaw], rel=1e-4) and said[smile] == 0.0


@pytest.mark.parametrize(
    ("drive", "said"),
    [
        (Drive("noseSneer", "jawOpen"), "noseSneer drives jawOpen, expected an axis of the motion"),
        (Drive("jawOpen", "wings"), "jawOpen drives wings"),
    ],
)
def test_drives_lead_somewhere(drive: Drive, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tiny_card(calibration=Calibration(1.0, (drive,)))


def asked_for(change: dict[str, Any]) -> GeneratorConfig:
    fields = {**msgspec.to_builtins(GENERATOR), **change}
    return msgspec.convert(fields, GeneratorConfig)


def layers_with(which: str, **change: object) -> dict[str, Any]:
    fields = msgspec.to_builtins(GENERATOR)["layers"]
    return {"layers": [{**one, **(change if one["name"] == which else {})} for one in fields]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (layers_with("b8_conv", in_channels=7), "layer b8_conv takes 7 channels .* to take 16"),
        (layers_with("b16_rgb", out_channels=3), "layer b16_rgb .* give 12 at 16"),
        (layers_with("b8_up", resolution=16), "layer b8_up .* at 8"),
        (layers_with("b4_conv", kind="wing"), "Invalid enum value 'wing'"),
        (layers_with("b8_conv", name="b8_up"), "expected no name twice"),
        (layers_with("b8_conv", name="../x"), "a layer is named '../x'"),
        (layers_with("b8_conv", ws_index=-1), "ws_index is -1, expected 0 to 63"),
        (layers_with("b8_rgb", noise=True), "layer b8_rgb has noise, expected none in"),
        (layers_with("b8_conv", clamp=0.0), "layer b8_conv: clamp is 0, expected 0.001 to 65504"),
        (layers_with("b4_conv", kind="skip"), "b4_conv skips nothing, expected a doubling"),
        (layers_with("b8_conv", kind="skip"), "ws_index of a skip is 2, expected 0 to 0"),
        ({"layers": []}, "number of layers is 0"),
        ({"resolution": 64}, "the picture has 32 pixels, expected one to RGB and 64"),
        (layers_with("b8_rgb", kind="rgb_subpixels"), "layer b8_rgb .* give 12 at 8"),
        ({"z_dim": 2**40}, "z_dim is 1.09951e\\+12, expected 1 to 4096"),
    ],
)
def test_layers_that_do_not_fit(change: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, msgspec.ValidationError), match=said):
        asked_for(change)
