"""Smaller pictures show as much of the textures as the largest ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the training stack is not installed")
for name in ("sklearn", "skimage"):
    pytest.importorskip(name, reason="the training stack is not installed")

from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack  # noqa: E402
from latentcam.realtime_models.pack_places import user_packs  # noqa: E402
from latentcam.realtime_models.training import smaller  # noqa: E402
from latentcam.realtime_models.training.enrol.network import PREFIX, Teacher  # noqa: E402
from tests.tiny import worn_card, write_pack  # noqa: E402

SIZE = 32


def halves(pack: AvatarPack) -> tuple[AvatarPack, AvatarPack]:
    """A pack whose last layer draws nothing; and one that draws the same largest pictures, but
    leaves the last layer to say how far textures are seen."""
    tensors = {name: tensor.copy() for name, tensor in pack.generator.items()}
    layer, last = smaller.drawing(pack.card.generator, SIZE)
    for part in ("weight", "bias"):
        tensors[f"{PREFIX}convs.{last.name}.{part}"][:] = 0
    whole = replace(pack, generator={name: tensor.copy() for name, tensor in tensors.items()})
    for one, sign in ((layer, -1), (last, 1)):
        rows = smaller.visibility_rows(pack.card.generator, one)
        tensors[f"{PREFIX}convs.{one.name}.bias"][rows] += sign * 4.0
    return whole, replace(pack, generator=tensors)


def drawn(pack: AvatarPack, size: int) -> NDArray[np.float32]:
    teacher = Teacher(pack)
    found = teacher.pictures(teacher.anchors, size)
    return np.asarray(found.numpy(), np.float32)


def test_smaller_pictures_become_like_the_largest_which_stay(
    worn_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of faces at rest: axes of random numbers lead far away."""
    monkeypatch.setattr(
        Teacher, "random_x", lambda self, count, rng: torch.zeros(count, len(self.card.axes))
    )
    whole, pack = halves(worn_pack)
    np.testing.assert_allclose(drawn(pack, 64), drawn(whole, 64), atol=0.05)  # bf16
    said: list[str] = []
    after = replace(pack, generator=smaller.matched(pack, SIZE, 100, said.append))
    wanted = drawn(whole, 64)
    aim = wanted.reshape(*wanted.shape[:2], 32, 2, 32, 2).mean(axis=(3, 5))
    was, now = (np.abs(drawn(one, SIZE) - aim).mean() for one in (pack, after))
    assert now < 0.5 * was
    assert np.abs(drawn(after, 64) - wanted).mean() < 0.2 * was
    changed = {
        name
        for name, tensor in after.generator.items()
        if not np.array_equal(tensor, pack.generator[name])
    }
    layers = [layer.name for layer in smaller.drawing(pack.card.generator, SIZE)]
    assert changed == {
        f"{PREFIX}convs.{name}.{part}" for name in layers for part in ("weight", "bias")
    }
    assert len(said) == 3 and said[-1].startswith("step 100: 32: ")


def test_packs_that_cannot_be_matched_are_told(
    worn_pack: AvatarPack, tiny_pack: AvatarPack, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="has no textures"):
        smaller.matched(tiny_pack, SIZE)
    with pytest.raises(ValueError, match="expected one of the smaller ones, got 64"):
        smaller.matched(worn_pack, 64)
    write_pack(user_packs() / "one", worn_card())
    with pytest.raises(SystemExit):
        smaller.main(["--avatar", "one"])
    assert "has one size only" in capsys.readouterr().err


def test_the_pack_is_changed_where_it_lies(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "worn", worn_card(smaller=(SIZE,)))
    before = load_pack(str(folder))
    smaller.main(["--avatar", str(folder), "--steps", "1"])
    after = load_pack(str(folder))
    assert after.card.files.generator != before.card.files.generator
    assert msgspec.structs.replace(after.card, files=before.card.files) == before.card
