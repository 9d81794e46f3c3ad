"""Snapshots of checked graphs: each equals the graph read from its files, and is not used after a change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from runner.errors import KokoroError
from runner.graph import snapshot
from runner.graph.load import load_graph
from runner.graph.types import Graph
from tests.runner.graphs import edit_limited, write

HEAVY = "pydantic", "yaml", "networkx", "tvm_ffi", "tvm", "torch", "rich", "zipfile", "platformdirs"
Aged = Callable[[], None]


@pytest.fixture
def place(tmp_path: Path, repository: Path) -> Path:
    """Write a graph, its model and its config, all of them hours old."""
    shutil.copytree(repository / "configs" / "models" / "mini", tmp_path / "mini")
    shutil.copyfile(repository / "configs" / "models" / "mini.yaml", tmp_path / "mini.yaml")
    text = (repository / "graphs" / "default.yaml").read_text("utf-8")
    (tmp_path / "g.yaml").write_text(text.replace("../configs/models/mini.yaml", "mini.yaml"), "utf-8")
    (tmp_path / "over.yaml").write_text("params:\n  speed: 1.5\n", "utf-8")
    return tmp_path


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file that was written a moment ago count as old: no test writes one twice within a tick of the clock."""
    monkeypatch.setattr(snapshot, "_FRESH_NS", -10 * 60 * 10**9)


def load(place: Path, *sets: str) -> Graph:
    return snapshot.load_graph(str(place / "g.yaml"), [str(place / "over.yaml")], sets, place / "kept")


def kept(place: Path) -> list[Path]:
    return sorted((place / "kept").glob("*.json"))


