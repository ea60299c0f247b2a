"""Files of tensors that Python wrote: torch's archives, torch's older files, and pickles that hold
such files. Everything is read as data; see `pickles`.

https://docs.pytorch.org/docs/stable/notes/serialization.html describes the archive: a pickle beside
one record per storage. An older file is four pickles (a magic number, a version, a machine, the
object), then the storages' keys, then each storage: how many numbers, and the numbers. In an
ordinary pickle every tensor's storage is a whole older file in a string of bytes.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.training.imports.errors import ForeignFileError
from latentcam.realtime_models.training.imports.pickles import (
    Allowance,
    Call,
    Name,
    Opaque,
    read_pickle,
)

LARGEST_FILE = 2 * 2**30  # bytes; the largest public StyleGAN2, with its discriminator, has 0.4e9
MAGIC = 0x1950A86A20F9469CFC6C  # of torch's older files
DAMAGE = (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError)
"""What zipfile raises for archives that are broken, encrypted, or of another kind."""

SHARED = 4096  # numbers in a tensor that may be shared, such as a filter

STORAGES = {
    f"torch.{name}Storage": np.dtype(code)
    for name, code in {
        "Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4",
        "Short": "<i2", "Char": "i1", "Byte": "u1", "Bool": "?", "BFloat16": "<u2",
    }.items()
}  # fmt: skip
BFLOAT16 = "torch.BFloat16Storage"


@dataclass(slots=True)
class Storage:
    """Numbers that tensors look at. read: their bytes; of an older file only at its end.

    shown: how many of them tensors have copied. Each is copied once at most, but for a few that
        modules share, so that a small file is not a large network.
    """

    kind: str
    count: int
    read: Callable[[], bytes]
    shown: int = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * STORAGES[self.kind].itemsize


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage; nothing is read before `array`."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> NDArray[np.float32]:
        """A copy, once. Raises ForeignFileError if the tensor reaches beyond its storage, if it
        shows more numbers than are there, or if one of them is not finite."""
        last = self.offset + sum(
            (n - 1) * s for n, s in zip(self.shape, self.strides, strict=True) if n
        )
        shown = math.prod(self.shape)
        if shown > SHARED:
            self.storage.shown = shown = self.storage.shown + shown
        if shown > self.storage.count or last >= self.storage.count:
            raise ForeignFileError(
                f"tensors, one of shape {list(self.shape)}, show more than the "
                f"{self.storage.count} numbers that they share"
            )
        content = self.storage.read()
        stored: NDArray[Any] = np.frombuffer(content, STORAGES[self.storage.kind])
        if self.storage.kind == BFLOAT16:
            stored = (stored.astype(np.uint32) << 16).view(np.float32)
        seen = np.lib.stride_tricks.as_strided(
            stored[self.offset :],
            self.shape,
            [stride * stored.itemsize for stride in self.strides],
            writeable=False,
        )
        with np.errstate(over="ignore"):  # of float64: told below
            array = np.array(seen, np.float32, order="C")
        if not np.isfinite(array).all():
            raise ForeignFileError(f"a tensor of shape {list(self.shape)} holds NaN or infinity")
        return array


ReadStorage = Callable[[tuple[Any, ...], Allowance], Storage]


@dataclass(frozen=True, slots=True)
class Record:
    """An object of a persistent class, of NVIDIA's pickles: its class's name and its state. The
    source text that lies beside them is dropped."""

    class_name: str
    state: dict[Any, Any]


def read_tensors(path: Path) -> Any:
    """What a file holds: dictionaries, lists, numbers, `Tensor`s and `Record`s.

    Raises ForeignFileError with one sentence; memory is in proportion to the file.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ForeignFileError(f"{path} is not a file")
        if size > LARGEST_FILE:
            raise ForeignFileError(f"{path} has {size} bytes, expected at most {LARGEST_FILE}")
        with path.open("rb") as file:
            content = io.BytesIO(file.read(size))
    except OSError as error:
        raise ForeignFileError(f"{path} cannot be read: {error.strerror}") from None
    try:
        begin = bytes(content.getbuffer()[:4])
        if begin == b"PK\x03\x04":
            return _read_archive(content, size)
        if begin[:1] != b"\x80":
            raise ForeignFileError("it is neither a pickle nor an archive of torch")
        allowance = Allowance()
        first = read_pickle(content, _calls(_read_storage, allowance), allowance)
        if isinstance(first, int) and first == MAGIC:
            return _read_older(content, _calls(_refuse_storage, allowance), allowance)
        return first
    except ForeignFileError as error:
        raise ForeignFileError(f"{path}: {error}") from None


