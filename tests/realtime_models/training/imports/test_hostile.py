"""Files made to do harm: no code of theirs runs, and time and memory stay within bounds."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import resource
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from latentcam.realtime_models.training.imports import pickles
from latentcam.realtime_models.training.imports.errors import ForeignFileError
from latentcam.realtime_models.training.imports.make import import_network
from latentcam.realtime_models.training.imports.pickles import Allowance, read_pickle
from latentcam.realtime_models.training.imports.tensors import MAGIC, read_tensors
from tests.official import Official, Persistent, foreign_modules, write_nvidia, write_rosinality

NETWORK = Official(z_dim=4, w_dim=4, mapping_layers=1, widths={4: 2, 8: 2})


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


class Subscripted:
    """Pickles as `object.__setstate__` would be called: with a state for somebody's class."""

    def __reduce__(self) -> Any:
        return Persistent, ("Generator", {}), {"harm": "done"}


def canary(folder: Path) -> Path:
    return folder / "canary"


def attacks(folder: Path) -> Iterator[tuple[str, object]]:
    touch = f"touch {canary(folder)}"
    write = f"open({str(canary(folder))!r}, 'w')"
    yield "os.system", Calls(os.system, touch)
    yield "posix.system", Calls(sys.modules["posix"].system, touch)
    yield "subprocess", Calls(subprocess.check_call, ["touch", str(canary(folder))])
    yield "eval", Calls(eval, write)
    yield "exec", Calls(exec, write)
    yield "open", Calls(open, str(canary(folder)), "w")
    yield "getattr", Calls(getattr, Calls(builtins.__import__, "os"), "system")
    yield "nested", {"G_ema": [{"x": (Calls(Calls, os.system, touch),)}]}
    yield "in an argument", Calls(OrderedDict, [(1, Calls(os.system, touch))])
    yield "a foreign class", Subscripted()
    yield "torch.load", Calls(torch.load, "x")
    yield "numpy", Calls(np.load, "x", None, True)


