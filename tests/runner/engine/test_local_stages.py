"""Stages in files beside a graph, constants and texts: what is computed again, and what is kept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runner.cache.cache import Cache
from runner.cache.digest import module_digests
from runner.engine import python_stage
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline, Result
from runner.engine.run_state import Status
from runner.engine.run_template import RunTemplate
from runner.errors import GraphError, RunError
from runner.graph.load import load_graph
from runner.graph.serialize import from_fields, to_fields
from tests.runner.graphs import edit_limited, write

X = {"x": np.array([1, 2], np.float32)}
WIRE, PARAMETER = "<- params.gain", "params:\n  gain: 0.5\n"
TABLES = "def scale(x, gain):\n    return x * gain\n"
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def of_another_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forget the code that this process has imported, as a new process would."""

    def forget() -> None:
        python_stage.find_function.cache_clear()
        monkeypatch.setattr(python_stage, "_first_digests", {})
        for name in [name for name in sys.modules if name.startswith("kokoro_run_folder_")]:
            del sys.modules[name]

    forget()
    return forget


@pytest.fixture
def run(stage_cache: Path, of_another_process: Callable[[], None]) -> Run:
    """Runs a graph as a new process would."""

    def call(path: Path, *sets: str, **inputs: object) -> Result:
        of_another_process()
        return Pipeline(load_graph(str(path), sets=sets), cache=Cache(stage_cache)).run(inputs or X)

    return call


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A graph whose stage imports `tables` from its folder."""
    folder = tmp_path / "a folder ü"
    folder.mkdir()
    text = edit_limited(folder)
    code = (folder / "limit.py").read_text("utf-8").replace("x * gain", "tables.scale(x, gain)")
    (folder / "limit.py").write_text(f"import tables\n{code}", "utf-8")
    (folder / "tables.py").write_text(TABLES, "utf-8")
    return write(folder, text)[0]


def has_run(result: Result) -> bool:
    return result.stages["limit"].status is Status.RUN


def test_change_of_a_module_that_a_stage_imports_runs_it_again(run: Run, graph: Path) -> None:
    assert has_run(run(graph))
    assert not has_run(run(graph))
    graph.with_name("tables.py").write_text(TABLES.replace("x * gain", "x * gain + 1"), "utf-8")
    again = run(graph)
    assert (has_run(again), again["y"].tolist()) == (True, [1.5, 2])


@pytest.mark.parametrize(
    ("name", "added"), [("tables.py", "# a comment\n"), ("limit.py", "# a comment\n"), ("other.py", "import absent\n")]
)
def test_comment_and_file_that_is_not_imported_run_nothing(run: Run, graph: Path, name: str, added: str) -> None:
    run(graph)
    path = graph.with_name(name)
    path.write_text(added + (path.read_text("utf-8") if path.exists() else ""), "utf-8")
    assert not has_run(run(graph))


READING = """
from pathlib import Path

OFFSET = Path(__file__).with_name("offset.txt")

