"""How the pack is trained again is said once, and everywhere the same."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, load_pack
from latentcam.realtime_models.training.retrain import LIGHT, RETRAIN

PAGE = Path(__file__).resolve().parents[3] / "docs" / "training.md"


def test_page_and_card_say_the_same_commands() -> None:
    assert load_pack(DEFAULT_PACK).card.retrain == RETRAIN
    text = " ".join(PAGE.read_text().replace("\\\n", " ").split())
    for command in (*RETRAIN, *LIGHT):
        assert command in text, f"the page lacks: {command}"


def test_the_commands_are_modules() -> None:
    for command in (*RETRAIN, *LIGHT):
        assert importlib.util.find_spec(command.split()[2]) is not None
