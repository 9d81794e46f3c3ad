"""Reads and writes the manifest of a library, and checks the library's files against it.

    bert.so        the library
    bert.weights   its tensors, raw little-endian, each at a multiple of 64 bytes
    bert.json      the manifest, written last: the other two files are not used without it

The manifest holds digests of both files. A library is small, and its digest is checked before each load. Weights are
large: their digest is checked only if size, modification time or inode have changed since the last check.

A library that was not built here has no manifest: only its file is checked.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import platform
import re
import struct
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import Any

from runner.errors import RunError
from runner.files import atomic
from runner.files.digest import file_sha256
from runner.files.errors import reading

FORMAT = 2
ALIGNMENT = 64

_DTYPE = re.compile(r"(?:bfloat|float|u?int)(8|16|32|64)|bool")  # by the names of NumPy and TVM
_ELF64_MAGIC = b"\x7fELF\x02\x01"  # 64 bit, little-endian
_ELF_HEADER = 64  # bytes
_SEGMENT = struct.Struct(
    "<IIQQQQQQ"
)  # kind, flags, offset in the file, two addresses, size in the file, size in memory, alignment
_PT_LOAD = 1
_ELF_MACHINES = {62: "x86_64", 183: "aarch64", 243: "riscv64"}  # e_machine


@dataclass(frozen=True)
class Tensor:
    """A tensor of the weights; `offset` counts bytes from the start of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class File:
    """A file beside the manifest. `stamp` is (mtime_ns, inode) of the file at the time of its digest."""

    file: str
    sha256: str
    size: int
    stamp: tuple[int, int] | None = None

    @classmethod
    def of(cls, path: Path, *, stamped: bool = False) -> File:
        """Describe the file at `path` as it is now."""
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_ino) if stamped else None
        return cls(path.name, file_sha256(path), status.st_size, stamp)