def _read_archive(content: io.BytesIO, size: int) -> Any:
    """Torch stores its records uncompressed: what would unpack to more than it is, is refused."""
    try:
        archive = zipfile.ZipFile(content)
    except DAMAGE as error:
        raise ForeignFileError(f"the archive is damaged: {str(error)[:100]}") from None
    records = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in records if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ForeignFileError(f"the archive holds {len(pickles)} data.pkl, expected one")
    if any(info.compress_type != zipfile.ZIP_STORED for info in records.values()):
        raise ForeignFileError("the archive is compressed, expected records as torch stores them")
    if sum(info.file_size for info in records.values()) > size:
        raise ForeignFileError("the archive's records are larger than the file")
    root = pickles[0].removesuffix("data.pkl")
    order = records.get(f"{root}byteorder")
    if order is not None and _unpacked(archive, order) != b"little":
        raise ForeignFileError("its numbers are big-endian, expected little-endian")
    held: dict[str, Storage] = {}

    def storage(identity: tuple[Any, ...]) -> Storage:
        kind, key, count = _identified(identity)
        info = records.get(f"{root}data/{key}")
        if info is None:
            raise ForeignFileError(f"the archive has no record data/{key[:40]}")
        found = held.setdefault(key, Storage(kind, count, partial(_unpacked, archive, info)))
        if (found.kind, found.count) != (kind, count) or info.file_size != found.size:
            raise ForeignFileError(
                f"the record data/{key[:40]} has {info.file_size} bytes, expected {count} numbers "
                f"of {kind}"
            )
        return found

    allowance = Allowance()
    pickled = io.BytesIO(_unpacked(archive, records[pickles[0]]))
    return read_pickle(pickled, _calls(_refuse_storage, allowance), allowance, storage)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(info)
    except DAMAGE as error:
        raise ForeignFileError(f"the archive is damaged: {str(error)[:100]}") from None


def _read_older(content: io.BytesIO, calls: Mapping[str, Call | None], allowance: Allowance) -> Any:
    """The rest of a file after its magic number. Its storages come last."""
    read_pickle(content, calls, allowance)  # the version of the format, which never changed
    machine = read_pickle(content, calls, allowance)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ForeignFileError("its numbers are not little-endian, as those of every PC are")
    held: dict[str, Storage] = {}
    contents: dict[str, bytes] = {}

    def storage(identity: tuple[Any, ...]) -> Storage:
        kind, key, count = _identified(identity)
        found = held.setdefault(key, Storage(kind, count, lambda: contents[key]))
        if (found.kind, found.count) != (kind, count):
            raise ForeignFileError(f"the storage {key[:40]} is described in two ways")
        return found

    found = read_pickle(content, calls, allowance, storage)
    keys = read_pickle(content, calls, allowance)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(held):
        raise ForeignFileError("the storages that follow are not those that the tensors look at")
    for key in keys:
        wanted = held[str(key)]
        count = int.from_bytes(content.read(8), "little")
        if count != wanted.count:
            raise ForeignFileError(
                f"the storage {str(key)[:40]} has {count} numbers, expected {wanted.count}"
            )
        contents[str(key)] = _taken(content, wanted.size)
    return found


