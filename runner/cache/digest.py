"""Names for what goes into a stage and what comes out of it: two things with one digest are the same thing.

    array           -> dtype, shape and the elements' bytes, in C order
    text, parameter -> its kind and its value
    Python stage    -> the syntax trees of its module and of every module of `stages` that it imports, however far

A syntax tree holds no comments and no layout, so neither re-runs a stage. All digests are sha256 in hexadecimal.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stages
from runner.files import atomic
from runner.files.digest import file_sha256
from runner.graph.contracts import find_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.runtime.values import Array

_STAGES = "stages"
_FRESH_NS = 2_000_000_000  # a file changed so lately may change once more within one tick of its clock
_MEMO_FORMAT = 1


class DamageError(ValueError):
    """What is kept under a digest is not what it stands for; the message says how that shows."""


def array_digest(array: Array) -> str:
    """Digest of an array: of dtype, shape and elements, however they lie in memory; none of them is rounded.

    bool, 0-d and empty arrays have one too; -0.0 is not 0.0, and float32[2, 1] is not float32[1, 2].
    """
    digest = hashlib.sha256(f"{array.dtype.name}{list(array.shape)}\n".encode())
    digest.update(elements(plain(array)))
    return digest.hexdigest()


def plain(array: Array) -> Array:
    """`array` in C order and in this machine's byte order; itself if it is so."""
    native = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    return native if native.flags.c_contiguous else native.copy(order="C")


def elements(array: Array) -> memoryview:
    """The bytes of a `plain` array's elements, in place."""
    return array.reshape(-1).view("u1").data if array.size else memoryview(b"")


def value_digest(value: object) -> str:
    """Digest of what JSON can spell: text, numbers, booleans, None, lists and tables. True is not 1, 1 is not 1.0."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: object) -> str:
    """The one JSON text of `value`: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def module_digest(dotted: str, memo: Memo | None = None) -> str:
    """Digest of the code of the Python stage that a graph calls `dotted`.

    Raises:
        ContractError: no stage has that name.
        OSError, SyntaxError: a module cannot be read.
    """
    return value_digest(module_digests(dotted, memo))


def module_digests(dotted: str, memo: Memo | None = None) -> dict[str, str]:
    """File -> digest of its syntax tree, of the stage's module and of all of `stages` that it imports.

    Another package's stage brings the modules of its own package as well. Files are named from their package:
    `stages/align.py`. Errors are those of `module_digest`.
    """
    memo = memo or Memo()
    found = find_stage(dotted)
    roots = {_STAGES: Path(stages.__path__[0])}
    package, *within = found.module.split(".")
    levels = len(within) if found.path.name == "__init__.py" else len(within) - 1
    if levels >= 0:
        roots.setdefault(package, found.path.parents[levels])
    digests: dict[str, str] = {}
    pending = [(found.module, found.path)]
    while pending:
        module, path = pending.pop()
        name = _name(module, path)
        if name not in digests:
            digests[name], imported = memo.source(module, path)
            pending += [(other, file) for other in imported for file in _files(other, roots)]
    return dict(sorted(digests.items()))


def _name(module: str, path: Path) -> str:
    return module.replace(".", "/") + ("/__init__.py" if path.name == "__init__.py" else ".py")


def _files(module: str, roots: dict[str, Path]) -> Iterator[Path]:
    """The file of `module`, if it is a module of one of the packages in `roots` and not a name within one."""
    package, *rest = module.split(".")
    if package in roots:
        base = roots[package].joinpath(*rest)
        yield from (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file())


def _imported(module: str, path: Path, tree: ast.Module) -> Iterator[str]:
    """The modules that import statements anywhere in `tree` name or may name, and the packages that hold them."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


class Memo:
    """Digests of files, remembered for as long as path, size, times and inode of each stay the same.

    A file changed within the last two seconds is digested and not remembered: it may change again without a trace.
    """

    def __init__(self, record: Path | None = None) -> None:
        """Take up what `record` remembers; None, or a record that cannot be read, remembers nothing."""
        self._record = record
        self._known = _read_memo(record)
        self._changed = False

    def file(self, path: Path) -> str:
        """sha256 of the bytes of a file.

        Raises:
            OSError: it cannot be read.
        """
        return str(self._get("bytes", path, lambda: file_sha256(path)))

    def source(self, module: str, path: Path) -> tuple[str, list[str]]:
        """Digest of the syntax tree of a Python file, and the modules that it may import.

        Raises:
            OSError, SyntaxError: it cannot be read.
        """
        digest, imported = self._get(f"syntax of {module}", path, lambda: _parse(module, path))
        return digest, imported

    def save(self) -> None:
        """Write what is new to the record; where that cannot be written, the digests are taken again next time."""
        if self._record is None or not self._changed:
            return
        try:
            text = json.dumps({"format": _MEMO_FORMAT, "files": self._known})
            atomic.write(self._record, [text.encode()])
            self._changed = False
        except OSError:
            return

    def _get(self, kind: str, path: Path, take: Any) -> Any:
        key = f"{kind}: {path.absolute()}"
        stamp = _stamp(path)
        known = self._known.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        value = take()
        if _stamp(path) == stamp and time.time_ns() - max(stamp[1], stamp[2]) > _FRESH_NS:
            self._known[key] = [stamp, value]
            self._changed = True
        return value


def _stamp(path: Path) -> list[int]:
    # The change time too: unlike the modification time, nothing can set it back.
    status = os.stat(path)  # noqa: PTH116 - what Path.stat() calls
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _parse(module: str, path: Path) -> list[Any]:
    tree = ast.parse(path.read_bytes(), str(path))
    digest = hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest()
    return [digest, sorted(set(_imported(module, path, tree)))]


def _read_memo(record: Path | None) -> dict[str, Any]:
    try:
        fields = json.loads(record.read_bytes()) if record is not None else {}
        known = fields.get("files", {}) if fields.get("format") == _MEMO_FORMAT else {}
    except (OSError, ValueError, AttributeError):
        return {}
    return known if isinstance(known, dict) else {}
