"""What `build` leaves for one compiled stage, and how far a run trusts it.

    bert.so        the library
    bert.weights   its tensors, raw little-endian, each at a multiple of 64 bytes
    bert.json      the manifest, written last: without it the other two count for nothing

The manifest holds digests of both files. A library is small and digested before each load; weights are large, so they
are trusted while size, modification time and inode are those of the file that was digested, and digested again else.

A library made elsewhere has no manifest: only what can be seen from outside is checked.
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

_DTYPE = re.compile(r"(?:bfloat|float|u?int)(8|16|32|64)|bool")  # as NumPy and TVM call them
_ELF64_MAGIC = b"\x7fELF\x02\x01"  # 64 bit, little-endian
_ELF_HEADER = 64  # bytes
_SEGMENT = struct.Struct("<IIQQQQQQ")  # kind, flags, start in the file, two addresses, bytes there, in memory, align
_PT_LOAD = 1
_ELF_MACHINES = {62: "x86_64", 183: "aarch64", 243: "riscv64"}  # e_machine


@dataclass(frozen=True)
class Tensor:
    """One weight: where it lies in the weights file [bytes from its start], and what it is."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class File:
    """A file beside the manifest. `stamp` is (mtime_ns, inode) of the file whose digest was taken."""

    file: str
    sha256: str
    size: int
    stamp: tuple[int, int] | None = None

    @classmethod
    def of(cls, path: Path, *, stamped: bool = False) -> File:
        """Digest the file at `path` as it is now."""
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_ino) if stamped else None
        return cls(path.name, file_sha256(path), status.st_size, stamp)


@dataclass(frozen=True)
class Manifest:
    """All that is known of a compiled stage.

    Attributes:
        key: digest of everything the build depended on.
        inputs, outputs: the contract, port -> type as the graph spells it, in the order of the entry's arguments.
        dims: the sizes that were compiled in (`hidden`, `style`, ...).
        cpu_features: the instruction sets the library uses (`devices.missing_features`).
        host_features: those that the CPU which built it offered.
        tvm: version of TVM that compiled it.
        sources: path -> sha256 of the source files it was compiled from.
        checkpoint: sha256 of the checkpoint the weights come from.
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

    def write(self, path: Path) -> None:
        """Write it to `path` in one step: a reader sees the old manifest or this one, never a part.

        Raises:
            OSError: the folder cannot be written.
        """
        fields = dataclasses.asdict(self)
        fields["weights"]["tensors"] = fields.pop("tensors")
        fields["contract"] = {"inputs": fields.pop("inputs"), "outputs": fields.pop("outputs")}
        atomic.write_text(path, json.dumps({"format": FORMAT, **fields}, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """The manifest at `path`.

        Raises:
            RunError: it cannot be read, is damaged, or of another format; `build` mends each of these.
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
    """The format that a manifest's text names, and the manifest if the format is ours. A run asks for each manifest
    three times, and hundreds of tensors take a while."""
    fields = json.loads(text)
    found = fields.pop("format")
    if found != FORMAT:
        return found, None
    contract, weights = fields.pop("contract"), fields.pop("weights")
    tensors = tuple(_tensor(**tensor) for tensor in weights.pop("tensors"))
    stamp = weights.pop("stamp")
    return found, Manifest(
        library=File(**fields.pop("library")),
        weights=File(**{**weights, "size": index(weights["size"])}, stamp=tuple(stamp) if stamp else None),
        tensors=tensors,
        inputs=dict(contract["inputs"]),
        outputs=dict(contract["outputs"]),
        cpu_features=tuple(map(_text, fields.pop("cpu_features"))),
        host_features=tuple(map(_text, fields.pop("host_features"))),
        sources=dict(fields.pop("sources")),
        **fields,
    )


