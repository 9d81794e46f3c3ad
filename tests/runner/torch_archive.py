"""Writes the files of `torch.save` without torch: by hand where a test needs what torch would not write."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np

STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "float64": "DoubleStorage", "int64": "LongStorage"}


class Pickled:
    """The pickle of a value, with its tensors' storages beside it."""

    def __init__(self, value: object) -> None:
        self.storages: list[bytes] = []
        self.text = b"\x80\x02" + self.code(value) + b"."

    def code(self, value: object) -> bytes:
        if isinstance(value, dict):
            return b"}(" + b"".join(self.code(key) + self.code(item) for key, item in value.items()) + b"u"
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self.code, value)) + b"t"
        if isinstance(value, list):
            return b"](" + b"".join(map(self.code, value)) + b"e"
        if isinstance(value, np.ndarray):
            return self.tensor(value)
        if isinstance(value, str):
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        assert isinstance(value, int)
        return b"\x89" if value is False else b"J" + struct.pack("<i", value)

    def tensor(self, array: np.ndarray) -> bytes:
        array = np.ascontiguousarray(array)
        storage_type = b"ctorch\n" + STORAGES[array.dtype.newbyteorder("=").name].encode() + b"\n"
        key, strides = str(len(self.storages)), tuple(step // array.itemsize for step in array.strides)
        self.storages.append(array.tobytes())
        where = self.code(key) + self.code("cpu") + self.code(array.size)
        pid = b"(" + self.code("storage") + storage_type + where + b"tQ"
        hooks = b"ccollections\nOrderedDict\n)R"
        rest = self.code(0) + self.code(array.shape) + self.code(strides) + b"\x89" + hooks
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + pid + rest + b"tR"


def write_torch_zip(path: Path, value: object, **records: bytes) -> Path:
    """Save `value` (dicts, lists, strings, integers, arrays); `records` add files, or replace those written."""
    pickled = Pickled(value)
    files = {"data.pkl": pickled.text, "byteorder": b"little", "version": b"3\n"}
    files |= {f"data/{key}": raw for key, raw in enumerate(pickled.storages)}
    files |= {name.replace("_", "."): raw for name, raw in records.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in files.items():
            archive.writestr(f"archive/{name}", raw)
    return path
