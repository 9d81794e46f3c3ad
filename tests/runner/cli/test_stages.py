"""`kokoro-run stages`: the stages that a graph may name, and their contracts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.graph.contracts import list_stages, read_stage
from tests.conftest import ROOT
from tests.runner.conftest import Run
from tests.runner.toys import offer_stage

WORDS = ROOT / "tests" / "graphs" / "words.py"
OFFERED = '''"""Doubles an array: nothing else."""

from kokoro_run import In, Out, stage


@stage(x=In("float32[n]", "what is doubled"), y=Out("float32[n]", "twice that"))
def double(x):
    raise AssertionError("is never run")
'''


def test_every_stage_has_a_line_with_its_kind(run: Run) -> None:
    code, out, err = run("stages")
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in out.splitlines()}
    assert (code, err) == (0, "")
    assert list(rows) == list_stages()
    assert rows["stages.trim"] == ["python", "The waveform without its padding."]
    assert rows["stages.bert"] == ["compiled", "Tokens to context, by ALBERT"]


def test_stages_of_other_packages_are_listed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_stage("double", OFFERED, tmp_path, monkeypatch)
    assert "others.double        python    Doubles an array\n" in run("stages")[1]


def test_stage_that_cannot_be_read_does_not_hide_the_others(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_stage("double", "def double(): pass\n", tmp_path, monkeypatch)
    code, out, err = run("stages", "--json")
    stages = {stage["name"]: stage for stage in json.loads(out)["stages"]}
    assert code == 0
    assert "has 0 definitions under @stage(...)" in stages["others.double"]["error"]
    assert stages["stages.trim"]["kind"] == "python"
    assert err.startswith("warning: others.double: ")


def test_contract_of_a_stage_is_printed_whole(run: Run) -> None:
    code, out, _ = run("stages", "stages.duration")
    contract = read_stage("stages.duration").contract
    head, sentence, *rows = out.splitlines()
    assert code == 0
    assert head.startswith("stages.duration: compiled, entry duration_forward, Duration of ")
    assert sentence.strip() == "Context and style to durations"
    ports = [("input", n, p) for n, p in contract.inputs.items()] + [
        ("output", n, p) for n, p in contract.outputs.items()
    ]
    for (side, name, port), row in zip(ports, rows, strict=False):
        assert row.split()[:2] == [side, name]
        assert str(port.type) in row
        assert row.endswith(port.doc)
    assert [row.split()[:2] for row in rows[len(ports) :]] == [["weights", prefix] for prefix in contract.weights]


def test_file_beside_a_graph_has_all_of_its_definitions(run: Run) -> None:
    code, out, _ = run("stages", WORDS, "--json")
    clean, count = json.loads(out)["stages"]
    assert code == 0
    assert [clean["name"], count["name"]] == [f"{WORDS}:clean", f"{WORDS}:count"]
    assert clean["inputs"] == {
        "text": {"type": "str", "doc": "a line", "parameter": True},
        "mark": {"type": "str", "doc": "stands at the end", "parameter": True},
    }
    assert count["outputs"] == {"words": {"type": "int64[]", "doc": "how many words it has"}}
    assert [stage["name"] for stage in json.loads(run("stages", f"{WORDS}:count", "--json")[1])["stages"]] == [
        f"{WORDS}:count"
    ]


def test_parameters_are_numbers_and_texts(run: Run) -> None:
    (decoder,) = json.loads(run("stages", "stages.decoder", "--json")[1])["stages"]
    assert {name for name, port in decoder["inputs"].items() if port["parameter"]} == {"seed"}
    assert (decoder["kind"], decoder["entry"], decoder["weights"]) == ("compiled", "decoder_forward", ["decoder"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stages.trimm", "no stage 'stages.trimm'; did you mean 'stages.trim'?"),
        (ROOT / "tests/console.py", "console.py: has no definition under @stage(...), expected at least one"),
        (ROOT / "tests/graphs/wordz.py", "did you mean 'words.py'?"),
        ("./empty/x.py", "empty has no Python file, so check the folder"),
        (f"{WORDS}:cleen", "has no definition 'cleen' under @stage(...); did you mean 'clean'?"),
    ],
)
def test_name_that_is_no_stage_is_refused(run: Run, name: object, message: str) -> None:
    code, out, err = run("stages", name)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
