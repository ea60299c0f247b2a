"""Read a binary glTF whose geometry is meshopt-compressed and quantised, as the VALID heads are.

Only what those files use: one buffer, EXT_meshopt_compression with the OCTAHEDRAL filter on
normals (which nobody here needs: they are computed anew), KHR_mesh_quantization.
https://github.com/KhronosGroup/glTF/blob/main/extensions/2.0/Vendor/EXT_meshopt_compression
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Glb:
    """One file: `json` as it is, `accessor(i)` as an array.

    Raises ValueError if it is no binary glTF 2.
    """

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        if data[:4] != b"glTF" or struct.unpack_from("<I", data, 4)[0] != 2:
            raise ValueError(f"{path}: got {data[:8]!r}, expected a binary glTF 2")
        length = struct.unpack_from("<I", data, 12)[0]
        self.json: dict[str, Any] = json.loads(data[20 : 20 + length])
        self._binary = data[28 + length :]
        self._views: dict[int, bytes] = {}

    def view(self, index: int) -> bytes:
        """The bytes of a buffer view, decompressed."""
        if index not in self._views:
            view = self.json["bufferViews"][index]
            packed = view.get("extensions", {}).get("EXT_meshopt_compression")
            source = packed or view
            start = source.get("byteOffset", 0)
            raw = self._binary[start : start + source["byteLength"]]
            self._views[index] = _decompress(raw, packed) if packed else raw
        return self._views[index]

    def accessor(self, index: int) -> Array:
        """[count, width] (or [count]); normalised integers become floats in [-1, 1]."""
        info = self.json["accessors"][index]
        kind = np.dtype(_TYPES[info["componentType"]])
        width = _WIDTHS[info["type"]]
        if "bufferView" not in info:
            return np.zeros((info["count"], width), np.float32)
        view = self.json["bufferViews"][info["bufferView"]]
        stride = view.get("byteStride", kind.itemsize * width)
        array = np.ndarray(
            (info["count"], width),
            kind,
            self.view(info["bufferView"]),
            info.get("byteOffset", 0),
            (stride, kind.itemsize),
        )
        if info.get("normalized"):
            return np.maximum(array.astype(np.float32) / np.iinfo(kind).max, -1.0)
        return array[:, 0].copy() if width == 1 else array.copy()

    def texture(self, index: int) -> bytes:
        """The encoded picture (WebP) of a texture."""
        texture = self.json["textures"][index]
        source = texture.get("extensions", {}).get("EXT_texture_webp", texture)["source"]
        return self.view(self.json["images"][source]["bufferView"])


def _decompress(raw: bytes, packed: dict[str, Any]) -> bytes:
    import meshoptimizer  # extra `looks`

    count, stride = packed["count"], packed["byteStride"]
    if packed["mode"] == "TRIANGLES":
        # The wrapper allocates 32 bits for each index, whatever was asked for.
        wide = meshoptimizer.decode_index_buffer(count, stride, raw)
        return bytes(wide.tobytes()[: count * stride])
    plain = meshoptimizer.decode_vertex_buffer(
        count, stride, raw, dtype=np.dtype((np.void, stride))
    )
    return bytes(plain.tobytes())
