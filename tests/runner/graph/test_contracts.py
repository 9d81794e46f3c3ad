"""A contract that is read from a stage's text equals that of the imported stage."""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import stages
from runner.graph.contracts import ContractError, StageFile, find_stage, list_stages, read_contract

NAMES = [
    *("align", "bert", "decoder", "duration", "espeak", "f0n", "g2p", "letters", "lexicon", "normalize"),
    *("text_encoder", "tokenize", "trim", "voice"),
]
GOOD = (
    "from stages.contract import In, Out, stage\n\n@stage(x=In('str', 'a'), y=Out('int64[]', 'b'))\ndef odd(x): ...\n"
)


def test_every_stage_is_found() -> None:
    assert list_stages() == [f"stages.{name}" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_read_is_the_contract_imported(name: str) -> None:
    module = importlib.import_module(f"stages.{name}")
    bearers = [each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__]
    contracts = [each.contract for each in bearers if hasattr(each, "contract")]
    assert contracts == [read_contract(f"stages.{name}")]


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a file into the package of stages, as `stages.odd`."""
    monkeypatch.setattr(stages, "__path__", [str(tmp_path)])
    return tmp_path / "odd.py"


UNREADABLE = [
    ("# @stage(\n", "stages.odd: has 0 definitions under @stage(...), where one is expected"),
    (GOOD + GOOD, "stages.odd: line 7: 'odd' is defined a second time"),
    ("@stage(x=IN)\ndef odd(x): ...\n", "stages.odd: line 1: a contract is literal"),
    ("@stage(\n    x=IN,\n)\ndef odd(x): ...\n", "stages.odd: line 2: a contract is literal"),
    ("@stage(x=In(TYPE, 'a'))\ndef odd(x): ...\n", "stages.odd: line 1: a contract is literal"),
    ("@stage(**PORTS)\ndef odd(x): ...\n", "stages.odd: line 1: a contract is literal"),
    ("@stage(x='float32[]')\ndef odd(x): ...\n", "stages.odd: line 1: a contract is literal"),
    ("@stage(weights=In('str', ''))\ndef odd(x): ...\n", "stages.odd: line 1: a contract is literal"),
    ("@stage(packages=('a'))\ndef odd(x): ...\n", 'stages.odd: line 1: `packages` is a tuple: ("a",)'),
    ("@stage(x=In('flot32[]', 'a'))\ndef odd(x): ...\n", "stages.odd: port x: 'flot32[]': unknown dtype 'flot32'"),
    ("@stage(\ndef odd(x): ...\n", "stages.odd: '(' was never closed"),
    ("@stage(x=In('str', 'a'))\ndef odd(x): ...\n\0", "stages.odd: source code string cannot contain null bytes"),
]


@pytest.mark.parametrize(("text", "message"), UNREADABLE)
def test_a_contract_that_cannot_be_read_says_why(odd: Path, text: str, message: str) -> None:
    odd.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        read_contract("stages.odd")
    assert str(caught.value).startswith(message)


def test_a_file_may_have_other_decorators(odd: Path) -> None:
    odd.write_text(f"{GOOD}\n@lru_cache(1)\ndef table(): ...\n", encoding="utf-8")
    assert list(read_contract("stages.odd").inputs) == ["x"]


def test_a_changed_file_is_read_again(odd: Path) -> None:
    odd.write_text(GOOD, encoding="utf-8")
    assert list(read_contract("stages.odd").inputs) == ["x"]
    odd.write_text(GOOD.replace("x=In", "renamed=In"), encoding="utf-8")
    assert list(read_contract("stages.odd").inputs) == ["renamed"]


def test_names_of_a_contract_that_are_no_ports_are_read(odd: Path) -> None:
    odd.write_text(GOOD.replace("@stage(", "@stage(weights=('a', 'b'), packages=('c-d',), "), encoding="utf-8")
    contract = read_contract("stages.odd")
    assert (contract.weights, contract.packages, list(contract.inputs)) == (("a", "b"), ("c-d",), ["x"])


def test_stages_of_other_packages_come_by_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "kokoro_run_odd"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('was imported')", encoding="utf-8")  # reading runs no code
    (package / "odd.py").write_text(GOOD, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint("others.odd", "kokoro_run_odd.odd:odd", "kokoro_run.stages")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: points if group == points[0].group else [])
    assert find_stage("others.odd") == StageFile("kokoro_run_odd.odd", package / "odd.py", "odd")
    assert list(read_contract("others.odd").outputs) == ["y"]
    with pytest.raises(ContractError, match=r"no stage 'kokoro_run_odd\.odd'"):
        find_stage("kokoro_run_odd.odd")


@pytest.mark.parametrize("module", ["kokoro_run_absent", "kokoro_run_absent.odd", "json.odd", "json.decoder.odd"])
def test_an_entry_point_to_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    points = [EntryPoint("others.odd", f"{module}:odd", "kokoro_run.stages")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: points if group else [])
    with pytest.raises(ContractError, match=rf"names {module}, which is not installed"):
        find_stage("others.odd")
