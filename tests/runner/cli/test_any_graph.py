"""The command line runs any graph: its inputs and outputs are of any kind and number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT

Run = Callable[..., tuple[int, str, str]]

GRAPH = """
graph: 1
name: numbers
params:
  gain: {default: 2.0, min: 0, max: 10}
devices: {host: cpu:0}
dims: {n: {max: 100}}
inputs:
  x: float32[n]
outputs:
  y: scale.y
  said: say.text
stages:
  scale:
    module: ./numbers_of.py:scale
    device: host
    inputs:
      x: float32[n] <- input.x
      gain: float32[] <- params.gain
    outputs:
      y: float32[n]
  say:
    module: ./numbers_of.py:say
    device: host
    inputs:
      y: float32[n] <- scale.y
    outputs:
      text: str
"""
CODE = """
from stages.contract import In, Out, stage

@stage(x=In("float32[n]", ""), gain=In("float32[]", ""), y=Out("float32[n]", ""))
def scale(x, gain):
    return {"y": x * gain}

@stage(y=In("float32[n]", ""), text=Out("str", ""))
def say(y):
    if y.size == 7:
        raise KeyError("seven")
    return {"text": " ".join(f"{value:g}" for value in y)}
"""
TEXTS = """
graph: 1
name: texts
devices: {host: cpu:0}
inputs: {words: str, times: "int64[]"}
outputs: {many: repeat.many}
stages:
  repeat:
    module: ./repeat.py
    device: host
    inputs:
      words: str <- input.words
      times: int64[] <- input.times
    outputs:
      many: str
"""
REPEAT = """
from stages.contract import In, Out, StageError, stage

@stage(words=In("str", ""), times=In("int64[]", ""), many=Out("str", ""))
def repeat(words, times):
    if words == "bad":
        raise StageError("a bad word")
    return {"many": words * int(times)}
