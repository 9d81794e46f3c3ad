"""Files beside a graph, and entry points of installed packages, as stages."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from runner.graph.load import load_graph
from tests.runner.graphs import LIMIT, assert_refused, edit_limited, write

MODULE = "module: ./limit.py"
TWO = LIMIT + LIMIT.replace("def limit", "def other")
KNOWN = ", ".join(
    f"stages.{name}"
    for name in (
        *("align", "bert", "decoder", "duration", "espeak", "f0n", "g2p", "letters", "lexicon", "normalize"),
        *("text_encoder", "tokenize", "trim", "voice"),
    )
)
NEVER = "; no other module is imported: put a file beside the graph, ./NAME.py, or offer an entry point"

TWO_ARE_THERE = "has 2 definitions under @stage(...): limit, other, where one is expected; choose one"
NOT_INSTALLED = "the entry point 'others.f' of kokoro_run.stages names limit_absent.m, which is not installed"

REFUSED = [
    ("./limt.py", None, "no file '{folder}/limt.py'; did you mean 'limit.py'?"),
    ("./limit.py:lmit", None,
     "{folder}/limit.py:lmit: has no definition 'lmit' under @stage(...); did you mean 'limit'?"),
    ("./own.py", TWO, f"{{folder}}/own.py: {TWO_ARE_THERE}, as in own.py:limit"),
    ("./own.py:limit", LIMIT + LIMIT, "{folder}/own.py:limit: line 10: 'limit' is defined a second time"),
    ("./own.py", "x = 1\n", "{folder}/own.py: has 0 definitions under @stage(...), where one is expected"),
    ("./own.py", "def x(:\n", "{folder}/own.py: invalid syntax (own.py, line 1)"),
    ("./own.py", LIMIT.replace('"a factor"', "DOC"),
     "{folder}/own.py: line 4: a contract is literal: strings, tuples, In(type, doc) and Out(type, doc)"),
    ("os.path", None, f"no stage 'os.path'; known: {KNOWN}{NEVER}"),
    ("limit", None, f"no stage 'limit'; known: {KNOWN}{NEVER}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "code", "message"), REFUSED)
def test_stage_that_cannot_be_found_is_refused_at_its_name(
    tmp_path: Path, name: str, code: str | None, message: str
) -> None:
    text = edit_limited(tmp_path, (MODULE, f"module: §{name}"))
    if code is not None:
        (tmp_path / "own.py").write_text(code, "utf-8")
    assert_refused(tmp_path, text, message.format(folder=tmp_path))


def test_file_outside_the_folder_is_refused_without_being_read(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    (inner / "sub").mkdir(parents=True)
    (tmp_path / "out.py").write_text("not Python", "utf-8")
    (inner / "link.py").symlink_to(tmp_path / "out.py")
    for name in ("../out.py", str(tmp_path / "out.py"), "./link.py", "./sub/../../out.py"):
        text = edit_limited(inner, (MODULE, f"module: §{name}"))
        path = inner / "link.py" if "link" in name else tmp_path / "out.py"
        fact = f"{path} is not in the folder of the graph, {inner}"
        assert_refused(inner, text, f"{fact}: a graph runs no other code; put the file there, or offer an entry point")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("./own.py:other", TWO),
        ("own.py", LIMIT),
        ("./sub/own.py", LIMIT),
        ("./my own é.py", LIMIT),
        ("./own.py", LIMIT.replace("import In, Out, stage", "import *").replace("@stage", "@c.stage")),
        ("./own.py", LIMIT.replace("In(", "c.In(").replace("Out(", "c.Out(").replace("@stage", "@c.stage")),
    ],
)
def test_stage_in_a_file_is_found(tmp_path: Path, name: str, code: str) -> None:
    path = tmp_path / name.partition(":")[0]
    path.parent.mkdir(exist_ok=True)
    path.write_text(code, "utf-8")
    graph = load_graph(str(write(tmp_path, edit_limited(tmp_path, (MODULE, f'module: "{name}"')))[0]))
    assert graph.stages["limit"].module == str(path) + name[len(name.partition(":")[0]) :]


def test_link_within_the_folder_is_taken(tmp_path: Path) -> None:
    text = edit_limited(tmp_path, (MODULE, "module: ./link.py"))
    (tmp_path / "link.py").symlink_to(tmp_path / "limit.py")
    assert load_graph(str(write(tmp_path, text)[0])).stages["limit"].module == str(tmp_path / "link.py")


def test_graph_behind_a_link_keeps_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    write(tmp_path / "real", edit_limited(tmp_path / "real"))
    assert load_graph(str(tmp_path / "linked" / "graph.yaml")).stages["limit"].module.endswith("linked/limit.py")


def test_checking_runs_no_code(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "own.py").write_text(f"{LIMIT}\nraise SystemExit\n", "utf-8")
    before = set(sys.modules)
    load_graph(str(write(tmp_path, edit_limited(tmp_path, (MODULE, "module: ./sub/own.py")))[0]))
    assert not {name for name in set(sys.modules) - before if "own" in name or "folder" in name}


def test_file_named_by_an_option_is_looked_for_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "own.py").write_text(LIMIT, "utf-8")
    path, _ = write(tmp_path, edit_limited(tmp_path))
    monkeypatch.chdir(work)
    sets = ["stages.limit.module=./own.py"]
    assert load_graph(str(path), sets=sets).stages["limit"].module == str(work / "own.py")


def test_library_and_python_stage_are_told_apart_by_the_ending(tmp_path: Path) -> None:
    text = edit_limited(tmp_path, (MODULE, "module: §lib/limit"))
    assert_refused(
        tmp_path,
        text,
        "the path of a library ends in .so, which stands for the suffix of the device kind",
        "stage 'limit' is a library and lacks 'entry', the function to call",
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("limit_absent.m:f", NOT_INSTALLED),
        ("limit_offered:h", "others.f: has no definition 'h' under @stage(...); known: limit, other"),
        ("limit_offered", f"others.f: {TWO_ARE_THERE}, as in limit_offered.py:limit"),
        ("limit_offered:limit", None),
        ("limit_offered:other", None),
    ],
)  # fmt: skip
def test_entry_point_names_a_module_and_may_name_a_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, message: str | None
) -> None:
    (tmp_path / "limit_offered.py").write_text(TWO, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint("others.f", value, "kokoro_run.stages")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: points if group == points[0].group else [])
    text = edit_limited(tmp_path, (MODULE, "module: §others.f"))
    if message is None:
        load_graph(str(write(tmp_path, text)[0]))
    else:
        assert_refused(tmp_path, text, message)
