"""A Python stage whose code is at fault: which stage, which line, what it raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.build.export import name_stage_in_errors
from runner.errors import BuildError
from runner.files.locate import display_path
from tests.runner.conftest import Run
from tests.runner.toys import offer_stage

HEAD = """from stages.contract import In, Out, stage

@stage(input_ids=In("int64[1, text]", "ids"), least=Out("int64[1]", "the least"))
def own(input_ids):
    given = {"least": input_ids.min(axis=1)}
"""
Make = Callable[[str], Path]


@pytest.fixture
def make(toy_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A graph of `tokenize` and of a stage of another package, whose code is the argument."""
    offered = f"others.{tmp_path.name}"  # of its own: what is found by a name is kept
    path = offer_stage("own", "", tmp_path, monkeypatch, offered)
    text = toy_graph.read_text("utf-8")
    stage = f"  own:\n    module: {offered}\n    device: host\n    inputs:\n"
    ports = "      input_ids: int64[1, text] <- tokenize.input_ids\n    outputs:\n      least: int64[1]\n"
    rest = f"outputs:\n  least: own.least\n{text[text.index('dims:') :]}"
    toy_graph.write_text(f"{text[: text.index('  scaled:')]}{stage}{ports}{rest}", "utf-8")

    def write(code: str) -> Path:
        path.write_text(code, "utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (f"{HEAD}    return given['gain']\n", "{own}: {path}:6: KeyError: 'gain'"),
        (
            f"{HEAD}    return input_ids.reshape(7, 7)\n",
            "{own}: {path}:6: ValueError: cannot reshape array",
        ),
        (
            f"{HEAD}    return __import__('json').loads('no')\n",
            "{own}: {path}:6: json.decoder.JSONDecodeError: ",
        ),
        (f"{HEAD}    raise SystemExit(0)\n", "{own}: {path}:6: SystemExit: 0"),
        (
            f"import absent_package\n{HEAD}    return given\n",
            "{own}: {path}:1: ModuleNotFoundError: No module",
        ),
        (HEAD, "{own} gave a NoneType, not a dict of values by port"),
        (f"{HEAD}    return {{1: 2, 'x': 3}}\n", "{own} gave 1, x; it has least"),
        (f"{HEAD}    return {{'least': [1]}}\n", "own.least: expected a numpy array of int64[1], got list"),
    ],
)
def test_a_fault_of_a_stage_is_a_message_and_an_object(
    run: Run, make: Make, toy_graph: Path, code: str, message: str
) -> None:
    path, graph = display_path(make(code)), display_path(toy_graph)
    line = toy_graph.read_text("utf-8").split("\n").index("  own:") + 1
    own = f"stage 'own' ({graph}:{line})"
    wanted = f"--phonemes: {message.format(path=path, own=own)}"
    code_, out, err = run(toy_graph, "--phonemes", "h", "--no-cache", "--until", "own", "--json")
    assert (code_, err.startswith(wanted), "Traceback" in err) == (2, True, False)
    assert json.loads(out) == {"format": 1, "status": "error", "error": err.removesuffix("\n")}


def test_a_fault_of_a_stage_shows_its_traceback_with_debug(run: Run, make: Make, toy_graph: Path) -> None:
    path = make(f"{HEAD}    return given['gain']\n")
    _, _, err = run(toy_graph, "--phonemes", "h", "--no-cache", "--until", "own", "--debug")
    assert f'File "{path}", line 6, in own' in err


def test_a_fault_of_a_compiled_stage_names_its_line() -> None:
    wanted = rf"^stage 'own' could not be compiled for cpu: {__file__}:\d+: KeyError: 'gain'$"
    with pytest.raises(BuildError, match=wanted), name_stage_in_errors("own", "cpu"):
        raise KeyError("gain")
