"""The layout of NVIDIA NeMo: audio files, and a manifest of JSON lines.

    audio/SHARD/ID.wav
    manifest.json    {"audio_filepath": "audio/SHARD/ID.wav", "duration": 1.5, "text": "...", "speaker": 0, ...}

NeMo's documentation names `audio_filepath`, `duration` [s], `text` (the transcript, of letters or of phonemes),
`speaker` (a whole number) and `normalized_text`, which is optional and left out here. Its readers for recognition take
a relative path as one below the manifest's folder. That for synthesis opens it as it is, and is to be run in that
folder. Both know `lang` as well. The other keys are ours: NeMo ignores what it does not know.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from runner.corpus.layouts.audio_files import AudioFileReader, AudioFileWriter
from runner.corpus.layouts.file_names import name_file
from runner.corpus.layouts.record import make_record, spoken_text
from runner.corpus.layouts.writing import encode_json, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from runner.corpus.layouts.layout import Entry, ShardWriter

_DOTS = re.compile("[.]")  # some readers take what is in front of the first dot for the name


class NemoLayout(AudioFileReader):
    """audio/ and manifest.json. A `Layout`."""

    name = "nemo"
    formats = ("wav", "flac", "opus", "mp3")

    def open_shard(self, folder: Path, shard: str, rate_hz: int, format: str) -> ShardWriter:  # noqa: A002
        name = functools.partial(name_file, also=_DOTS)
        return AudioFileWriter(folder, f"audio/{shard}", name, rate_hz, format)

    def finish(self, out: Path, entries: Callable[[], Iterator[Entry]]) -> list[str]:
        """Write the manifest; the voices are numbered in the order of their names, and held in memory."""
        voices = sorted({entry.get("voice") or "" for entry in entries()})
        speakers = {voice: number for number, voice in enumerate(voices)}
        write_whole(out / "manifest.json", (encode_json(_describe(entry, speakers)) + b"\n" for entry in entries()))
        return ["manifest.json"]


def _describe(entry: Entry, speakers: Mapping[str, int]) -> dict[str, Any]:
    record = make_record(entry)
    known = {
        "audio_filepath": entry["file"],
        "duration": record.pop("duration"),
        "text": spoken_text(record),
        "speaker": speakers[entry.get("voice") or ""],
        "sample_rate": record.pop("rate"),
    }
    return known | {name: value for name, value in record.items() if name not in known and value not in ("", None)}
