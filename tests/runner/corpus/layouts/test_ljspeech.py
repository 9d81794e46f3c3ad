"""The layout of LJSpeech, read in the four ways in which its readers do."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from runner.corpus.layouts.ljspeech import LJSpeechLayout
from tests.runner.corpus.layouts.checks import assert_audio, assert_records
from tests.runner.corpus.layouts.readers import load
from tests.runner.corpus.layouts.rows import hash_samples, list_files, write_output

ROWS = 1_000
Entries = list[dict[str, Any]]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Entries]:
    out = tmp_path_factory.mktemp("ljspeech")
    return out, write_output("ljspeech", "wav", out, ROWS)


def read_by_csv(path: Path) -> list[list[str]]:
    """As torchaudio reads it."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE))


def read_by_lines(path: Path) -> list[list[str]]:
    """As NeMo, Coqui and most others read it."""
    with path.open(encoding="utf-8") as file:
        return [line.rstrip("\n").split("|") for line in file]


def read_by_splitlines(path: Path) -> list[list[str]]:
    return [line.split("|") for line in path.read_text("utf-8").splitlines()]


def read_by_pandas(path: Path) -> list[list[str]]:
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pd.read_csv(path, sep="|", header=None, quoting=csv.QUOTE_NONE, dtype=str, keep_default_na=False)
    return list(map(list, table.itertuples(index=False)))


@pytest.mark.parametrize("read", [read_by_csv, read_by_lines, read_by_splitlines, read_by_pandas])
def test_every_reader_gets_every_row_and_its_audio(read: Any, output: tuple[Path, Entries]) -> None:
    out, entries = output
    rows = read(out / "metadata.csv")
    assert len(rows) == ROWS
    assert {len(row) for row in rows} == {3}
    for (name, *_), entry in zip(rows, entries, strict=True):
        audio, rate_hz = soundfile.read(out / "wavs" / f"{name}.wav", dtype="float32")
        assert (rate_hz, audio.size, hash_samples(audio)) == (24_000, entry["samples"], entry["audio_sha256"])


def test_texts_have_no_pipes_and_no_line_breaks(output: tuple[Path, Entries]) -> None:
    rows = {row[0]: row[1:] for row in read_by_csv(output[0] / "metadata.csv")}
    assert rows["first"] == ["Plain words."] * 2
    assert rows["LJ001-0001"] == ["Pipes   are   spoken"] * 2
    assert rows["a.b.c"] == ['"Quoted," she said, "twice"'] * 2
    assert rows["a b"] == ["Two lines"] * 2
    assert rows["naïve-日本語"] == ["Carriage return twice", "həlˈO wˈɜːld."]
    assert rows["é" * 100] == ["line paragraph next last v f"] * 2
    assert rows["v" * 200] == ["həlˈO wˈɜːld."] * 2  # a row without a text


def test_an_id_is_the_name_of_its_file(output: tuple[Path, Entries]) -> None:
    out, entries = output
    names = [row[0] for row in read_by_csv(out / "metadata.csv")]
    assert {path.stem for path in list_files(out / "wavs")} == set(names)
    assert [f"wavs/{name}.wav" for name in names] == [entry["file"] for entry in entries]
    assert {"a.b.c", "a b", "a%7Cb", "%252E", "50%25"} <= set(names)


def test_rows_beside_have_all_that_is_known(output: tuple[Path, Entries], tmp_path: Path) -> None:
    out, entries = output
    rows = load("pandas-lines", str(out / "rows.jsonl"), tmp_path)
    assert_records(rows, entries)
    assert [row["file"] for row in rows] == [entry["file"] for entry in entries]
    lines = [json.loads(line) for line in (out / "rows.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == ROWS
    assert_audio([{"record": line, **line, "sha256": line["audio_sha256"]} for line in lines], entries, "wav")


def test_a_row_is_read_back(output: tuple[Path, Entries]) -> None:
    assert LJSpeechLayout().read_audio(output[0], output[1][0]) == (output[0] / "wavs/first.wav").read_bytes()