def _tensor(name: str, dtype: str, shape: list[int], offset: int) -> Tensor:
    if not _DTYPE.fullmatch(_text(dtype)):
        raise ValueError(f"there is no dtype {dtype!r}")
    return Tensor(_text(name), dtype, tuple(map(index, shape)), index(offset))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def manifest_path(library: Path) -> Path:
    """Where the manifest of `library` is, if it has one."""
    return library.with_suffix(".json")


def weights_path(library: Path) -> Path:
    """Where the weights of `library` are, if it has a manifest."""
    return library.with_suffix(".weights")


def damage(library: Path, manifest: Manifest) -> str | None:
    """Why `library` and its weights are not the files that `manifest` speaks of; None if they are."""
    return (
        _difference(library, manifest.library)
        or _uncounted(library, manifest)
        or _weights_difference(library, manifest)
    )


def _uncounted(library: Path, manifest: Manifest) -> str | None:
    """Nothing digests the manifest itself; but its tensors lie one after the other, to the weights' last byte."""
    end = 0
    for tensor in manifest.tensors:
        if tensor.offset >= end + ALIGNMENT:
            fact = f"tensor '{tensor.name}' begins at byte {tensor.offset}, and the one before ends at {end}"
            return f"{manifest_path(library)} is damaged: {fact}"
        end = tensor.offset + math.prod(tensor.shape) * _item_bytes(tensor.dtype)
    if end >= manifest.weights.size:
        return None  # of tensors past the end, `tensors.map_weights` says which
    fact = f"its {len(manifest.tensors)} tensors take {end} bytes, and the weights have {manifest.weights.size}"
    return f"{manifest_path(library)} is damaged: {fact}"


def _item_bytes(dtype: str) -> int:
    bits = _DTYPE.fullmatch(dtype)
    return int(bits[1]) // 8 if bits and bits[1] else 1


def _difference(path: Path, known: File) -> str | None:
    try:
        size = path.stat().st_size
        if size != known.size:
            return f"{path} is damaged: {size} bytes, built with {known.size}"
        return None if file_sha256(path) == known.sha256 else f"{path} is damaged: not the bytes that were built"
    except FileNotFoundError:
        return f"{path} is missing"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"


def _weights_difference(library: Path, manifest: Manifest) -> str | None:
    path = weights_path(library)
    try:
        status = path.stat()
    except OSError:
        return _difference(path, manifest.weights)
    stamp = (status.st_mtime_ns, status.st_ino)
    if status.st_size == manifest.weights.size and stamp == manifest.weights.stamp:
        return None
    reason = _difference(path, manifest.weights)
    if reason is None:
        _renew_stamp(library, manifest, stamp)
    return reason


def _renew_stamp(library: Path, manifest: Manifest, stamp: tuple[int, int]) -> None:
    """Remember that the weights with this stamp, say in a copied folder, have the right digest."""
    weights = dataclasses.replace(manifest.weights, stamp=stamp)
    try:
        dataclasses.replace(manifest, weights=weights).write(manifest_path(library))
    except OSError:
        return  # a read-only build folder: the digest is taken again by the next run


def check_loadable(library: Path) -> None:
    """Refuse a file that would kill the process: dlopen maps a truncated ELF file and dies of SIGBUS reading it.

    Raises:
        RunError: the file is missing, unreadable or shorter than its own segments say.
    """
    try:
        with library.open("rb") as file:
            head = file.read(_ELF_HEADER)
            if len(head) < _ELF_HEADER or not head.startswith(_ELF64_MAGIC):
                return  # not a library at all: the dynamic linker says so and lives
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
    """The dynamic linker says "no such file" of a library for another processor."""
    (machine,) = struct.unpack_from("<H", head, 18)
    here = next((code for code, name in _ELF_MACHINES.items() if name == platform.machine()), machine)
    if machine != here:
        said = _ELF_MACHINES.get(machine, f"processor {machine}")
        raise RunError(f"library {library} is for {said}, this machine is {platform.machine()}")


# NEED
