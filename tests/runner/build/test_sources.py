"""The list of the runner's modules that make a library stale when they change is complete."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from runner.build.sources import BUILDER
from tests.conftest import ROOT

RUNNER = ROOT / "runner"
ELSEWHERE = "it decides whether and where a library is built, or writes messages; no byte of the library depends on it"
BYTES = "bytes pass through it as they are"
DECIDES_NOTHING = {
    "build/build.py": ELSEWHERE,
    "build/forms.py": "the rows that it reads are part of the key",
    "build/locks.py": ELSEWHERE,
    "build/sources.py": "which files it lists is part of the key",
    "build/staleness.py": ELSEWHERE,
    "cache/digest.py": "which files it lists is part of the key",
    "errors.py": ELSEWHERE,
    "files/atomic.py": BYTES,
    "files/digest.py": BYTES,
    "files/errors.py": ELSEWHERE,
    "files/locate.py": ELSEWHERE,
    "graph/contracts.py": "it finds the file of a stage, which is digested",
    "model/hub.py": "the checkpoint's sha256 is part of the key, wherever the file comes from",
    "model/packages.py": "the checkpoint's sha256 is part of the key, wherever the file comes from",
    "runtime/compatibility.py": ELSEWHERE,
    "runtime/cpu_quota.py": ELSEWHERE,
    "runtime/cuda_source.py": "it compiles what a library holds as source, when the library is loaded",
    "runtime/stage_code.py": "it imports the file of a stage, which is digested",
    "runtime/threads.py": ELSEWHERE,
    "runtime/tvm_runtime.py": "TVM's version is part of the key",
    "runtime/worker_pool.py": ELSEWHERE,
}


def imported(path: Path, seen: set[Path]) -> set[Path]:
    """Find the modules of the runner that `path` imports when it runs, also indirectly, and itself."""
    if path not in seen:
        seen.add(path)
        for name in imports(ast.parse(path.read_text("utf-8"))):
            base = ROOT.joinpath(*name.split("."))
            if name.startswith("runner.") and base.with_suffix(".py").is_file():
                imported(base.with_suffix(".py"), seen)
    return seen


def imports(node: ast.AST) -> Iterator[str]:
    """List the modules that import statements may name, except those only for type checkers."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.ImportFrom) and node.module:
        yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    for child in ast.iter_child_nodes(node):
        yield from imports(child)


BUILDING = {path.relative_to(RUNNER).as_posix() for path in imported(RUNNER / "build" / "build.py", set())}


def test_every_module_that_building_imports_is_digested_or_decides_nothing() -> None:
    assert sorted(BUILDING) == sorted([*BUILDER, *DECIDES_NOTHING])