@pytest.mark.parametrize("protocol", range(6))
def test_no_call_is_made(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "bad.pkl"
    for name, attack in attacks(tmp_path):
        path.write_bytes(pickle.dumps({"G_ema": attack}, protocol))
        with pytest.raises(ForeignFileError) as told:
            import_network(path)
        assert not canary(tmp_path).exists(), name
        assert "\n" not in str(told.value) and len(str(told.value)) < 400
        if protocol >= 2:
            assert "nothing of it was run" in str(told.value), name


@pytest.mark.parametrize("zipped", [True, False])
def test_no_call_is_made_in_torchs_files(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "bad.pt"
    for name, attack in attacks(tmp_path):
        torch.save({"g_ema": attack}, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(ForeignFileError, match="nothing of it was run"):
            import_network(path)
        assert not canary(tmp_path).exists(), name


def test_no_call_is_made_in_the_storage_of_a_tensor(tmp_path: Path) -> None:
    """Bytes that a pickle hands to torch are pickles themselves."""
    inner = io.BytesIO()
    torch.save(Calls(os.system, f"touch {canary(tmp_path)}"), inner,
               _use_new_zipfile_serialization=False)  # fmt: skip
    storage = Calls(torch.storage._load_from_bytes, inner.getvalue())
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps({"G_ema": storage}))
    with pytest.raises(ForeignFileError, match="nothing of it was run"):
        import_network(path)
    assert not canary(tmp_path).exists()


def test_the_source_text_of_a_record_is_not_run(tmp_path: Path) -> None:
    source = f"open({str(canary(tmp_path))!r}, 'w')"
    path = tmp_path / "bad.pkl"
    with foreign_modules():
        record = Persistent(
            "Generator", {"_modules": {}, "_parameters": {}, "_buffers": {}}, source
        )
        path.write_bytes(pickle.dumps({"G_ema": record}))
    with pytest.raises(ForeignFileError, match="a Generator without mapping and synthesis"):
        import_network(path)
    assert not canary(tmp_path).exists()


def program(*operations: bytes) -> bytes:
    return b"\x80\x04" + b"".join(operations) + b"."


def many_bytes(name: bytes, length: int, size: int) -> bytes:
    return name + length.to_bytes(size, "little")


CLAIMS = {
    "bytes": many_bytes(b"\x8e", 2**62, 8),
    "text": many_bytes(b"\x8d", 2**50, 8),
    "bytes of 4 GB": many_bytes(b"B", 2**32 - 1, 4),
    "a whole number": many_bytes(b"\x8b", 2**31 - 1, 4),
    "a frame": many_bytes(b"\x95", 2**60, 8),
    "a memo": b"N" + many_bytes(b"r", 2**32 - 1, 4),
    "a memo that is not there": many_bytes(b"j", 2**31, 4),
    "a bytearray": many_bytes(b"\x96", 2**60, 8),
    "digits": b"I" + b"9" * 100_000 + b"\n",
    "more digits": b"L" + b"9" * 100_000 + b"L\n",
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_is_claimed_is_not_allocated(tmp_path: Path, claim: str) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(program(CLAIMS[claim]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ForeignFileError):
        import_network(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


TRICKS = {
    "the same tuple a million million times, as a key":
        b"N\x94h\x00h\x00\x86\x94"
        + b"".join(b"h%ch%c\x86\x94" % (i, i) for i in range(1, 60)) + b"}h\x3bNs",
    "the same tuple in a set":
        b"N\x94h\x00h\x00\x86\x94"
        + b"".join(b"h%ch%c\x86\x94" % (i, i) for i in range(1, 60)) + b"\x8f(h\x3b\x90",
    "a list in itself, as a key": b"]\x94h\x00a}h\x00Ns",
    "an empty stack": b"0000",
    "no mark": b"NN)e",
    "items of nothing": b"(K\x01u",
    "an odd number of items": b"}(K\x01u",
    "attributes of a number": b"K\x01}b",
    "a call of a number": b"K\x01)R",
    "an object by extension": b"\x82\x01",
    "an instance": b"(ios\nsystem\n",
    "a buffer outside": b"\x97",
    "a storage outside": b"K\x01Q",
    "a name on the list that is no function": b"cnumpy\nndarray\n)R",
    "a keyword call": b"ccollections\nOrderedDict\n)}\x92",
    "nothing at all": b"",
    "the magic number alone": many_bytes(b"\x8a\x0a", MAGIC, 10),
}  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks_end_in_a_sentence(tmp_path: Path, trick: str) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(program(TRICKS[trick]))
    begun = time.process_time()
    with pytest.raises(ForeignFileError) as told:
        import_network(path)
    assert time.process_time() - begun < 5 and len(str(told.value)) < 400


def test_operations_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte for an empty list would take sixty in memory."""
    monkeypatch.setattr(pickles, "MOST_OPERATIONS", 1000)
    with pytest.raises(ForeignFileError, match="more than 1000 operations"):
        read_pickle(io.BytesIO(program(b"]" * 1001)), {}, Allowance())


def test_a_deep_nest_is_no_deep_recursion(tmp_path: Path) -> None:
    path = tmp_path / "deep.pkl"
    path.write_bytes(program(b"]" * 200_000 + b"a" * 199_999))
    with pytest.raises(ForeignFileError, match="expected 'G_ema' or 'g_ema'"):
        import_network(path)


def test_a_tensor_shows_no_more_than_is_there(tmp_path: Path) -> None:
    """A stride of 0 repeats one number as often as a shape says."""
    path = write_rosinality(NETWORK, tmp_path / "n.pt")
    content = torch.load(path, weights_only=True)
    wide = torch.zeros(1).expand(1, 2, 2, 3, 3)
    content["g_ema"]["conv1.conv.weight"] = wide
    torch.save(content, path)
    with pytest.raises(ForeignFileError, match="show more than the 1 numbers"):
        import_network(path)


def test_tensors_share_no_numbers(tmp_path: Path) -> None:
    """A hundred weights that look at the same megabyte would be a hundred megabytes."""
    path = tmp_path / "n.pt"
    one = torch.zeros(5000)
    torch.save([one, one.view(5, 1000)], path)
    first, second = read_tensors(path)
    assert first.array().shape == (5000,)
    with pytest.raises(ForeignFileError, match="show more than the 5000 numbers"):
        second.array()


def zipped(path: Path, records: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    return path


def test_an_archive_that_unpacks_to_more_is_refused(tmp_path: Path) -> None:
    records = {"n/data.pkl": pickle.dumps({}, 2), "n/data/0": b"\0" * 50_000_000}
    bomb = zipped(tmp_path / "bomb.pt", records, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(ForeignFileError, match="the archive is compressed"):
        import_network(bomb)


def test_records_that_lie_on_one_another_are_refused(tmp_path: Path) -> None:
    """Many entries of the directory may point at the same bytes."""
    path = zipped(tmp_path / "n.pt", {"n/data.pkl": pickle.dumps({}, 2), "n/data/0": b"\0" * 5000})
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        begin = archive.start_dir
    end = content.rindex(b"PK\x05\x06")
    entry = content[content.rindex(b"PK\x01\x02", begin, end) : end]
    entries = content[begin:end] + b"".join(
        entry.replace(b"n/data/0", b"n/data/%d" % i) for i in range(1, 10)
    )
    closing = bytearray(content[end:])
    closing[8:12] = (11).to_bytes(2, "little") * 2
    closing[12:16] = len(entries).to_bytes(4, "little")
    path.write_bytes(content[:begin] + entries + closing)
    with pytest.raises(ForeignFileError, match="records are larger than the file"):
        import_network(path)


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ({"n/other": b""}, "holds 0 data.pkl"),
        ({"a/data.pkl": b"", "b/data.pkl": b""}, "holds 2 data.pkl"),
        ({"n/data.pkl": b"\x80\x02}.", "n/byteorder": b"big"}, "big-endian"),
        ({"n/data.pkl": b""}, "the pickle is damaged"),
    ],
)
def test_archives_of_another_kind(tmp_path: Path, records: dict[str, bytes], said: str) -> None:
    with pytest.raises(ForeignFileError, match=said):
        import_network(zipped(tmp_path / "n.pt", records))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "neither a pickle nor an archive"),
        (b"<!DOCTYPE html>", "neither a pickle nor an archive"),
        (pickle.dumps([1, 2]), "it holds 'list'"),
        (pickle.dumps({"state_dict": 1}), "it holds .'state_dict'., expected 'G_ema' or 'g_ema'"),
        (b"\x80\x02cdnnlib.tflib.network\nNetwork\n.", "pickle of the TensorFlow version"),
    ],
)
def test_files_of_another_kind(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "what.pkl"
    path.write_bytes(content)
    with pytest.raises(ForeignFileError, match=said):
        import_network(path)


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ForeignFileError, match="cannot be read: No such file"):
        import_network(tmp_path / "none.pkl")
    with pytest.raises(ForeignFileError, match="is not a file"):
        import_network(tmp_path)
    from latentcam.realtime_models.training.imports import tensors

    monkeypatch.setattr(tensors, "LARGEST_FILE", 100)
    with pytest.raises(ForeignFileError, match="bytes, expected at most 100"):
        import_network(write_nvidia(NETWORK, tmp_path / "n.pkl"))


def test_a_stylegan3_is_told_by_name(tmp_path: Path) -> None:
    def module(name: str, **modules: Any) -> Persistent:
        state = {"_modules": modules, "_parameters": {}, "_buffers": {}}
        return Persistent(name, state)

    path = tmp_path / "n.pkl"
    with foreign_modules():
        synthesis = module("SynthesisNetwork", input=None, L0_36_512=None)
        generator = module("Generator", synthesis=synthesis, mapping=module("MappingNetwork"))
        path.write_bytes(pickle.dumps({"G_ema": generator}))
    with pytest.raises(ForeignFileError, match="a StyleGAN3 has layers that no decoder draws"):
        import_network(path)


def written(folder: Path) -> dict[str, bytes]:
    """Small files of all three kinds."""
    return {
        "nvidia": write_nvidia(NETWORK, folder / "a.pkl").read_bytes(),
        "archive": write_rosinality(NETWORK, folder / "b.pt").read_bytes(),
        "older": write_rosinality(NETWORK, folder / "c.pt", zipped=False).read_bytes(),
    }


def test_files_that_end_too_early(tmp_path: Path) -> None:
    path = tmp_path / "short.pkl"
    for whole in written(tmp_path).values():
        for end in np.linspace(1, len(whole) - 1, 40).astype(int):
            path.write_bytes(whole[:end])
            with pytest.raises(ForeignFileError):
                import_network(path)
