"""`kokoro-run profile`: which run and which stages are profiled, what is printed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.build import peak
from tests.runner import small_model
from tests.runner.conftest import Run

WORD = "hɛˈloʊ"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small graph; the first profile builds its library."""
    made = tmp_path_factory.mktemp("small")
    small_model.write(made, small_model.weights())
    return made


@pytest.fixture
def profile(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on the small graph, with peaks that are measured in no time."""
    monkeypatch.setattr(peak, "_STEPS", 10_000)
    monkeypatch.setattr(peak, "_COPIED", 2**20)
    given = ("profile", folder / "words.yaml", "--build-dir", folder / "build", "--rounds", 2, "--threads", 1)
    return lambda *options: run(*given, *options)


def test_profile_prints_a_table_of_each_compiled_stage(profile: Run) -> None:
    code, out, _ = profile("--phonemes", WORD)
    assert code == 0
    head, blank, stage, columns, *rows = out.splitlines()
    assert "words.yaml, --phonemes: 1 thread, 2 rounds; FMA peak" in head
    assert (blank, stage.startswith("text_encoder on cpu:0: ")) == ("", True)
    assert columns.split()[:4] == ["kernel", "shape", "calls", "ms"]
    assert any(row.split()[0] == "lstm_scan" for row in rows)


def test_json_has_the_keys_that_the_page_lists(profile: Run, repository: Path) -> None:
    code, out, _ = profile("--phonemes", WORD, "--json")
    table = json.loads(out)
    assert (code, table["format"], table["status"], table["threads"], table["rounds"]) == (0, 1, "ok", 1, 2)
    (stage,) = table["stages"]
    (listed, *_) = [
        row for row in (repository / "docs/profile.md").read_text("utf-8").splitlines() if "`of_peak`" in row
    ]
    assert all(f"`{name}`" in listed for name in stage["kernels"][0])
    assert stage["kernels_ms"] == pytest.approx(sum(row["ms"] for row in stage["kernels"]))


def test_profile_is_compared_with_one_of_before(profile: Run, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(profile("--phonemes", WORD, "--json")[1], "utf-8")
    code, out, err = profile("--phonemes", WORD, "--json", "--against", before)
    assert (code, err) == (0, "")
    table = json.loads(out)
    assert table["against"] == str(before)
    (stage,) = table["stages"]
    assert stage["gone"] == []
    assert all(row["ratio"] == pytest.approx(row["ms"] / row["ms_before"]) for row in (stage, *stage["kernels"]))


def test_only_the_first_line_is_profiled_and_a_warning_says_so(profile: Run) -> None:
    Path("ipa.txt").write_text(f"{WORD}\nhɛ\n", "utf-8")
    code, out, err = profile("--input", "ipa.txt")
    assert code == 0
    assert "ipa.txt:1: 1 thread" in out
    assert "warning: only ipa.txt:1 is profiled, or its first part; the input has more" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--stage", "text_encodr"), "--stage: no stage is called 'text_encodr'; did you mean 'text_encoder'?"),
        (("--stage", "tokenize"), "--stage: 'tokenize' is a Python stage, which has no kernels; known: text_encoder"),
        (("--against", "none.json"), "none.json"),
    ],
)
def test_what_cannot_be_profiled_is_refused(profile: Run, options: tuple[str, ...], message: str) -> None:
    code, out, err = profile("--phonemes", WORD, *options)
    assert (code, out) == (2, "")
    assert message in err


def test_graph_without_compiled_stages_is_refused(run: Run, repository: Path) -> None:
    code, _, err = run("profile", repository / "tests/graphs/diamond.yaml", "--in", "x=[1]")
    assert code == 2
    assert "has no compiled stage, so there are no kernels to profile" in err


def test_input_without_a_line_is_refused(profile: Run) -> None:
    Path("empty.txt").write_text("\n", "utf-8")
    code, _, err = profile("--input", "empty.txt")
    assert code == 2
    assert "line" in err
