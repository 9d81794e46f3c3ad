"""Writes and reads shards whose rows have an audio file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.corpus.layouts.encoding import encode
from runner.corpus.layouts.writing import sync_files
from runner.files.errors import reading, writing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.corpus.layouts.layout import Entry
    from runner.runtime.values import Array


class AudioFileReader:
    """Reads the audio of a row from a file of its own. A part of a `Layout`."""

    def read_audio(self, out: Path, entry: Entry) -> bytes:
        path: Path = out / entry["file"]
        with reading(path):
            return path.read_bytes()


class AudioFileWriter:
    """Writes FOLDER/PLACE/NAME.FORMAT for each row. A `ShardWriter`."""

    def __init__(self, folder: Path, place: str, name: Callable[[str], str], rate_hz: int, format: str) -> None:  # noqa: A002
        """Make the folder.

        Args:
            folder: stands for the output.
            place: the folder of the files, below it.
            name: makes the name of a file, without its extension, from an id.
            rate_hz: of the audio.
            format: of the audio.

        Raises:
            RunError: the folder cannot be made.
        """
        self._folder, self._place, self._name = folder, place, name
        self._rate_hz, self._format = rate_hz, format
        self._files: list[str] = []
        with writing(folder / place):
            (folder / place).mkdir(parents=True, exist_ok=True)

    def add(self, entry: dict[str, Any], audio: Array) -> None:
        file = f"{self._place}/{self._name(entry['id'])}.{self._format}"
        data = encode(audio, self._rate_hz, self._format)
        with writing(self._folder / file):
            (self._folder / file).write_bytes(data)
        entry["file"] = file
        self._files.append(file)

    def close(self) -> list[str]:
        sync_files(self._folder, self._files)
        return self._files
