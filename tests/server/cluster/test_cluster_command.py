"""What `latentcam cluster` says before Ray is asked."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from latentcam.server.cluster.size import Size
from latentcam.server.errors import ConfigError
from tests.server.test_commands import tell


def test_without_ray_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "ray" else find(name, *rest),
    )
    assert tell(capsys, "cluster") == (
        "latentcam: this needs Ray Serve, not installed: pip install 'latentcam[cluster]'\n"
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--max-sessions", "0"), "--max-sessions is 0, expected 1 to 64"),
        (("--replicas", "0"), "got 0 to 0 replicas, expected at least 1"),
        (("--replicas", "3", "--most-replicas", "2"), "got 3 to 2 replicas"),
        (("--cpus", "0"), "--cpus is 0, expected more than 0"),
        (("--cpus", "nan"), "--cpus is nan, expected more than 0"),
        (("--gpus", "-1"), "--gpus is -1, expected 0 or more"),
        (("--drain", "0"), "--drain is 0, expected seconds"),
        (("--shrink-after", "-1"), "--shrink-after is -1, expected 0 or more"),
        (("--replicas", "4"), "4 replicas of 2 cores need 8, this machine has 2: fewer --replicas"),
        (("--host", "0.0.0.0", "--tls-cert", "x"), "--tls-cert and --tls-key belong together"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    options: tuple[str, ...],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: object())
    monkeypatch.setattr("latentcam.server.commands.cluster.cores", lambda: 2)
    assert told in tell(capsys, "cluster", *options)


def test_a_size_is_checked_wherever_it_comes_from() -> None:
    fitting: dict[str, Any] = {"least": 1, "most": 2, "cpus": 1, "gpus": 0, "drain": 9}
    Size(**fitting, shrink_after=0)
    with pytest.raises(ConfigError, match="shrink-after is nan"):
        Size(**fitting, shrink_after=float("nan"))
