"""New packs: their words are asked for, their parts may stay in the pack they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training stack is not installed")
pytest.importorskip("sklearn", reason="the training stack is not installed")

from latentcam.realtime_models.avatar_pack import load_pack  # noqa: E402
from latentcam.realtime_models.training import make_pack  # noqa: E402
from latentcam.realtime_models.training.write_pack import borrowed  # noqa: E402
from tests.tiny import WORDS, write_pack  # noqa: E402


@pytest.mark.parametrize("word", ["--licence", "--provenance", "--consent"])
def test_words_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str) -> None:
    """Every new generator used to be stamped "computer graphics, no real person"."""
    base, out = write_pack(tmp_path / "base"), tmp_path / "out"
    at = WORDS.index(word)
    without, empty = (*WORDS[:at], *WORDS[at + 2 :]), (*WORDS[: at + 1], " ", *WORDS[at + 2 :])
    for words, said in ((without, f"required: {word}"), (empty, f"{word} is empty")):
        with pytest.raises(SystemExit):
            make_pack.main(["--base", str(base), "--out", str(out), *words])
        assert said in capsys.readouterr().err and not out.exists()


def test_a_pack_that_borrows_is_small_and_the_same(tmp_path: Path) -> None:
    base = write_pack(tmp_path / "base")
    make_pack.main(["--base", str(base), "--borrow", "--out", str(tmp_path / "one"), *WORDS])
    one = tmp_path / "one"
    assert {path.name for path in one.iterdir()} == {"card.json", "identities.safetensors"}
    # A pack made from a borrower borrows from the same lender.
    make_pack.main(["--base", str(one), "--borrow", "--out", str(tmp_path / "two"), *WORDS])
    own, lent = load_pack(str(tmp_path / "two")), load_pack(str(base))
    for part in (own.card.files.generator, own.card.files.motion):
        assert part.borrow == "base" and borrowed(part, "other") == part
    for name, tensor in lent.generator.items():
        np.testing.assert_array_equal(own.generator[name], tensor)
    np.testing.assert_allclose(own.identities, lent.identities, atol=2e-3)
    assert own.card.consent == "nobody is shown" and own.card.licence == "CC0-1.0"


def test_borrowing_needs_somebody_to_borrow_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = write_pack(tmp_path / "base")
    for out in (tmp_path / "elsewhere" / "out", base):
        with pytest.raises(SystemExit):
            make_pack.main(["--base", str(base), "--borrow", "--out", str(out), *WORDS])
        assert "would borrow from the pack base, expected that" in capsys.readouterr().err
    load_pack(str(base))
    with pytest.raises(SystemExit):
        make_pack.main(
            ["--generator", "a", "--motion", "b", "--borrow", "--out", "elsewhere", *WORDS]
        )
    assert "got --borrow without --base PACK" in capsys.readouterr().err
