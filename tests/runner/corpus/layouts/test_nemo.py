"""The layout of NeMo, read as its documentation says: a JSON object a line, with the keys that it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from runner.corpus.layouts.nemo import NemoLayout
from tests.runner.corpus.layouts.checks import assert_records, escape_halves
from tests.runner.corpus.layouts.rows import hash_samples, write_output

ROWS = 1_000
Entries = list[dict[str, Any]]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Entries]:
    out = tmp_path_factory.mktemp("nemo")
    return out, write_output("nemo", "wav", out, ROWS)


def read_manifest(out: Path) -> list[dict[str, Any]]:
    with (out / "manifest.json").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_documented_keys_have_their_types(output: tuple[Path, Entries]) -> None:
    items = read_manifest(output[0])
    types = {"audio_filepath": str, "duration": float, "text": str, "speaker": int, "sample_rate": int}
    assert [{name: type(item[name]) for name in types} for item in items] == [types] * ROWS
    # A reader would take these for a part of the file, and for another text to speak.
    assert {"offset", "normalized_text"}.isdisjoint(name for item in items for name in item)


def test_every_row_is_decoded_from_the_manifests_folder(output: tuple[Path, Entries]) -> None:
    out, entries = output
    for item, entry in zip(read_manifest(out), entries, strict=True):
        assert len(Path(item["audio_filepath"]).parts) > 1  # readers take a bare name for a member of a tar file
        audio, rate_hz = soundfile.read(out / item["audio_filepath"], dtype="float32")
        assert (rate_hz, audio.size / rate_hz) == (24_000, item["duration"])
        assert hash_samples(audio) == entry["audio_sha256"]
        assert item["text"] == escape_halves(entry["text"] or entry["phonemes"] or "")


def test_voices_are_numbered_in_the_order_of_their_names(output: tuple[Path, Entries]) -> None:
    speakers = {(item["speaker"], item["voice"]) for item in read_manifest(output[0])}
    assert speakers == {(0, "af_heart"), (1, "af_heart*0.5+am_adam*0.5"), (2, "am_adam")}


def test_the_other_keys_have_all_that_is_known(output: tuple[Path, Entries]) -> None:
    out, entries = output
    absent = {"phonemes": "", "lang": "", "seed": None}
    records = [absent | item | {"rate": item["sample_rate"]} for item in read_manifest(out)]
    for record, entry in zip(records, entries, strict=True):
        record["text"] = record["text"] if entry["text"] else ""
    assert_records([{"record": record} for record in records], entries)


def test_names_have_one_dot(output: tuple[Path, Entries]) -> None:
    """Some readers take what is in front of the first dot for the name of an utterance."""
    stems = [Path(item["audio_filepath"]).name.split(".")[0] for item in read_manifest(output[0])]
    assert len(set(stems)) == ROWS


@pytest.mark.parametrize("codec", ["flac", "opus", "mp3"])
def test_other_formats_are_decoded(codec: str, tmp_path: Path) -> None:
    entries = write_output("nemo", codec, tmp_path, 60)
    for item, entry in zip(read_manifest(tmp_path), entries, strict=True):
        audio, rate_hz = soundfile.read(tmp_path / item["audio_filepath"], dtype="float32")
        assert audio.size * 24_000 == entry["samples"] * rate_hz
        assert codec != "flac" or hash_samples(audio) == entry["audio_sha256"]


def test_a_row_is_read_back(output: tuple[Path, Entries]) -> None:
    out, entries = output
    assert NemoLayout().read_audio(out, entries[2]) == (out / entries[2]["file"]).read_bytes()
    assert entries[2]["file"].endswith("/a%2Eb%2Ec.wav")