@pytest.mark.usefixtures("aged")
def test_kept_graph_is_the_graph(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(place)
    monkeypatch.setattr(snapshot, "_read_graph", None)  # reading it anew would fail
    again = load(place)
    assert again == first == load_graph(str(place / "g.yaml"), [str(place / "over.yaml")])
    ours, theirs = ([(p, n.plain(), n.origin, n.key) for p, n in graph.tree.leaves()] for graph in (again, first))
    assert ours == theirs
    assert (again.tree.origin, again.tree.key, again.tree.folder) == (
        first.tree.origin,
        first.tree.key,
        first.tree.folder,
    )


@pytest.mark.usefixtures("aged")
@pytest.mark.parametrize("name", ["g.yaml", "over.yaml", "mini.yaml", "mini/config.json"])
def test_graph_is_read_anew_when_a_file_changes(place: Path, name: str) -> None:
    load(place)
    path = place / name
    status = path.stat()
    text = path.read_text("utf-8")
    old, new = {"over.yaml": ("1.5", "1.7"), "g.yaml": ("graph: 1 ", "graph: 2 ")}.get(name, ("128", "129"))
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    if name == "over.yaml":
        assert load(place).params["speed"] == 1.7
    else:
        with pytest.raises(KokoroError):
            load(place)


@pytest.mark.usefixtures("aged")
def test_options_and_folder_are_part_of_what_was_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(place).params["speed"] == 1.5
    assert load(place, "params.speed=0.5").params["speed"] == 0.5
    assert len(kept(place)) == 2
    monkeypatch.chdir(place)
    load(place)
    assert len(kept(place)) == 3  # messages spell paths by the working directory


@pytest.mark.usefixtures("aged")
def test_code_is_part_of_what_was_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(place)
    code, newest = snapshot._identify_code()
    names = [Path(row[0]).name for row in code[1]]
    assert {
        "checks.py",
        "schema.py",
        "load.py",
        "locate.py",
        "errors.py",
        "contract.py",
        "dims.py",
        "families.py",
        "model_config.py",
        "__init__.py",
    } <= set(names)
    monkeypatch.setattr(snapshot, "_identify_code", lambda: ([*code, "another"], newest))
    load(place)
    assert len(kept(place)) == 2


@pytest.mark.usefixtures("aged")
def test_damaged_file_is_no_graph(place: Path) -> None:
    first = load(place)
    (path,) = kept(place)
    whole = path.read_bytes()
    for at in range(0, len(whole), 211):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert load(place) == first
        path.write_bytes(whole[:at])
        assert load(place) == first


@pytest.mark.usefixtures("aged")
def test_mistakes_are_not_kept(place: Path) -> None:
    for _ in range(2):
        with pytest.raises(KokoroError, match="did you mean 'speed'"):
            load(place, "params.sped=1")
    assert kept(place) == []


@pytest.mark.usefixtures("aged")
def test_folder_that_cannot_be_written_keeps_nothing(place: Path) -> None:
    (place / "kept").write_text("a file", "utf-8")
    assert load(place) == load(place) == load_graph(str(place / "g.yaml"), [str(place / "over.yaml")])


def test_files_that_have_just_changed_are_not_kept(place: Path) -> None:
    load(place)
    assert kept(place) == []


@pytest.mark.usefixtures("aged")
def test_devices_come_with_the_graph(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(place, "devices.accel=cpu-avx2:0")
    monkeypatch.setattr("runner.graph.validate.read_device", None)  # reading it anew would fail
    assert load(place, "devices.accel=cpu-avx2:0").stages["decoder"].kind.target["mcpu"] == "haswell"


@pytest.fixture
def extended(tmp_path: Path, aged: None) -> Path:  # noqa: ARG001 - a fixture
    """A graph that extends one beside it, with a stage in a file."""
    (tmp_path / "base.yaml").write_text(edit_limited(tmp_path), "utf-8")
    return write(tmp_path, "extends: base.yaml\ngraph: 1\nname: child\n")[0]


def read(path: Path) -> Graph:
    return snapshot.load_graph(str(path), [], [], path.parent / "kept")


def test_kept_graph_with_files_beside_it_is_the_graph(extended: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read(extended)
    monkeypatch.setattr(snapshot, "_read_graph", None)  # reading it anew would fail
    assert read(extended) == first == load_graph(str(extended))
    assert first.stages["limit"].module == str(extended.with_name("limit.py"))


CHANGES = [
    ("base.yaml", "gain: 0.5", "gain: 0.75", None),
    ("base.yaml", "    device: host", "    device: hst", "no device role 'hst'"),
    ("limit.py", 'gain=In("float32[]"', 'gain=In("int64[]"', "declares input 'gain' as int64"),
    ("limit.py", "def limit", "def other", None),
    ("limit.py", "@stage", "# @stage", "has 0 definitions"),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), CHANGES)
def test_graph_is_read_anew_when_its_base_or_its_stage_changes(
    extended: Path, name: str, old: str, new: str, message: str | None
) -> None:
    read(extended)
    path = extended.with_name(name)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    if message is None:
        assert read(extended) == load_graph(str(extended))
    else:
        with pytest.raises(KokoroError, match=message):
            read(extended)


@pytest.mark.parametrize("name", ["base.yaml", "limit.py"])
def test_graph_whose_base_or_stage_is_gone_is_refused(extended: Path, name: str) -> None:
    read(extended)
    extended.with_name(name).unlink()
    with pytest.raises(KokoroError, match=name):
        read(extended)


@pytest.mark.usefixtures("aged")
@pytest.mark.parametrize(("spelled", "hiding"), [("default.yaml", "default.yaml"), ("default", "default")])
def test_file_that_hides_a_packaged_base_is_read(tmp_path: Path, spelled: str, hiding: str) -> None:
    path, _ = write(tmp_path, f"extends: {spelled}\ngraph: 1\nname: child\n")
    assert "decoder" in read(path).stages
    (tmp_path / hiding).write_text(edit_limited(tmp_path), "utf-8")
    assert list(read(path).stages) == ["limit"]


def test_stage_of_an_entry_point_is_looked_up_each_time(
    extended: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "offered.py").write_text((tmp_path / "limit.py").read_text("utf-8"), "utf-8")
    points = [EntryPoint("others.limit", "offered:limit", "kokoro_run.stages")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: points if group == points[0].group else [])
    base = extended.with_name("base.yaml")
    base.write_text(base.read_text("utf-8").replace("./limit.py", "others.limit"), "utf-8")
    read(extended)
    assert kept(tmp_path) == []


def test_repeated_run_imports_nothing_heavy(place: Path, tiny_model: Path, tiny_root: Path, repository: Path) -> None:
    """A run whose results are all in the cache needs neither pydantic nor YAML, and nothing of TVM."""
    command = [
        *("default", "-c", str(tiny_model), "--build-dir", str(tiny_root)),
        "--phonemes",
        "hɛ",
        "-q",
        "-o",
        "a.wav",
    ]
    program = f"""
import json, sys, runner.cli.main, runner.graph.snapshot
runner.graph.snapshot._FRESH_NS = -10**13
sys.argv = ["kokoro-run", *{command!r}]
try:
    runner.cli.main.main()
finally:
    print(json.dumps(sorted(set(sys.modules) & {set(HEAVY)!r})))
"""
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    heavy = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", program], env=environment, cwd=place, capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(2)
    ]
    assert "pydantic" in heavy[0]
    assert "tvm_ffi" in heavy[0]
    assert heavy[1] == []
