from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from tests.tiny import clear_card, three_card, worn_card, write_pack

# PyTorch's threads wait for each other in a loop: on a busy machine a training step of a tiny
# network took twenty times as long with two as with one. Read when PyTorch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell starts what runs in its background deaf to SIGINT, nohup to SIGHUP, and so would the
    commands be that tests start and end."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def nothing_closes_what_captures() -> None:
    """absl, which MediaPipe logs with, takes the stderr of when it is imported, and closes it when
    uvicorn sets logging up, unless it is the process's own. Under pytest it is not."""
    with suppress(ImportError):
        from absl import logging

        logging.get_absl_handler().python_handler.stream = sys.__stderr__


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("packs") / "tiny")


@pytest.fixture(scope="session")
def tiny_pack(tiny_folder: Path) -> AvatarPack:
    return load_pack(str(tiny_folder))


@pytest.fixture(scope="session")
def clear_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("packs") / "clear", clear_card())


@pytest.fixture(scope="session")
def clear_pack(clear_folder: Path) -> AvatarPack:
    return load_pack(str(clear_folder))


@pytest.fixture(scope="session")
def worn_pack(tmp_path_factory: pytest.TempPathFactory) -> AvatarPack:
    return load_pack(str(write_pack(tmp_path_factory.mktemp("packs") / "worn", worn_card())))


@pytest.fixture(scope="session")
def three_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("packs") / "three", three_card())


@pytest.fixture(scope="session")
def three_pack(three_folder: Path) -> AvatarPack:
    return load_pack(str(three_folder))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests leave the user's cache and data folders alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
