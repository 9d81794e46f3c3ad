"""The layout of a folder of audio files with JSON lines, which `datasets` loads as `audiofolder`.

    audio/SHARD/ID.flac
    metadata.jsonl    {"file_name": "audio/SHARD/ID.flac", "id": "ID", "text": "...", ...}
    README.md         says that all of it is one split

Where README.md is not asked, as in `load_dataset("audiofolder", data_dir=OUT)`, `datasets` sorts files into splits by
words in their names: one called `test-1.flac` would be all there is of a split `test`, and metadata.jsonl, which is in
none, would be left out. So the first letter of such a word is escaped: %74est-1.flac.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.corpus.layouts.audio_files import AudioFileReader, AudioFileWriter
from runner.corpus.layouts.card import write_card
from runner.corpus.layouts.file_names import name_file
from runner.corpus.layouts.record import make_record
from runner.corpus.layouts.writing import encode_json, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runner.corpus.layouts.layout import Entry, ShardWriter

_SPLIT_WORDS = "train|training|validation|valid|dev|val|test|testing|eval|evaluation"
_BETWEEN = "[-._ 0-9]"
_SPLITS = re.compile(f"(?:(?<={_BETWEEN})|^)(?=(?:{_SPLIT_WORDS})(?:{_BETWEEN}|$)).")


class FolderLayout(AudioFileReader):
    """audio/ and metadata.jsonl. A `Layout`."""

    name = "folder"
    formats = ("flac", "wav", "opus", "mp3")

    def open_shard(self, folder: Path, shard: str, rate_hz: int, format: str) -> ShardWriter:  # noqa: A002
        return AudioFileWriter(folder, f"audio/{shard}", _name_file, rate_hz, format)

    def finish(self, out: Path, entries: Callable[[], Iterator[Entry]]) -> list[str]:
        lines = (encode_json({"file_name": entry["file"], **make_record(entry)}) + b"\n" for entry in entries())
        write_whole(out / "metadata.jsonl", lines)
        write_card(out, ["metadata.jsonl", "audio/**"])
        return ["metadata.jsonl"]


def _name_file(id: str) -> str:  # noqa: A002 - the row's
    return name_file(id, _SPLITS)
