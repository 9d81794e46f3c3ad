"""Writes safetensors files, damaged ones included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

CODES = {"float32": "F32", "float16": "F16", "uint16": "BF16", "int64": "I64", "float64": "F64"}


def write_safetensors(path: Path, tensors: dict[str, np.ndarray], **entry: object) -> Path:
    """Save `tensors`, uint16 as the bits of bfloat16; `entry` replaces fields of each tensor's header."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    raw = b""
    for name, array in tensors.items():
        offsets = [len(raw), len(raw) + array.nbytes]
        header[name] = {"dtype": CODES[str(array.dtype)], "shape": array.shape, "data_offsets": offsets, **entry}
        raw += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw)
    return path
