"""Rules of the house beyond those of import-linter: what the runner may name, and how long a file or a class may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from runner.graph.contracts import list_stages
from tests.conftest import ROOT
from tests.module_map import FOLDERS, first_sentence, make_map


def test_runner_names_no_stage_outside_speech() -> None:
    """Stages are found by the graph: a dotted name in a string would tie the runner to one model."""
    names = set(list_stages())
    paths = [path for path in (ROOT / "runner").rglob("*.py") if "speech" not in path.relative_to(ROOT).parts]
    assert len(paths) > 50
    assert [f"{path.relative_to(ROOT)}:{at}" for path in paths for at, text in strings(path) if text in names] == []


LONGEST_FILE, LONGEST_CLASS = 400, 250  # lines: what is longer has two subjects


def test_no_file_and_no_class_has_two_subjects() -> None:
    long = []
    for path in [path for folder in ("runner", "stages") for path in (ROOT / folder).rglob("*.py")]:
        text = path.read_text("utf-8")
        long += [str(path)] if text.count("\n") > LONGEST_FILE else []
        classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
        lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in classes}
        long += [f"{path}: {name}" for name, length in lengths.items() if length > LONGEST_CLASS]
    assert long == []


def test_the_map_lists_every_file_with_its_first_sentence() -> None:
    assert (ROOT / "docs" / "map.md").read_text("utf-8") == make_map()
    folders = {path.parent for folder in ("runner", "stages") for path in (ROOT / folder).rglob("*.py")}
    assert folders == {ROOT / folder for folder in FOLDERS}


def test_every_file_begins_with_a_sentence() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).glob("*.py")]
    assert [path for path in files if not re.match(r"[A-Z`].{15,}\.\Z", first_sentence(path))] == []


def test_the_tour_names_every_page_and_every_decision() -> None:
    tour = (ROOT / "docs" / "index.md").read_text("utf-8")
    pages = [path for path in (ROOT / "docs").rglob("*.md") if path.name != "index.md"]
    links = {path: f"({path.relative_to(ROOT / 'docs').as_posix()})" for path in pages}
    assert [link for path, link in links.items() if link not in tour] == []


def test_links_of_pages_lead_somewhere() -> None:
    link = re.compile(r"\]\(((?:\.\./)*\w[\w./-]*\.\w+)[#)]")
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    found = [(page, target) for page in pages for target in link.findall(page.read_text("utf-8"))]
    assert len(found) > 100
    assert [f"{page.name}: {target}" for page, target in found if not (page.parent / target).exists()] == []


def test_no_target_names_a_processor_without_its_kind_of_machine() -> None:
    """LLVM would take the name for a processor of the machine that compiles: on arm64 it knows no `haswell`."""
    bare, folders = [], ("benchmarks", "runner", "stages", "tests")
    for path in [path for folder in folders for path in (ROOT / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Dict):
                continue
            fields = _read_constants(node)
            if fields.get("mcpu", "native") not in ("native", "generic") and "mtriple" not in fields:
                bare.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert bare == []


def _read_constants(table: ast.Dict) -> dict[object, object]:
    """Read the keys of a table that are written out, with their values; that of an expression is None."""
    pairs = zip(table.keys, table.values, strict=True)
    written = ((key.value, value) for key, value in pairs if isinstance(key, ast.Constant))
    return {
        key: value.value if isinstance(value, ast.Constant) else None
        for key, value in written
        if key != "mcpu" or isinstance(value, ast.Constant)
    }


def test_one_module_counts_processors() -> None:
    """A count of its own would not follow the quota of a container, and fail where there is no affinity."""
    counts = re.compile("sched_getaffinity|cpu_count")
    paths = [path for path in (ROOT / "runner").rglob("*.py") if counts.search(path.read_text("utf-8"))]
    assert [path.name for path in paths] == ["threads.py"]


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The strings of a file with their lines, without docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    ignored = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in ignored:
            yield node.lineno, node.value
