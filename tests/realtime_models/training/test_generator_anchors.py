"""New looks of named faces: only their anchors move, towards their pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the training stack is not installed")

from latentcam.realtime_models.avatar_pack import load_pack  # noqa: E402
from latentcam.realtime_models.axes import FACE_AXES  # noqa: E402
from latentcam.realtime_models.training.generator import anchors  # noqa: E402
from latentcam.realtime_models.training.looks.cast import CAST  # noqa: E402
from tests.tiny import smooth_pictures, worn_card, write_pack  # noqa: E402

MEI, TOM = list(CAST).index("Mei"), list(CAST).index("Tom")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A pack of the cast, pictures of Mei and Tom, textures of everybody: the options."""
    monkeypatch.setattr(anchors, "keep_freed_memory", lambda: None)
    card = worn_card(identities=tuple(CAST))
    write_pack(tmp_path / "pack", card)
    size = card.generator.resolution
    faces = smooth_pictures(len(CAST), 4, size)
    faces[:, 3] = 255
    for name, face in zip(CAST, faces, strict=True):
        for end in (".png", ".open.png"):
            (tmp_path / "rest").mkdir(exist_ok=True)
            Image.fromarray(face.transpose(1, 2, 0)).save(tmp_path / "rest" / f"{name}{end}")
    rng, count = np.random.default_rng(0), 12
    curated = np.tile([MEI, TOM], count // 2).astype(np.int16)
    (tmp_path / "data").mkdir()
    np.savez(
        tmp_path / "data" / "shard_0.npz",
        images=255 - faces[curated].transpose(0, 2, 3, 1),
        z=rng.standard_normal((count, card.generator.z_dim)).astype(np.float32),
        x=np.zeros((count, len(FACE_AXES)), np.float32),
        curated=curated,
    )
    return ["--avatar", str(tmp_path / "pack"), "--data", str(tmp_path / "data"),
            "--textures", str(tmp_path / "rest")]  # fmt: skip


def test_only_the_anchors_asked_for_move_and_their_last_rows_stay(
    tmp_path: Path, places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = load_pack(str(tmp_path / "pack"))
    anchors.main([*places, "--only", "Mei", "--steps", "30"])
    after = load_pack(str(tmp_path / "pack"))
    _, told = capsys.readouterr().out.rsplit("loss ", 1)
    first, last = (float(number) for number in told.split(", then "))
    assert last < first
    others = [i for i in range(len(CAST)) if i != MEI]
    as_written = before.identities.astype(np.float16)
    np.testing.assert_array_equal(after.identities[others], as_written[others])
    np.testing.assert_array_equal(after.identities[MEI, -1], as_written[MEI, -1])
    assert np.abs(after.identities[MEI, :-1] - before.identities[MEI, :-1]).max() > 0.01
    assert after.textures is not None
    for name, tensor in before.generator.items():
        np.testing.assert_array_equal(after.generator[name], tensor)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--only", "Kofi"], "--data holds no picture of Kofi"),
        (["--only", "Mei", "--textures", "nowhere"], "nowhere"),
        (["--only", "Mei", "--data", "nowhere"], "no shard_*.npz in nowhere"),
        (["--only", "Mei", "--vgg", "none.onnx"], "none.onnx does not exist"),
    ],
)
def test_what_is_missing_is_told_and_the_pack_stays(
    tmp_path: Path, places: list[str], capsys: pytest.CaptureFixture[str], changed: list[str],
    said: str,
) -> None:  # fmt: skip
    shutil.copytree(tmp_path / "pack", tmp_path / "kept")
    with pytest.raises(SystemExit) as ended:
        anchors.main([*places, *changed])
    assert ended.value.code == 2 and said in capsys.readouterr().err
    for path in (tmp_path / "kept").iterdir():
        assert (tmp_path / "pack" / path.name).read_bytes() == path.read_bytes()


def test_a_pack_of_other_faces_is_refused(
    tmp_path: Path, places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_pack(tmp_path / "other", worn_card())
    with pytest.raises(SystemExit):
        anchors.main([*places, "--avatar", str(tmp_path / "other"), "--only", "Mei"])
    assert "holds other faces, expected the cast with textures" in capsys.readouterr().err