@stage(
    files=("offset.txt",),
"""


def read_offset(graph: Path) -> None:
    """Let the stage add a number that it reads from a file, which its contract names."""
    stage = graph.with_name("limit.py")
    code = stage.read_text("utf-8").replace("@stage(", READING)
    stage.write_text(code.replace("gain)}", "gain) + int(OFFSET.read_text())}"), "utf-8")


def test_change_of_a_file_that_the_contract_names_runs_the_stage_again(run: Run, graph: Path) -> None:
    read_offset(graph)
    offset = graph.with_name("offset.txt")
    for text, expected, again in (("1", [1.5, 2], True), ("1", [1.5, 2], False), ("2", [2.5, 3], True)):
        offset.write_text(text, "utf-8")
        result = run(graph)
        assert (result["y"].tolist(), has_run(result)) == (expected, again)


def test_file_that_the_contract_names_and_that_is_absent_is_a_mistake_of_the_graph(graph: Path) -> None:
    read_offset(graph)
    message = r"graph.yaml:13:13: .*limit.py: `files` of its contract names offset.txt, which is not there"
    with pytest.raises(GraphError, match=message):
        load_graph(str(graph))


def call_package(graph: Path) -> None:
    """Let the contract of the stage name a package that it calls."""
    stage = graph.with_name("limit.py")
    stage.write_text(stage.read_text("utf-8").replace("@stage(", '@stage(packages=("odd-package",), '), "utf-8")


def test_other_version_of_a_package_that_the_contract_names_runs_the_stage_again(
    run: Run, graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_package(graph)
    monkeypatch.syspath_prepend(tmp_path)
    for version, again in ((None, True), ("1", True), ("1", False), ("2", True), ("1", False)):
        for other in tmp_path.glob("*.dist-info"):
            other.rmdir()
        if version is not None:
            (tmp_path / f"odd_package-{version}.dist-info").mkdir()
        assert has_run(run(graph)) == again


def test_packages_of_a_contract_are_kept_with_the_checked_graph(graph: Path) -> None:
    call_package(graph)
    loaded = load_graph(str(graph))
    assert loaded.stages["limit"].packages == ("odd-package",)
    assert from_fields(json.loads(json.dumps(to_fields(loaded)))) == loaded


def test_folder_that_is_moved_keeps_its_results(run: Run, graph: Path, tmp_path: Path) -> None:
    first = run(graph)
    moved = tmp_path / "moved"
    shutil.move(graph.parent, moved)
    again = run(moved / graph.name)
    assert not has_run(again)
    np.testing.assert_array_equal(first["y"], again["y"])


def test_module_that_appears_beside_the_graph_is_part_of_the_key(run: Run, graph: Path) -> None:
    stage = graph.with_name("limit.py")
    stage.write_text(
        "try:\n    import more\nexcept ImportError:\n    more = None\n" + stage.read_text("utf-8"), "utf-8"
    )
    run(graph)
    graph.with_name("more.py").write_text("", "utf-8")
    assert has_run(run(graph))


def test_relative_imports_are_followed(graph: Path) -> None:
    folder = graph.parent
    (folder / "sub").mkdir()
    (folder / "sub" / "__init__.py").touch()
    (folder / "sub" / "deep.py").write_text("from .. import tables\n", "utf-8")
    (folder / "limit.py").write_text("from .sub import deep\n", "utf-8")
    names = [name for name in module_digests(str(folder / "limit.py")) if name.startswith("./")]
    assert names == ["./limit.py", "./sub/__init__.py", "./sub/deep.py", "./tables.py"]


def test_other_definition_of_the_same_file_is_another_stage(run: Run, graph: Path) -> None:
    code = graph.with_name("limit.py").read_text("utf-8")
    more = code[code.index("@stage") :].replace("def limit", "def other").replace("gain)}", "gain) + 1}")
    graph.with_name("limit.py").write_text(f"{code}\n\n{more}", "utf-8")
    text = graph.read_text("utf-8")
    for name, expected in (("limit", [0.5, 1]), ("other", [1.5, 2])):
        graph.write_text(text.replace("./limit.py", f"./limit.py:{name}"), "utf-8")
        result = run(graph)
        assert (has_run(result), result["y"].tolist()) == (True, expected)


def test_two_graphs_of_one_process_have_tables_of_their_own(graph: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(graph.parent, other)
    (other / "tables.py").write_text(TABLES.replace("x * gain", "x - gain"), "utf-8")
    pipelines = [Pipeline(load_graph(str(path))) for path in (graph, other / graph.name)]
    assert [one.run(X)["y"].tolist() for one in (*pipelines, pipelines[0])] == [[0.5, 1], [0.5, 1.5], [0.5, 1]]


def test_code_that_changes_while_the_process_runs_is_refused(graph: Path, stage_cache: Path) -> None:
    pipeline = Pipeline(load_graph(str(graph)), cache=Cache(stage_cache))
    pipeline.run(X)
    graph.with_name("tables.py").write_text(TABLES.replace("x * gain", "x - gain"), "utf-8")
    again = Pipeline(load_graph(str(graph)), cache=Cache(stage_cache))
    with pytest.raises(RunError, match=r"limit\.py changed while this process was running; start it again"):
        again.run(X)


def test_module_that_another_stage_has_imported_and_that_has_changed_since_is_refused(
    graph: Path, stage_cache: Path
) -> None:
    """A result of the module as it was imported must not be kept as one of the file as it is now."""
    other = graph.with_name("other.yaml")
    other.write_text(graph.read_text("utf-8").replace("limit.py", "other.py"), "utf-8")
    shutil.copy(graph.with_name("limit.py"), graph.with_name("other.py"))
    Pipeline(load_graph(str(graph)), cache=Cache(stage_cache)).run(X)
    graph.with_name("tables.py").write_text(TABLES.replace("x * gain", "x - gain"), "utf-8")
    later = Pipeline(load_graph(str(other)), cache=Cache(stage_cache))
    with pytest.raises(RunError, match=r"other\.py changed while this process was running; start it again"):
        later.run(X)


def test_code_that_changes_after_a_check_has_the_key_of_the_code_that_runs(
    run: Run, graph: Path, stage_cache: Path
) -> None:
    """A check imports the code; the run may follow after a build of minutes."""
    pipeline = Pipeline(load_graph(str(graph)), cache=Cache(stage_cache))
    RunTemplate(pipeline, {}, ["x"], RunOptions()).check(X)
    graph.with_name("tables.py").write_text(TABLES.replace("x * gain", "x - gain"), "utf-8")
    assert pipeline.run(X)["y"].tolist() == [0.5, 1]
    again = run(graph)
    assert (has_run(again), again["y"].tolist()) == (True, [0.5, 1.5])


PADDED = """
from stages.contract import In, Out, stage

@stage(x=In("float32[k]", ""), a=Out("float32[p]", ""), b=Out("float32[q]", ""))
def limit(x):
    return {"a": x[:1], "b": x}
"""


def test_sizes_that_change_places_pad_again(run: Run, tmp_path: Path) -> None:
    (tmp_path / "limit.py").write_text(PADDED, "utf-8")
    text = """
graph: 1
name: padded
devices: {host: cpu:0}
dims: {n: {max: 9}, s: 3, t: 4}
inputs: {x: "float32[n]"}
outputs: {a: limit.a, b: limit.b}
stages:
  limit:
    module: ./limit.py
    device: host
    inputs: {x: "float32[n] <- input.x"}
    outputs: {a: "float32[s]", b: "float32[t]"}
"""
    other = (
        text.replace("float32[s]", "float32[u]").replace("float32[t]", "float32[s]").replace("float32[u]", "float32[t]")
    )
    path, _ = write(tmp_path, text)
    assert [run(path)[name].size for name in ("a", "b")] == [3, 4]
    path.write_text(other, "utf-8")
    assert [run(path)[name].size for name in ("a", "b")] == [4, 3]


def test_fault_names_the_line_of_the_module_that_has_it(graph: Path) -> None:
    graph.with_name("tables.py").write_text(f"\n{TABLES.replace('x * gain', 'x / 0 + absent')}", "utf-8")
    place = f"{graph.with_name('tables.py')}:3: NameError: name 'absent' is not defined"
    pipeline = Pipeline(load_graph(str(graph)))
    with pytest.raises(RunError, match="stage 'limit'") as caught, np.errstate(divide="ignore"):
        pipeline.run(X)
    assert place in str(caught.value)


def test_graph_at_the_root_of_a_checkout_runs(repository: Path, tmp_path: Path) -> None:
    """Its folder holds `runner` and `stages`, which are those of the process."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("runner", "stages", "graphs", "configs"):
        (checkout / name).symlink_to(repository / name)
    path, _ = write(checkout, edit_limited(checkout))
    program = f"""
import numpy as np
from runner.engine.pipeline import Pipeline
from runner.graph.load import load_graph
print(Pipeline(load_graph({str(path)!r})).run({{"x": np.ones(1, np.float32)}})["y"].tolist())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[0.5]\n", "")


def with_constants(folder: Path, *constants: str) -> Path:
    """A graph whose stage takes constants, as float32, int64 and str."""
    types = ("float32[]", "int64[]", "str")
    ports = {f"c{at}": (types[at], constant) for at, constant in enumerate(constants)}
    inputs = "".join(f"      {name}: {type_} <- {value}\n" for name, (type_, value) in ports.items())
    text = edit_limited(folder, ("      gain: float32[] <- params.gain\n", inputs), (PARAMETER, ""))
    declared = "".join(f'{name}=In("{type_}", ""), ' for name, (type_, _) in ports.items())
    code = f"""
from stages.contract import In, Out, stage

@stage(x=In("float32[n]", ""), {declared}y=Out("float32[n]", ""))
def limit(x, c0, c1, c2):
    assert (c0.dtype.name, c1.dtype.name, type(c2)) == ("float32", "int64", str)
    return {{"y": (x * c0 + c1 + len(c2)).astype("float32")}}
"""
    (folder / "limit.py").write_text(code, "utf-8")
    return write(folder, text)[0]


def test_one_spelling_is_a_value_of_each_type(run: Run, tmp_path: Path) -> None:
    assert run(with_constants(tmp_path, "1", "1", '"1"'))["y"].tolist() == [3, 4]


def test_other_constant_runs_the_stage_and_says_why(run: Run, tmp_path: Path, stage_cache: Path) -> None:
    run(with_constants(tmp_path, "0.5", "1", '"a"'))
    assert not has_run(run(with_constants(tmp_path, "0.5", "1", '"a"')))
    pipeline = Pipeline(load_graph(str(with_constants(tmp_path, "0.25", "1", '"b"'))), cache=Cache(stage_cache))
    plan = pipeline.plan_run(pipeline.start(X))
    assert str(plan.stages["limit"].reason) == 'limit.c0 0.5 -> 0.25; limit.c2 "a" -> "b"'
    assert has_run(run(with_constants(tmp_path, "0.25", "1", '"b"')))


def test_constant_and_parameter_of_one_value_are_one_result(run: Run, tmp_path: Path) -> None:
    path, _ = write(tmp_path, edit_limited(tmp_path))
    run(path)
    path, _ = write(tmp_path, edit_limited(tmp_path, (WIRE, "<- 0.5"), (PARAMETER, "")))
    assert not has_run(run(path))


TEXT_GRAPH = """
graph: 1
name: texts
devices: {host: cpu:0}
inputs: {line: str}
outputs: {text: second.text}
stages:
  first:
    module: ./echo.py
    device: host
    inputs:
      text: str <- input.line
    outputs:
      text: str
  second:
    module: ./echo.py
    device: host
    inputs:
      text: str <- first.text
    outputs:
      text: str
"""
ECHO = """
from stages.contract import In, Out, stage

@stage(text=(In("str", "a text"), Out("str", "the same")))
def echo(text):
    return {"text": text}
"""


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A graph that gives the text that it is given."""
    (tmp_path / "echo.py").write_text(ECHO, "utf-8")
    return write(tmp_path, TEXT_GRAPH)[0]


@pytest.mark.parametrize("text", ["a line", "", "həlˈO\n\t\0", "\ud800 no Unicode", "x" * 100_000])
def test_text_is_kept_as_it_is(run: Run, texts: Path, text: str) -> None:
    first, again = run(texts, line=text), run(texts, line=text)
    assert (first["text"], again["text"]) == (text, text)
    assert [again.stages[name].status for name in ("first", "second")] == [Status.HIT, Status.HIT]


def test_equal_text_of_a_changed_stage_runs_nothing_below(run: Run, texts: Path) -> None:
    run(texts, line="a")
    texts.with_name("other.py").write_text(ECHO.replace('"text": text}', '"text": text.lower()}'), "utf-8")
    texts.write_text(texts.read_text("utf-8").replace("./echo.py", "./other.py", 1), "utf-8")
    assert run(texts, line="A")["text"] == "a"
    again = run(texts, line="A")
    assert again.stages["second"].status is Status.HIT


def test_text_may_be_put_in_place_of_an_output(texts: Path, stage_cache: Path) -> None:
    pipeline = Pipeline(load_graph(str(texts)), cache=Cache(stage_cache))
    for text in ("one", "two"):
        result = pipeline.run({"line": "a"}, RunOptions(override={"first.text": text}))
        assert result["text"] == text
    assert pipeline.run({"line": "two"})["text"] == "two"


def test_stage_that_gives_another_kind_than_text_is_refused(texts: Path) -> None:
    texts.with_name("echo.py").write_text(ECHO.replace('"text": text}', '"text": 3}'), "utf-8")
    with pytest.raises(RunError, match=r"first\.text: expected text, got int"):
        Pipeline(load_graph(str(texts))).run({"line": "a"})