@dataclass(frozen=True)
class Manifest:
    """The description of a library.

    Attributes:
        key: digest of its recipe.
        inputs, outputs: the contract, port -> type in the graph's grammar, in the order of the entry's arguments.
        dims: sizes that are constants of the library (`hidden`, `style`, ...).
        cpu_features: CPU features that the library uses (`devices.missing_features`).
        host_features: CPU features of the machine that built it; those that it uses, if it is for another kind of
            machine.
        tvm: version of TVM that compiled it.
        sources: path -> sha256 of the source files that it was compiled from.
        checkpoint: sha256 of the checkpoint that the weights come from.
        code: digest of all that decides the library's own bytes, which another model or device may share.
        forms: digest of the forms of convolutions that were measured on the machine that built it, if any were.
    """

    stage: str
    entry: str
    source: str
    key: str
    library: File
    weights: File
    tensors: tuple[Tensor, ...]
    inputs: dict[str, str]
    outputs: dict[str, str]
    dims: dict[str, int]
    target: dict[str, Any]
    cpu_features: tuple[str, ...]
    tvm: str
    host_features: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    checkpoint: str = ""
    code: str = ""
    forms: str = ""

    def write(self, path: Path) -> None:
        """Write the manifest in one step: a reader sees the old one or this one, never a part.

        Raises:
            OSError: the folder cannot be written.
        """
        fields = dataclasses.asdict(self)
        fields["weights"]["tensors"] = fields.pop("tensors")
        fields["contract"] = {"inputs": fields.pop("inputs"), "outputs": fields.pop("outputs")}
        atomic.write_text(path, json.dumps({"format": FORMAT, **fields}, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read the manifest at `path`.

        Raises:
            RunError: it cannot be read, is damaged, or has another format; a new build replaces it.
        """
        with reading(path):
            text = path.read_bytes()
        try:
            found, manifest = _parse(text)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path}: damaged manifest ({type(error).__name__}: {error})") from None
        if manifest is None:
            raise RunError(f"{path}: manifest of format {found}, this version reads format {FORMAT}")
        return manifest


@functools.lru_cache(maxsize=64)
def _parse(text: bytes) -> tuple[object, Manifest | None]:
    """Parse a manifest; gives its format, and the manifest if the format is the current one.

    The result is cached: a run reads each manifest three times, and it may hold hundreds of tensors.
    """
    fields = json.loads(text)
    found = fields.pop("format")
    if found != FORMAT:
        return found, None
    contract, weights = fields.pop("contract"), fields.pop("weights")
    tensors = tuple(_parse_tensor(**tensor) for tensor in weights.pop("tensors"))
    stamp = weights.pop("stamp")
    return found, Manifest(
        library=File(**fields.pop("library")),
        weights=File(**{**weights, "size": index(weights["size"])}, stamp=tuple(stamp) if stamp else None),
        tensors=tensors,
        inputs=dict(contract["inputs"]),
        outputs=dict(contract["outputs"]),
        cpu_features=tuple(map(_check_text, fields.pop("cpu_features"))),
        host_features=tuple(map(_check_text, fields.pop("host_features"))),
        sources=dict(fields.pop("sources")),
        **fields,
    )


def _parse_tensor(name: str, dtype: str, shape: list[int], offset: int) -> Tensor:
    if not _DTYPE.fullmatch(_check_text(dtype)):
        raise ValueError(f"there is no dtype {dtype!r}")
    return Tensor(_check_text(name), dtype, tuple(map(index, shape)), index(offset))


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def manifest_path(library: Path) -> Path:
    """Give the file of a library's manifest, whether or not it exists."""
    return library.with_suffix(".json")


def weights_path(library: Path) -> Path:
    """Give the file of a library's weights, whether or not it exists."""
    return library.with_suffix(".weights")


def find_damage(library: Path, manifest: Manifest) -> str | None:
    """Find how `library` and its weights differ from those that `manifest` describes; None if they do not."""
    return (
        _find_difference(library, manifest.library)
        or _find_gap(library, manifest)
        or _find_weights_difference(library, manifest)
    )


def _find_gap(library: Path, manifest: Manifest) -> str | None:
    """Find find_damage of the manifest itself, which has no digest: its tensors must fill the weights without gaps."""
    end = 0
    for tensor in manifest.tensors:
        if tensor.offset >= end + ALIGNMENT:
            fact = f"tensor '{tensor.name}' begins at byte {tensor.offset}, and the one before ends at {end}"
            return f"{manifest_path(library)} is damaged: {fact}"
        end = tensor.offset + math.prod(tensor.shape) * _item_bytes(tensor.dtype)
    if end >= manifest.weights.size:
        return None  # `tensors.map_weights` refuses tensors past the end
    fact = f"its {len(manifest.tensors)} tensors take {end} bytes, and the weights have {manifest.weights.size}"
    return f"{manifest_path(library)} is damaged: {fact}"


def _item_bytes(dtype: str) -> int:
    bits = _DTYPE.fullmatch(dtype)
    return int(bits[1]) // 8 if bits and bits[1] else 1


def _find_difference(path: Path, known: File) -> str | None:
    try:
        size = path.stat().st_size
        if size != known.size:
            return f"{path} is damaged: {size} bytes, built with {known.size}"
        return None if file_sha256(path) == known.sha256 else f"{path} is damaged: not the bytes that were built"
    except FileNotFoundError:
        return f"{path} is missing"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"


def _find_weights_difference(library: Path, manifest: Manifest) -> str | None:
    path = weights_path(library)
    try:
        status = path.stat()
    except OSError:
        return _find_difference(path, manifest.weights)
    stamp = (status.st_mtime_ns, status.st_ino)
    if status.st_size == manifest.weights.size and stamp == manifest.weights.stamp:
        return None
    reason = _find_difference(path, manifest.weights)
    if reason is None:
        _renew_stamp(library, manifest, stamp)
    return reason


def _renew_stamp(library: Path, manifest: Manifest, stamp: tuple[int, int]) -> None:
    """Write the stamp of weights whose digest is right, such as those of a copied folder, into the manifest."""
    weights = dataclasses.replace(manifest.weights, stamp=stamp)
    try:
        dataclasses.replace(manifest, weights=weights).write(manifest_path(library))
    except OSError:
        return  # a read-only build root: the next run computes the digest again


def check_loadable(library: Path) -> None:
    """Refuse a library that would end the process: dlopen maps a truncated ELF file, and reading it is a SIGBUS.

    Raises:
        RunError: the file is missing, unreadable, for another processor, or shorter than its segments.
    """
    try:
        with library.open("rb") as file:
            head = file.read(_ELF_HEADER)
            if len(head) < _ELF_HEADER or not head.startswith(_ELF64_MAGIC):
                return  # not a library: the dynamic linker reports it
            _check_machine(library, head)
            (table,) = struct.unpack_from("<Q", head, 32)
            count = struct.unpack_from("<H", head, 56)[0]
            file.seek(table)
            rows = file.read(_SEGMENT.size * count)
            size = library.stat().st_size
    except OSError as error:
        raise RunError(f"library {library} cannot be read: {error.strerror}") from None
    segments = _SEGMENT.iter_unpack(rows[: len(rows) // _SEGMENT.size * _SEGMENT.size])
    ends = [start + length for kind, _, start, _, _, length, _, _ in segments if kind == _PT_LOAD]
    needed = max([table + _SEGMENT.size * count, *ends])
    if size < needed:
        raise RunError(f"library {library} is truncated: {size} bytes of at least {needed}")


def _check_machine(library: Path, head: bytes) -> None:
    """Refuse a library for another processor: the dynamic linker would only report "no such file"."""
    (machine,) = struct.unpack_from("<H", head, 18)
    expected = next((code for code, name in _ELF_MACHINES.items() if name == platform.machine()), machine)
    if machine != expected:
        name = _ELF_MACHINES.get(machine, f"processor {machine}")
        raise RunError(f"library {library} is for {name}, this machine is {platform.machine()}")


# NEED
