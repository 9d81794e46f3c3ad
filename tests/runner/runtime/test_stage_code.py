"""Files beside a graph are imported with the modules of their folder, and disturb no other module."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.runtime.stage_code import import_definition, spell_modules

STAGE = """
from stages.contract import In, Out, stage
{}

@stage(x=In("int64[]", "a number"), y=Out("int64[]", "another"))
def f(x):
    {}
"""

TABLES = {"tables.py": "LEVEL = 2"}


@pytest.fixture
def function(tmp_path: Path) -> Callable[..., Any]:
    """`function(imports, body, {"tables.py": CODE})`: the stage of a new file, in a folder with the modules named."""
    count = iter(range(100))

    def make(imports: str, body: str, modules: Mapping[str, str] = TABLES, name: str = "own.py") -> Any:
        folder = tmp_path / f"graph {next(count)} ü"
        for module, code in modules.items():
            path = folder / module
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code, "utf-8")
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(STAGE.format(imports, body), "utf-8")
        return import_definition(str(folder / name))

    return make


IMPORTS = [
    ("import tables", "return tables.LEVEL"),
    ("import tables as t", "return t.LEVEL"),
    ("from tables import LEVEL", "return LEVEL"),
    ("from tables import *", "return LEVEL"),
    ("from . import tables", "return tables.LEVEL"),
    ("from .tables import LEVEL", "return LEVEL"),
    ("", "import tables; return tables.LEVEL"),
    ("", "from tables import LEVEL; return LEVEL"),
    ("import sub.deep", "return sub.deep.LEVEL"),
    ("import sub.deep as d", "return d.LEVEL"),
    ("from sub import deep", "return deep.LEVEL"),
    ("from sub.deep import LEVEL", "return LEVEL"),
    ("import sub", "return sub.deep.LEVEL"),
]
PACKAGE = {
    **TABLES,
    "sub/__init__.py": "from . import deep",
    "sub/deep.py": "import tables\nfrom .deeper import ONE\nLEVEL = tables.LEVEL * ONE",
    "sub/deeper.py": "from ..tables import LEVEL\nONE = LEVEL // 2",
}


@pytest.mark.parametrize(("imports", "body"), IMPORTS)
def test_modules_of_the_folder_are_imported_as_a_script_does(
    function: Callable[..., Any], imports: str, body: str
) -> None:
    before = set(sys.modules), list(sys.path)
    assert function(imports, body, PACKAGE)(1) == 2
    assert {name for name in set(sys.modules) - before[0] if not name.startswith("kokoro_run_folder_")} == set()
    assert sys.path == before[1]


def test_two_folders_have_modules_of_one_name(function: Callable[..., Any]) -> None:
    first, second = (function("import tables", "return tables.LEVEL", {"tables.py": f"LEVEL = {n}"}) for n in (1, 2))
    assert (first(0), second(0), first(0)) == (1, 2, 1)


def test_stages_of_one_folder_share_its_modules(function: Callable[..., Any]) -> None:
    first = function("import tables", "tables.COUNT.append(x); return len(tables.COUNT)", {"tables.py": "COUNT = []"})
    path = Path(first.__code__.co_filename)
    path.with_name("second.py").write_text(path.read_text("utf-8"), "utf-8")
    second = import_definition(str(path.with_name("second.py")))
    assert callable(second)
    assert (first(0), second(0), first(0)) == (1, 2, 3)


def test_installed_module_is_hidden_for_the_folder_alone(function: Callable[..., Any]) -> None:
    import networkx as nx  # noqa: PLC0415 - one that is installed

    hiding = function("import networkx", "return networkx.LEVEL", {"networkx.py": "LEVEL = 7"})
    assert hiding(0) == 7
    assert sys.modules["networkx"] is nx
    assert function("import networkx", "return networkx.Graph")(0) is nx.Graph


def test_module_of_the_standard_library_is_not_hidden(function: Callable[..., Any]) -> None:
    import wave  # noqa: PLC0415 - one that a folder is likely to have

    assert function("import wave", "return wave", {"wave.py": "LEVEL = 7"})(0) is wave


def test_folder_that_holds_the_project_does_not_hide_it(function: Callable[..., Any]) -> None:
    import runner  # noqa: PLC0415

    modules = {"stages/__init__.py": "raise SystemExit", "runner/__init__.py": "raise SystemExit"}
    assert function("import runner", "return runner", modules)(0) is runner


def test_names_that_are_no_identifiers_are_taken(function: Callable[..., Any]) -> None:
    for name in ("my own é.py", "2.limit.py", "class.py", "-.py"):
        assert function("import tables", "return tables.LEVEL", name=name)(0) == 2


def test_no_bytecode_is_written_or_read(function: Callable[..., Any]) -> None:
    """A file that was changed within the same second, to the same size, is imported as it is."""
    path = Path(function("import tables", "return tables.LEVEL").__code__.co_filename)
    code = f"from runner.runtime.stage_code import import_definition as i; print(i({str(path)!r})(0))"
    tables = path.with_name("tables.py")
    stamp = tables.stat()
    for level in (2, 3):
        tables.write_text(f"LEVEL = {level}", "utf-8")
        os.utime(tables, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert done.stdout == f"{level}\n"
    assert list(path.parent.glob("__pycache__")) == []


def test_many_threads_import_one_file_once(function: Callable[..., Any]) -> None:
    path = function("import tables", "return tables.LEVEL").__code__.co_filename
    other = Path(path).with_name("slow.py")
    other.write_text(Path(path).read_text("utf-8").replace("import tables", "import tables, time; time.sleep(0.2)"))
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(import_definition(str(other)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_import_that_fails_is_told_without_private_names(function: Callable[..., Any]) -> None:
    with pytest.raises(ImportError) as caught:
        function("from tables import LEVL", "return LEVL")
    assert spell_modules(str(caught.value)).startswith("cannot import name 'LEVL' from 'tables'")
    with pytest.raises(ModuleNotFoundError) as absent:
        function("import tables.more", "return 1")
    assert spell_modules(str(absent.value)) == "No module named 'tables.more'; 'tables' is not a package"


def test_import_that_failed_leaves_no_module(function: Callable[..., Any]) -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named 'absent_of_all'"):
        function("import absent_of_all", "return 1", name="again.py")
    assert not [name for name in sys.modules if name.endswith(".again")]
