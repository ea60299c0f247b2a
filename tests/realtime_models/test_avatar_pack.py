"""Packs are checked whole at the door, and refused with one clear sentence."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, PACKS, generator_shapes, load_pack
from latentcam.realtime_models.errors import AvatarPackError
from tests.tiny import random_tensors, tiny_card, write_pack


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
    assert sum(p.stat().st_size for p in (PACKS / DEFAULT_PACK).iterdir()) <= 40e6


def test_missing_pack(tmp_path: Path) -> None:
    assert "neither a folder with a card.json nor an installed pack" in refusal(tmp_path / "no")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "unknown field `colour`"),
        ({"format": 99}, "format is 99, expected 1"),
        ({"identities": []}, "identities are []"),
        ({"licence": 3}, "Expected `str`, got `int` - at `$.licence`"),
        ({"digests": {}}, "SHA-256"),
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
    missing = {name: t for name, t in tensors.items() if name != "identities"}
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
