"""Runs, graphs and the reference beside each other, by the command and by its parts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.engine import record
from runner.engine.pipeline import Pipeline
from runner.graph.load import load_graph
from runner.inspect.compare import compare
from runner.inspect.sides import Case, GraphSide
from runner.inspect.tolerance import Tolerances
from tests.runner import small_model
from tests.runner.conftest import Run
from tests.runner.graphs import model_of
from tests.runner.toys import install

SAY = ("--phonemes", "hɛ")


def ports(text: str) -> dict[str, Any]:
    """The figures of the only utterance of what --json printed."""
    (utterance,) = json.loads(text)["utterances"]
    return {row["port"]: row for row in utterance["ports"]}


def different(found: dict[str, Any]) -> list[str]:
    return [port for port, row in found.items() if not row["equal"]]


def test_graph_equals_itself(run: Run, tones_graph: Path) -> None:
    code, out, _ = run("compare", tones_graph, tones_graph, *SAY, "--json", "--tolerance", "0")
    assert code == 0
    assert different(ports(out)) == []
    assert list(ports(out))[-1] == "tones.audio"


def test_parameter_of_one_side_shows_in_what_takes_it(run: Run, tones_graph: Path) -> None:
    code, out, _ = run("compare", f"{tones_graph}+params.speed=2", tones_graph, *SAY, "--json")
    row = ports(out)["tones.audio"]
    assert (code, different(ports(out))) == (0, ["tones.audio"])
    assert row["max_abs"] == pytest.approx(0.086)
    assert row["first"] == {"dim": "samples", "index": 600}
    assert row["lsd_db"] > 0


@pytest.mark.parametrize(("tolerance", "code"), [("0.5", 1), ("1.5", 0), ("tones=0dB", 0), ("tones.audio=20dB", 1)])
def test_exit_code_says_whether_all_is_within(run: Run, tones_graph: Path, tolerance: str, code: int) -> None:
    found, out, _ = run("compare", f"{tones_graph}+params.speed=2", tones_graph, *SAY, "--tolerance", tolerance)
    assert found == code
    assert ("exceeded" in out) == bool(code)


@pytest.mark.parametrize("option", [("-c", "x.yaml"), ("--config", "x.yaml"), ("--set", "params.speed=2")])
def test_overlay_of_no_side_is_refused_with_its_spelling(run: Run, tones_graph: Path, option: tuple[str, str]) -> None:
    code, _, err = run("compare", tones_graph, "reference", *SAY, *option)
    assert code == 2
    assert f"write it behind the side that it belongs to: A+{option[1]} or B+{option[1]}" in err


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ((), ""),
        (("--speed", "2.5"), " again with --speed 2.5"),
        (("--phonemes", "hh", "--seed", "1", "--skip-unknown"), " again with --phonemes hh --seed 1 --skip-unknown"),
    ],
)
def test_run_that_runs_again_says_with_what(
    run: Run, tones_graph: Path, stage_cache: Path, options: tuple[str, ...], label: str
) -> None:
    run(tones_graph, *SAY, "-q")
    name = f"run {record.find(stage_cache / 'runs', None).id}{label}"
    _, out, _ = run("compare", "last", tones_graph, *options)
    assert out.startswith(f"{name} against {tones_graph}, ")
    assert json.loads(run("compare", "last", tones_graph, *options, "--json")[1])["a"] == name


def test_cross_gives_a_stage_the_inputs_of_the_other_side(run: Run, tones_graph: Path) -> None:
    _, out, _ = run("compare", f"{tones_graph}+params.speed=2", tones_graph, *SAY, "--json", "--cross")
    assert different(ports(out)) == []


def test_cross_finds_the_stage_that_is_wrong(toy_graph: Path, toy_root: Path) -> None:
    graph = load_graph(str(toy_graph))
    vocab = json.loads(model_of(graph).config.read_text("utf-8"))["vocab"]
    right = GraphSide("right", Pipeline(graph, toy_root))
    wrong = GraphSide("wrong", Pipeline(graph, toy_root, config={"vocab": {**vocab, "h": 7}}))
    case = Case("here", {"phonemes": "hɛ"}, {}, {})
    alone, whole = (compare(wrong, right, (case, case), Tolerances([]), cross=cross) for cross in (True, False))
    assert [found.port for found in alone if found.max_abs] == ["tokenize.input_ids"]
    assert [found.port for found in whole if found.max_abs] == ["tokenize.input_ids", "scaled.y", "scaled.n"]
    assert alone[0].first == ("text", 1)


def test_library_with_other_weights_is_measured(toy_graph: Path, toy_root: Path, toy_library: Path) -> None:
    graph, other = load_graph(str(toy_graph)), toy_root.with_name("other")
    install(other, toy_library, w=3.0)
    sides = [GraphSide(root.name, Pipeline(graph, root)) for root in (other, toy_root)]
    case = Case("here", {"phonemes": "hɛ"}, {}, {})
    found = {one.port: one for one in compare(sides[0], sides[1], (case, case), Tolerances([]), cross=True)}
    assert found["scaled.y"].relative == pytest.approx(0.5)


def test_padded_graph_is_compared_with_one_that_is_not(run: Run, toy_graph: Path, toy_root: Path) -> None:
    overlay = Path("static.yaml")
    overlay.write_text("dims: {text: 16}\n", encoding="utf-8")
    for sides in ((f"{toy_graph}+{overlay}", toy_graph), (toy_graph, f"{toy_graph}+{overlay}")):
        for cross in ((), ("--cross",)):
            code, out, err = run("compare", *sides, *SAY, "--json", "--build-dir", toy_root, *cross)
            assert (code, err) == (0, "")
            # `n` is `y` twice, so what pads it lies in its middle as well
            assert [port for port in different(ports(out)) if port != "scaled.n"] == []


def test_run_lends_its_line_and_parameters_to_a_graph(run: Run, tones_graph: Path) -> None:
    run(tones_graph, *SAY, "--speed", "2", "-q")
    code, out, _ = run("compare", "last", tones_graph, "--json")
    assert (code, different(ports(out))) == (0, [])
    _, out, _ = run("compare", "last+params.speed=1", tones_graph, "--json")
    assert different(ports(out)) == ["tones.audio"]


def test_two_runs_are_compared_by_what_they_left(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    for speed in ("1", "2"):
        run(tones_graph, *SAY, "--speed", speed, "-q")
    first, second = sorted(path.stem for path in (stage_cache / "runs").glob("*.jsonl"))
    _, out, _ = run("compare", first, second, "--json")
    assert different(ports(out)) == ["tones.audio"]
    assert json.loads(out)["a"] == f"run {first}"


def test_what_a_run_left_is_computed_again_when_it_is_gone(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    run(tones_graph, *SAY, "--speed", "2", "-q")
    shutil.rmtree(stage_cache / "tensors")
    code, out, _ = run("compare", "last", f"{tones_graph}+params.speed=1", "--json")
    assert (code, different(ports(out))) == (0, ["tones.audio"])


def test_what_a_run_left_is_not_made_up(
    run: Run, toy_graph: Path, toy_root: Path, toy_library: Path, stage_cache: Path
) -> None:
    where = ("--build-dir", toy_root)
    assert run(toy_graph, *SAY, "--until", "scaled", "-q", *where)[0] == 0
    shutil.rmtree(stage_cache / "tensors")
    shutil.rmtree(toy_root / "toy")  # the library is loaded: it may be replaced, but not written over
    install(toy_root, toy_library, w=3.0)
    code, _, err = run("compare", "last", toy_graph, *where)
    assert code == 2
    assert "what stage 'scaled' gave is no longer kept, and its code, weights or input are not what they were" in err


INPUTS = {"me.npy": ("--voice", "me.npy"), "vocab.json": ("--vocab", "vocab.json")}


def write_input(file: str, value: int) -> None:
    """Write a file of INPUTS that holds something else for each value."""
    if file == "vocab.json":
        Path(file).write_text(json.dumps({"h": value, "ɛ": 9}), "utf-8")
    else:
        np.save(file, np.full((510, 64), value, np.float32))


@pytest.mark.parametrize("file", INPUTS)
@pytest.mark.parametrize(
    ("sides", "options"),
    [
        (("last", "{}"), ()),
        (("last+params.speed=2", "{}"), ()),
        (("{}", "last"), ("--cross",)),
        (("last", "last"), ("--speed", "2")),
        (("last", "last"), ("--cross",)),
    ],
)
def test_run_whose_input_has_changed_is_not_compared_as_it_would_be_now(
    run: Run, voiced_graph: Path, file: str, sides: tuple[str, str], options: tuple[str, ...]
) -> None:
    write_input(file, 3)
    assert run(voiced_graph, *SAY, *INPUTS[file], "-q")[0] == 0
    command = ["compare", *(side.format(voiced_graph) for side in sides), *options, "--json"]
    assert run(*command)[0] == 0
    write_input(file, 4)
    code, _, err = run(*command)
    assert (code, f"{Path.cwd()}/{file}" in err, "has changed: sha256 " in err) == (2, True, True)
    assert run(*command, *INPUTS[file])[0] == 0


@pytest.mark.parametrize("file", INPUTS)
def test_two_runs_are_compared_by_what_they_left_though_an_input_was_written_over(
    run: Run, voiced_graph: Path, stage_cache: Path, file: str
) -> None:
    for value in (3, 4):
        write_input(file, value)
        assert run(voiced_graph, *SAY, *INPUTS[file], "-q", "-o", "out/")[0] == 0
    first, second = sorted(path.stem for path in (stage_cache / "runs").glob("*.jsonl"))
    code, out, _ = run("compare", first, second, "--json")
    found = {port.partition(".")[0] for port in different(ports(out))}
    assert (code, found) == (0, {"voice"} if file == "me.npy" else {"tokenize", "tones"})
    shutil.rmtree(stage_cache / "tensors")
    assert run("compare", first, second)[0] == 2


def test_run_elsewhere_lends_the_voice_that_it_read(
    run: Run, voiced_graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_input("me.npy", 3)
    assert run(voiced_graph, *SAY, *INPUTS["me.npy"], "-q", "-o", "out/")[0] == 0
    monkeypatch.chdir(voiced_graph.parent)
    write_input("me.npy", 4)
    code, out, _ = run("compare", "last", voiced_graph, "--json")
    assert (code, different(ports(out))) == (0, [])


def test_what_is_other_than_in_a_run_that_is_done_again_is_told(run: Run, tones_graph: Path, stage_cache: Path) -> None:
    assert run(tones_graph, "--phonemes", "h", "-q")[0] == 0
    (path,) = (stage_cache / "runs").glob("*.jsonl")
    path.write_text(path.read_text("utf-8").replace('"numpy": "', '"numpy": "0.'), "utf-8")
    code, _, err = run("compare", "last", tones_graph)
    assert (code, err.startswith(f"not as in run {path.stem}: numpy 0.")) == (0, True)
    assert run("compare", "last", "last")[2] == ""


def test_arrays_of_a_run_stand_in_its_place_again(run: Run, tones_graph: Path) -> None:
    np.save("ids.npy", np.array([[0, 90, 0]]))
    assert run(tones_graph, "--phonemes", "h", "--load", "tokenize.input_ids=ids.npy", "-q")[0] == 0
    code, out, _ = run("compare", "last", "last+params.speed=2", "--json")
    assert (code, different(ports(out))) == (0, ["tones.audio"])
    beside = ports(run("compare", "last", tones_graph, "--json")[1])
    assert {"tokenize.input_ids", "tones.audio"} <= set(different(beside))
    np.save("ids.npy", np.array([[0, 91, 0]]))
    code, _, err = run("compare", "last", "last+params.speed=2")
    assert (code, f"--load tokenize.input_ids={Path.cwd()}/ids.npy has changed: sha256 " in err) == (2, True)


@pytest.mark.parametrize(
    ("sides", "options", "expected"),
    [
        (("{}", "{}"), (), "neither A nor B is a run, so give --input FILE, --phonemes TEXT or --text TEXT"),
        (("nosuch", "{}"), SAY, "'nosuch' is neither a graph nor a run:"),
        (("reference", "reference"), SAY, "the reference takes model and graph from the other side"),
        (("{}", "reference+params.speed=2"), SAY, "nothing can be laid over the reference"),
        (("{}+", "{}"), SAY, "expected GRAPH[+OVERLAY][+NAME=VALUE]..., RUN or reference"),
        (("{}", "{}"), (*SAY, "--tolerance", "tone=1"), "no stage or port is called 'tone'; did you mean 'tones'?"),
        (("last", "{}"), ("--no-cache",), "a run is read from the cache, which --no-cache excludes"),
        (("{}", "{}"), (*SAY, "--input", "x"), "give one of --input FILE, --phonemes TEXT and --text TEXT"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    run: Run, tones_graph: Path, sides: tuple[str, str], options: tuple[str, ...], expected: str
) -> None:
    code, out, err = run("compare", *(side.format(tones_graph) for side in sides), *options)
    assert (code, out) == (2, "")
    assert expected in err


def test_table_says_what_differs(run: Run, tones_graph: Path) -> None:
    _, out, _ = run("compare", f"{tones_graph}+params.speed=2", tones_graph, *SAY)
    (head,) = (line for line in out.splitlines() if line.startswith("port"))
    assert head.split()[:4] == ["port", "A", "max", "abs"]
    assert head.endswith("LSD [dB]")
    (row,) = (line for line in out.splitlines() if line.startswith("tones.audio"))
    assert row.split()[:3] == ["tones.audio", "float32[2400]", "0.086"]


@pytest.mark.usefixtures("reference")
@pytest.mark.parametrize("cross", [(), ("--cross",)])
def test_default_graph_is_within_the_tolerances_of_the_reference(
    run: Run, synthetic: Callable[..., Path], cache_folder: Path, cross: tuple[str, ...]
) -> None:
    tiny = f"default+{synthetic('tiny', 0, 'pth')}"
    tolerances = ["--tolerance", "1e-4", "--tolerance", "decoder=60dB", "--tolerance", "trim=60dB"]
    command = ["compare", tiny, "reference", *SAY, "--build-dir", cache_folder / "build", "-q", "--json"]
    code, out, _ = run(*command, *tolerances, *cross)
    assert (code, json.loads(out)["within"]) == (0, True)
    assert {row.partition(".")[0] for row in ports(out)} == {
        *("tokenize", "voice", "bert", "duration", "text_encoder", "align", "f0n", "decoder", "trim")
    }
    assert "bert.d_en" in different(ports(out))


@pytest.mark.full
@pytest.mark.usefixtures("reference")
def test_every_port_of_the_full_size_model_is_within_the_bars(
    run: Run, synthetic: Callable[..., Path], cache_folder: Path, repository: Path
) -> None:
    """Those of tests/parity.py: f0 takes a tighter one, as the source's phase is its sum (docs/decisions/0004)."""
    full = f"default+{synthetic('full', 0, 'pth')}"
    tolerances = [f"--tolerance={bar}" for bar in ("1e-4", "f0n=1e-5", "decoder=60dB")]
    command = ["compare", full, "reference", "--cross", "--input", repository / "graphs" / "ipa.txt", *tolerances]
    code, out, _ = run(*command, "--build-dir", cache_folder / "build", "-q", "--json")
    found = json.loads(out)
    assert [row["port"] for said in found["utterances"] for row in said["ports"] if not row["within"]] == []
    assert (code, found["within"], len(found["utterances"])) == (0, True, 4)
    for said in found["utterances"]:
        assert len(said["ports"]) == sum(len(spec.outputs) for spec in load_graph("default").stages.values())
        assert all(row["fault"] is None and row["tolerance"] is not None for row in said["ports"])


def test_probe_looks_into_a_stage_on_the_other_sides_inputs(run: Run, tmp_path: Path) -> None:
    graph = small_model.write(tmp_path / "small", small_model.weights())
    command = ["compare", graph, graph, *SAY, "--probe", small_model.STAGE, "--build-dir", tmp_path / "build", "-q"]
    code, out, err = run(*command, "--json")
    assert (code, err) == (0, "")
    (utterance,) = json.loads(out)["utterances"]
    assert [tap["layer"] for tap in utterance["probe"]][-2:] == ["lstm", "t_en"]
    assert all(tap["finite"] == 1 for tap in utterance["probe"])
    assert "did you mean 'text_encoder'?" in run(*command, "--probe", "text_encode")[2]