"""


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A graph without a model: numbers in, numbers and a text out."""
    (tmp_path / "numbers_of.py").write_text(CODE, "utf-8")
    (tmp_path / "numbers.yaml").write_text(GRAPH, "utf-8")
    return tmp_path / "numbers.yaml"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A graph that takes lines, and a number that all share."""
    (tmp_path / "repeat.py").write_text(REPEAT, "utf-8")
    (tmp_path / "texts.yaml").write_text(TEXTS, "utf-8")
    return tmp_path / "texts.yaml"


def test_values_are_printed_where_no_output_is_audio(run: Run, graph: Path) -> None:
    code, out, err = run(graph, "--in", "x=[1, 2.5]")
    assert (code, out, err) == (0, "the inputs:\n  y: [2., 5.]\n  said: 2 5\n", "")


def test_an_array_comes_from_a_file_and_goes_to_one(run: Run, graph: Path) -> None:
    np.save("x.npy", np.arange(30, dtype=np.float32))
    code, out, err = run(graph, "--in", "x=@x.npy", "-o", "y=pitch.npy", "--set", "params.gain=3")
    assert (code, out, err) == (0, "", "pitch.npy: y\n")
    assert np.load("pitch.npy").tolist() == (3 * np.arange(30)).tolist()


def test_what_nobody_asked_for_is_not_computed(run: Run, graph: Path) -> None:
    code, out, _ = run(graph, "--in", "x=[1,2,3,4,5,6,7]", "-o", "y=y.npy", "--json")  # `say` would fail
    assert (code, list(json.loads(out)["stages"]), json.loads(out)["outputs"]) == (0, ["scale"], {"y": "y.npy"})


def test_a_folder_takes_every_output(run: Run, graph: Path) -> None:
    assert run(graph, "--in", "x=[1]", "-o", "out/")[0] == 0
    assert np.load("out/0001.y.npy").tolist() == [2]
    assert Path("out/0001.said.txt").read_text("utf-8") == "2\n"


def test_large_values_are_told_by_their_type_in_json(run: Run, graph: Path) -> None:
    np.save("x.npy", np.ones(17, np.float32))
    table = json.loads(run(graph, "--in", "x=@x.npy", "--json")[1])
    assert table["rows"][0]["outputs"] == {"y": {"dtype": "float32", "shape": [17]}, "said": " ".join(["2"] * 17)}
    assert (table["sample_rate"], table["output"], table["outputs"]) == (None, None, {})


def test_a_repeated_run_has_only_hits_and_a_replay_gives_the_same(run: Run, graph: Path) -> None:
    first = run(graph, "--in", "x=[1, 2]")[1]
    assert json.loads(run(graph, "--in", "x=[1, 2]", "--json")[1])["stages"] == {}
    assert run("replay")[:2] == (0, first)


def test_a_comparison_takes_the_arrays_of_a_run(run: Run, graph: Path) -> None:
    np.save("x.npy", np.array([1, 2], np.float32))
    assert run(graph, "--in", "x=@x.npy")[0] == 0
    code, out, err = run("compare", "last", "last+params.gain=3", "--json")
    assert (code, err) == (0, "")
    assert {port["port"]: port["max_abs"] for port in json.loads(out)["utterances"][0]["ports"]}["scale.y"] == 2
    np.save("x.npy", np.array([1, 3], np.float32))
    code, _, err = run("compare", "last", "last+params.gain=3")
    assert (code, "x.npy has changed: sha256" in err) == (2, True)
    Path("x.npy").unlink()
    code, _, err = run("compare", "last", "last+params.gain=3")
    assert (code, "x.npy: cannot be read" in err) == (2, True)
    assert run("compare", "last", "last")[0] == 0  # of what the cache has


def test_a_replay_refuses_a_text_that_has_changed(run: Run, texts: Path) -> None:
    """A text that lines do not feed: there are two."""
    texts.write_text(TEXTS.replace('times: "int64[]"', "times: str").replace("int64[] <-", "str <-"), "utf-8")
    texts.with_name("repeat.py").write_text(REPEAT.replace('In("int64[]", "")', 'In("str", "")'), "utf-8")
    Path("times.txt").write_text("2\n", "utf-8")
    given = ("--in", "words=a", "--in", "times=@times.txt")
    assert run(texts, *given)[:2] == run("replay")[:2] == (0, "the inputs:\n  many: aa\n")
    Path("times.txt").write_text("3\n", "utf-8")
    code, out, err = run("replay")
    assert (code, out, f"--in times=@{Path.cwd()}/times.txt has changed: sha256 " in err) == (2, "", True), err
    assert run("replay", "--in", "times=4")[1] == "the inputs:\n  many: aaaa\n"


def test_a_plan_and_a_comparison_take_inputs(run: Run, graph: Path) -> None:
    assert "scale  run: nothing is kept for this stage, 8 B" in run("plan", graph, "--in", "x=[1, 2]")[1]
    code, out, _ = run("compare", graph, f"{graph}+params.gain=3", "--in", "x=[1, 2]")
    assert (code, out.splitlines()[2].split()) == (0, ["scale.y", "float32[2]", "2", "0.33", "1.6", "9.5", "n", "0"])
    assert "say.text: the texts differ from character 1 on: '2 4' against '3 6'\n" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "input 'x' of the graph is missing: it takes float32[n]; give --in x=VALUE"),
        (("--in", "x=1"), "--in x=1: expected float32[n]: a value such as [1, 2, 3], or @FILE.npy"),
        (("--in", 'x=["a"]'), '--in x=["a"]: expected float32[n], got values of <U1'),
        (("--in", "x=[[1], [1, 2]]"), "--in x=[[1], [1, 2]]: the lists in it differ in length; expected float32[n]"),
        (("--in", "y=1"), "--in y: the graph has no input 'y'; known: x"),
        (("--in", "x=[1]", "--in", "x=[2]"), "--in x is given twice: [1] and [2]; leave one out"),
        (("--in", "x=[1, 1e39]"), "--in x=[1, 1e39]: a value is beyond the range of float32"),
        (("--in", "x=[1e999]"), "input.x: 1 of 1 values are not finite"),
        (("--in", "x"), "'x' is not NAME=VALUE or NAME=@FILE, as in gain=0.5"),
        (("--in", "x=@none.npy"), "none.npy: cannot be read: No such file or directory"),
        (("--in", "x=[1]", "--phonemes", "h"), "has no input that takes lines; its inputs are x: float32[n]"),
        (("--in", "x=[1]", "-o", "a.wav"), "-o a.wav: the graph has the outputs y, said; say which, as in -o y=FILE"),
        (("--in", "x=[1]", "-o", "z=a.npy"), "-o z=a.npy: the graph has no output 'z'"),
        (("--in", "x=[1]", "-o", "y=a.wav"), "a.wav: output 'y' is an array, which is written as .npy"),
        (("--in", "x=[1]", "-o", "y=none/a.npy"), "none/a.npy: cannot be written"),
        (("--in", "x=[1]", "--set", "params.gain=11"), "params.gain is 11.0, expected 0 to 10"),
        (("--in", "x=[1]", "--timestamps", "t.json"), "has no tokens whose times could be told"),
        (("--in", "x=[1]", "--stream"), "this one has none"),
    ],
)
def test_bad_inputs_and_outputs_are_messages(run: Run, graph: Path, options: tuple[str, ...], message: str) -> None:
    code, out, err = run(graph, *options)
    assert (code, out, message in err, "Traceback" in err) == (2, "", True, False), err


def test_a_bug_in_a_stage_names_graph_stage_and_line(run: Run, graph: Path) -> None:
    code, out, err = run(graph, "--in", "x=[1,2,3,4,5,6,7]", "--json")
    line = GRAPH.split("\n").index("  say:") + 1
    wanted = f"the inputs: stage 'say' ({graph}:{line}): {graph.with_name('numbers_of.py')}:11: KeyError: 'seven'"
    assert (code, json.loads(out)["error"]) == (2, wanted)
    assert err == f"{wanted}\n"


def test_lines_feed_the_text_that_is_not_given(run: Run, texts: Path) -> None:
    Path("lines.txt").write_text("ab\nc\n", "utf-8")
    assert run(texts, "--input", "lines.txt", "--in", "times=2", "-o", "out.txt")[0] == 0
    assert Path("out.txt").read_text("utf-8") == "abab\ncc\n"
    assert run(texts, "--in", "words=x", "--in", "times=3")[1] == "--in words:\n  many: xxx\n"
    assert run(texts, "--in", "words=@lines.txt", "--in", "times=1")[1] == "--in words:\n  many: ab\nc\n"


def test_keep_going_leaves_out_what_a_stage_refuses(run: Run, texts: Path) -> None:
    Path("lines.txt").write_text("ab\nbad\nc\n", "utf-8")
    code, out, err = run(texts, "--input", "lines.txt", "--in", "times=1", "-o", "out/", "--keep-going", "--json")
    assert (code, json.loads(out)["utterances"]["failed"]) == (1, 1)
    assert "lines.txt:2: stage 'repeat': a bad word" in err
    assert sorted(path.name for path in Path("out").iterdir()) == ["0001.txt", "0003.txt"]


def test_an_array_of_many_rows_needs_a_folder(run: Run, texts: Path) -> None:
    texts.write_text(texts.read_text("utf-8").replace("many: str", "many: int64[1]"), "utf-8")
    code = REPEAT.replace('Out("str", "")', 'Out("int64[1]", "")').replace("words * int(times)", "times.reshape(1)")
    texts.with_name("repeat.py").write_text(code, "utf-8")
    Path("lines.txt").write_text("ab\nc\n", "utf-8")
    options = ("--input", "lines.txt", "--in", "times=4")
    code_, _, err = run(texts, *options, "-o", "m.npy")
    assert (code_, err) == (2, "m.npy: a file holds the array of one row, and there are 2; give a folder, m/\n")
    assert run(texts, *options, "-o", "m/")[0] == 0
    assert [np.load(f"m/000{number}.npy").tolist() for number in (1, 2)] == [[4], [4]]


def test_a_sweep_computes_what_is_shared_once(run: Run, graph: Path) -> None:
    code, out, _ = run("run", graph, "--in", "x=[1, 2]", "--sweep", "params.gain=1,2,1.0", "-o", "out/")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["sweep", "rows", "stages", "run", "from", "the", "cache", "audio", "[s]", "time", "[s]"],
        ["gain=1", "1", "2", "0", "0.00", out.splitlines()[1].split()[-1]],
        ["gain=2", "1", "2", "0", "0.00", out.splitlines()[2].split()[-1]],
        ["gain=1.0", "1", "0", "2", "0.00", out.splitlines()[3].split()[-1]],
    ]
    assert np.load("out/gain=2/0001.y.npy").tolist() == [2, 4]


def test_each_point_of_a_sweep_has_the_lines_of_standard_input(texts: Path, tmp_path: Path) -> None:
    command = "from runner.cli.main import main; main()"
    options = ("--input", "-", "--sweep", "params.times=1,2", "-o", "out/", "-q")
    texts.write_text(TEXTS.replace(', times: "int64[]"', "").replace("input.times", "params.times"), "utf-8")
    texts.write_text(texts.read_text("utf-8").replace("inputs:", "params: {times: 1}\ninputs:", 1), "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KOKORO_RUN_CACHE": str(tmp_path / "cache")}
    words = [sys.executable, "-c", command, "run", str(texts), *options]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, input="ab\nc\n", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    written = [(tmp_path / f"out/times={times}/000{row}.txt").read_text("utf-8") for times in (1, 2) for row in (1, 2)]
    assert written == ["ab\n", "c\n", "abab\n", "cc\n"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sweep", "params.gain=1,11"), "--set params.gain=11: params.gain is 11.0, expected 0 to 10"),
        (("--sweep", "params.gane=1"), "params has no 'gane'; did you mean 'gain'?"),
        (("--sweep", "params.gain"), "'params.gain' is not A.B=VALUE,VALUE"),
        (("--sweep", "params.gain=1,,2"), "'params.gain=1,,2' is not A.B=VALUE,VALUE"),
        (("--sweep", "params.gain=1,1"), "'params.gain=1,1' has a value twice"),
        (("--sweep", "params.gain=1", "-o", "a.npy"), "--sweep writes into a folder"),
        (("--sweep", "params.gain=1", "--no-cache"), "leave --no-cache out"),
        (("--sweep", "params.gain=1", "--stream"), "leave --stream out"),
        (("--sweep", "params.gain=1/2,1_2"), "two values whose outputs would have one name"),
        (("--sweep", "params.gain=1", "--sweep", "params.gain=2"), "--sweep params.gain is given 2 times"),
        (("--sweep", "params.speed=1", "--speed", "2"), "--sweep params.speed and --speed give the same value"),
        (("--sweep", "params.gain=1", "-c", "/dev/null"), "and /dev/null can be read once; give a file"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_anything_runs(
    run: Run, graph: Path, options: tuple[str, ...], message: str
) -> None:
    code, out, err = run("run", graph, "--in", "x=[1]", *options)
    assert (code, out, message in err) == (2, "", True), err
    assert not Path("out").exists()


def test_a_graph_without_speech_loads_no_speech(graph: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom runner.cli.main import cli\n"
        f"command = ['run', {str(graph)!r}, '--in', 'x=[1]', '--cache-dir', {str(tmp_path / 'c')!r}]\n"
        "cli.main(command, standalone_mode=False)\n"
        "print([name for name in sys.modules if name.startswith('runner.speech')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("  said: 2\n[]\n")


COUNTED = CODE.replace(
    "def scale(x, gain):\n", "def scale(x, gain):\n    with open('calls', 'a') as file:\n        file.write('x')\n"
)


def test_a_stage_runs_once_and_a_hit_does_not(run: Run, graph: Path) -> None:
    graph.with_name("numbers_of.py").write_text(COUNTED, "utf-8")
    for _ in range(2):
        assert run(graph, "--in", "x=[1]", "-o", "y=y.npy")[0] == 0
        assert Path("calls").read_text("utf-8") == "x"
    assert run("run", graph, "--in", "x=[1]", "--sweep", "params.gain=2,3,4", "-o", "out/")[0] == 0
    assert Path("calls").read_text("utf-8") == "xxx"
    assert run(graph, "--in", "x=[1]", "-o", "y=y.npy", "--no-cache")[0] == 0
    assert Path("calls").read_text("utf-8") == "xxxx"


def test_a_sweep_writes_one_of_several_outputs(run: Run, graph: Path) -> None:
    assert run("run", graph, "--in", "x=[1]", "--sweep", "params.gain=2,3", "-o", "y=out")[0] == 0
    assert [np.load(f"out/gain={gain}.npy").tolist() for gain in (2, 3)] == [[2], [3]]


def test_what_a_stage_gives_that_does_not_fit_is_told_with_its_place(run: Run, graph: Path) -> None:
    graph.with_name("numbers_of.py").write_text(CODE.replace('"y": x * gain', '"y": x > gain'), "utf-8")
    code, _, err = run(graph, "--in", "x=[1]")
    line = GRAPH.split("\n").index("  scale:") + 1
    place = f"stage 'scale' ({graph}:{line}) is {graph.with_name('numbers_of.py')}:4"
    assert (code, err.startswith("the inputs: scale.y: expected float32[n], got bool[1]; ")) == (2, True)
    assert place in err


def test_a_number_of_numpy_is_a_scalar(run: Run, graph: Path) -> None:
    text = GRAPH.replace("y: float32[n]\n  say", "y: float32[]\n  say").replace(
        "float32[n] <- scale", "float32[] <- scale"
    )
    graph.write_text(text, "utf-8")
    code = CODE.replace('y=Out("float32[n]", "")', 'y=Out("float32[]", "")').replace("x * gain", "(x * gain).sum()")
    code = code.replace('y=In("float32[n]", "")', 'y=In("float32[]", "")').replace(
        "for value in y)", "for value in [y])"
    )
    graph.with_name("numbers_of.py").write_text(code, "utf-8")
    assert run(graph, "--in", "x=[1, 2]")[1] == "the inputs:\n  y: 6.\n  said: 6\n"


def test_a_refused_run_leaves_no_folder(run: Run, graph: Path, texts: Path) -> None:
    assert run(graph, "--in", "x=[1,2,3,4,5,6,7]", "-o", "out/")[0] == 2
    Path("lines.txt").write_bytes(b"ab\n\xff\n")
    assert run(texts, "--input", "lines.txt", "--in", "times=1", "-o", "there/")[0] == 2
    assert [path for path in Path().iterdir() if path.is_dir()] == []
