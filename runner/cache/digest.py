"""Computes digests of arrays, values and code: equal digests mean equal content.

    array           -> dtype, shape and the elements' bytes, in C order
    text, parameter -> its kind and its value
    Python stage    -> the syntax trees of its module and of every module of `stages` that it imports, also indirectly

A syntax tree has no comments and no layout, so a change of these does not run a stage again. All digests are sha256 in
hexadecimal.
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
from runner.graph.contracts import find_stage, list_own_modules, parse_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.runtime.values import Array

_STAGES = "stages"
_FRESH_NS = 2_000_000_000  # a file that changed so recently may change again without a change of its times
_MEMO_FORMAT = 1


class DamageError(ValueError):
    """A file does not have the content that its name or its digest says; the message has the reason."""


def array_digest(array: Array) -> str:
    """Compute the digest of an array: of dtype, shape and elements, in any memory layout, without rounding.

    bool, 0-d and empty arrays have a digest too. -0.0 differs from 0.0, and float32[2, 1] from float32[1, 2].
    """
    digest = hashlib.sha256(f"{array.dtype.name}{list(array.shape)}\n".encode())
    digest.update(elements(plain(array)))
    return digest.hexdigest()


def plain(array: Array) -> Array:
    """Bring an array into C order and this machine's byte order; gives the array itself if it has both."""
    native = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    return native if native.flags.c_contiguous else native.copy(order="C")


def elements(array: Array) -> memoryview:
    """Give the bytes of the elements of an array from `plain`, without a copy."""
    return array.reshape(-1).view("u1").data if array.size else memoryview(b"")


def value_digest(value: object) -> str:
    """Compute the digest of a JSON value: text, number, boolean, None, list or table. True, 1 and 1.0 differ."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: object) -> str:
    """Write `value` as canonical JSON: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def module_digest(dotted: str, memo: Memo | None = None) -> str:
    """Compute the digest of the code of the Python stage that a graph calls `dotted`.

    Raises:
        ContractError: no stage has that name.
        OSError, SyntaxError: a module cannot be read.
    """
    return value_digest(module_digests(dotted, memo))


def module_digests(dotted: str, memo: Memo | None = None) -> dict[str, str]:
    """Compute the digests of the stage's module and of all modules of `stages` that it imports: file -> digest.

    A stage of another package adds the modules of its own package, and a file beside a graph those of its folder. Files
    are named from their package, `stages/align.py`, or from their folder, `./limit.py`.

    Raises:
        ContractError, OSError, SyntaxError: as `module_digest`.
    """
    return {name: digest for name, (digest, _) in _read_modules(dotted, memo or Memo()).items()}


def list_files(dotted: str) -> list[Path]:
    """List the files whose digests `module_digests` gives; errors are the same."""
    return [path for _, path in _read_modules(dotted, Memo()).values()]


def _read_modules(dotted: str, memo: Memo) -> dict[str, tuple[str, Path]]:
    """Find the digest and the path of each file of `module_digests`."""
    found = find_stage(dotted)
    roots = {_STAGES: Path(stages.__path__[0])}
    folder = None if found.module else found.path.parent
    if folder is None:
        package, *within = found.module.split(".")
        levels = len(within) if found.path.name == "__init__.py" else len(within) - 1
        if levels >= 0:
            roots.setdefault(package, found.path.parents[levels])
    else:
        roots |= {name: folder / name for name in list_own_modules(folder)}
    digests: dict[str, tuple[str, Path]] = {}
    pending = [(found.module or found.path.stem, found.path)]
    asked = set[str]()  # most modules are imported by several
    while pending:
        module, path = pending.pop()
        name = _file_name(module, path, folder)
        if name not in digests:
            digest, imported = memo.source(module, path)
            digests[name] = digest, path
            new = [other for other in imported if other not in asked]
            asked.update(new)
            pending += [(other, file) for other in new for file in _find_files(other, roots)]
    return dict(sorted(digests.items()))


def _file_name(module: str, path: Path, folder: Path | None) -> str:
    if folder is not None and path.is_relative_to(folder):
        return f"./{path.relative_to(folder).as_posix()}"
    return module.replace(".", "/") + ("/__init__.py" if path.name == "__init__.py" else ".py")


def _find_files(module: str, roots: dict[str, Path]) -> Iterator[Path]:
    """Find the file of `module`, if it is a module in one of the packages `roots` and not a name in a module."""
    package, *rest = module.split(".")
    if package in roots:
        base = roots[package].joinpath(*rest)
        yield from (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file())


def _list_imports(module: str, path: Path, tree: ast.Module) -> Iterator[str]:
    """List the modules that import statements in `tree` name or may name, and the packages that hold them."""
    package = (module if path.name == "__init__.py" else module.rpartition(".")[0]).split(".")
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = list(filter(None, [*above, node.module]))  # a file beside a graph is in no package
            names = [".".join([*base, *name]) for name in ((), *((alias.name,) for alias in node.names))]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


class Memo:
    """Digests of files, remembered while path, size, times and inode of each stay the same.

    The digest of a file that changed within the last two seconds is not remembered: the file may change again without a
    change of these.
    """

    def __init__(self, record: Path | None = None) -> None:
        """Start with the digests in the file `record`; with none if it is None or cannot be read."""
        self._record = record
        self._known = _read_memo(record)
        self._changed = False

    def file(self, path: Path) -> str:
        """Give the sha256 of a file's bytes.

        Raises:
            OSError: it cannot be read.
        """
        return str(self._get("bytes", path, lambda: file_sha256(path)))

    def source(self, module: str, path: Path) -> tuple[str, list[str]]:
        """Give the digest of a Python file's syntax tree, and the modules that it may import.

        Raises:
            OSError, SyntaxError: it cannot be read.
        """
        digest, imported = self._get(f"syntax of {module}", path, lambda: _parse(module, path))
        return digest, imported

    def save(self) -> None:
        """Write new digests to the record; if it cannot be written, they are computed again next time."""
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
    status = os.stat(path)  # noqa: PTH116 - Path.stat() calls it
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _parse(module: str, path: Path) -> list[Any]:
    tree = parse_source(path.read_bytes(), path)
    digest = hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest()
    return [digest, sorted(set(_list_imports(module, path, tree)))]


def _read_memo(record: Path | None) -> dict[str, Any]:
    try:
        fields = json.loads(record.read_bytes()) if record is not None else {}
        known = fields.get("files", {}) if fields.get("format") == _MEMO_FORMAT else {}
    except (OSError, ValueError, AttributeError):
        return {}
    return known if isinstance(known, dict) else {}