def _taken(content: io.BytesIO, size: int) -> bytes:
    """The next bytes, all of which must be there."""
    left = content.getbuffer().nbytes - content.tell()
    if size > left:
        raise ForeignFileError(f"it ends after {left} bytes of a storage of {size}")
    return content.read(size)


def _identified(identity: tuple[Any, ...]) -> tuple[str, str, int]:
    """Kind, key and count of numbers of a storage, from what a pickle refers to it with."""
    match identity:
        case ("storage", Name(kind), str(key), str(), int(count), *_) if kind in STORAGES:
            if not isinstance(count, bool) and count >= 0:
                return kind, key, count
    raise ForeignFileError("the pickle refers to something else than a storage of numbers")


def _read_storage(arguments: tuple[Any, ...], allowance: Allowance) -> Storage:
    """A whole older file in a string of bytes, which holds one storage."""
    match arguments:
        case (bytes(content),):
            stream = io.BytesIO(content)
            calls = _calls(_refuse_storage, allowance)
            if read_pickle(stream, calls, allowance) == MAGIC:
                storage = _read_older(stream, calls, allowance)
                if isinstance(storage, Storage):
                    return storage
    raise ForeignFileError("a tensor's storage is not one that torch wrote")


def _refuse_storage(arguments: tuple[Any, ...], allowance: Allowance) -> Storage:
    raise ForeignFileError("a storage lies in a storage")


def _tensor(arguments: tuple[Any, ...]) -> Tensor:
    match arguments:
        case (Storage() as storage, int(offset), tuple(shape), tuple(strides), *_):
            numbers = (offset, *shape, *strides)
            if all(type(n) is int and n >= 0 for n in numbers) and len(shape) == len(strides) <= 8:
                return Tensor(storage, offset, shape, strides)
    raise ForeignFileError("a tensor is not described as torch describes one")


def _parameter(arguments: tuple[Any, ...]) -> Any:
    if not arguments:
        raise ForeignFileError("a parameter has no tensor")
    return arguments[0]


def _mapping(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    if arguments:
        raise ForeignFileError("a dictionary is made from something, expected to be filled later")
    return {}


def _record_of(arguments: tuple[Any, ...]) -> Record:
    match arguments:
        case ({"type": "class", "class_name": str(name), "state": dict(state)},):
            return Record(name, state)
    raise ForeignFileError("an object of a persistent class has no class name and state")


def _encoded(arguments: tuple[Any, ...]) -> bytes:
    """How bytes are written where there is no operation for them, before protocol 3."""
    match arguments:
        case (str(text), "latin1") if text.isascii() or max(text) <= "\xff":
            return text.encode("latin1")
    raise ForeignFileError("bytes are not encoded as Python encodes them")


def _opaque(arguments: tuple[Any, ...]) -> Opaque:
    return Opaque()


def _calls(storage: ReadStorage, allowance: Allowance) -> dict[str, Call | None]:
    """Every name that a file of tensors may hold, and what stands for it.

    storage: what stands for the function that reads a storage from bytes.
    """
    return {
        "_codecs.encode": _encoded,
        "collections.OrderedDict": _mapping,
        "dnnlib.util.EasyDict": _mapping,
        "torch_utils.persistence._reconstruct_persistent_obj": _record_of,
        "torch._utils._rebuild_parameter": _parameter,
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch.storage._load_from_bytes": lambda arguments: storage(arguments, allowance),
        # What is in these files beside the networks, or beside their tensors. Numbers that numpy
        # made are gains, which follow from the shapes.
        "argparse.Namespace": _opaque,
        "builtins.set": _opaque,
        "__builtin__.set": _opaque,
        "numpy.dtype": _opaque,
        "torch.Size": _opaque,
        "torch.device": _opaque,
        **{
            f"numpy.{core}.multiarray.{name}": _opaque
            for core in ("core", "_core")
            for name in ("scalar", "_reconstruct")
        },
        "numpy.ndarray": None,
        **dict.fromkeys(STORAGES),
        **{f"torch.{name}": None for name in ("float16", "float32", "float64", "int64", "uint8")},
    }
