"""The layout of LJSpeech, which most programs that train voices read.

    wavs/ID.wav
    metadata.csv    ID|text|phonemes, or the text again: no header, no quotes, a row a line
    rows.jsonl      all that is known of a row, which metadata.csv has no place for: voice, times, digests

Readers split a line at its pipes, and open wavs/ID.wav. So a pipe or a line break in a text becomes a space, and an id
is written as the name of its file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.corpus.layouts.audio_files import AudioFileReader, AudioFileWriter
from runner.corpus.layouts.file_names import name_file
from runner.corpus.layouts.record import make_record, spoken_text
from runner.corpus.layouts.writing import encode_json, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runner.corpus.layouts.layout import Entry, ShardWriter

# Each ends a line for one of str.splitlines, a file in text mode, or the csv module
_BREAKS = re.compile("\r\n|[|\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


class LJSpeechLayout(AudioFileReader):
    """wavs/ and metadata.csv. A `Layout`."""

    name = "ljspeech"
    formats = ("wav",)

    def open_shard(self, folder: Path, shard: str, rate_hz: int, format: str) -> ShardWriter:  # noqa: A002, ARG002
        return AudioFileWriter(folder, "wavs", name_file, rate_hz, format)

    def finish(self, out: Path, entries: Callable[[], Iterator[Entry]]) -> list[str]:
        write_whole(out / "metadata.csv", map(_make_line, entries()))
        write_whole(out / "rows.jsonl", (encode_json(_describe(entry)) + b"\n" for entry in entries()))
        return ["metadata.csv", "rows.jsonl"]


def _make_line(entry: Entry) -> bytes:
    text = spoken_text(entry)
    columns = (name_file(entry["id"]), _flatten(text), _flatten(entry.get("phonemes") or text))
    return ("|".join(columns) + "\n").encode("utf-8", "backslashreplace")


def _flatten(text: str) -> str:
    return _BREAKS.sub(" ", text)


def _describe(entry: Entry) -> dict[str, object]:
    return {"file": entry["file"], **make_record(entry)}
