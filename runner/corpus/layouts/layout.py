"""A layout decides which files a data set consists of, and what stands in them.

    open_shard --> ShardWriter.add(entry, audio) ... --> close --> files of the shard      one shard, in any process
    finish     --> metadata.csv, manifest.json, README.md ...                              the whole, when all are there

An entry describes a row that was spoken, in JSON values; times are in seconds:

    {"id": "utt1", "text": "Hello.", "phonemes": "həlˈO.", "voice": "af_heart", "lang": "en-us", "speed": 1.0,
     "seed": 7, "duration": 0.9, "samples": 21600, "rate": 24000, "model": DIGEST, "graph": DIGEST,
     "audio_sha256": DIGEST, "words": [{"text": "Hello.", "start": 0.1, "end": 0.8, "phonemes": "həlˈO."}],
     "symbols": [{"symbol": "h", "start": 0.1, "end": 0.15}], "extra": {"chapter": 3}, "file": "wavs/utt1.wav"}

The bytes of every file follow from the entries and the samples alone, in any process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from runner.runtime.values import Array

    Entry = Mapping[str, Any]


class ShardWriter(Protocol):
    """Writes the audio of a shard's rows."""

    def add(self, entry: dict[str, Any], audio: Array) -> None:
        """Write a row; `entry["file"]` becomes the path of the file that has its audio, below the output.

        Args:
            entry: all of it but "file".
            audio: float32 [samples].

        Raises:
            RunError: it cannot be written.
        """
        ...

    def close(self) -> list[str]:
        """Finish the files, and sync them to disk. Gives their paths below the output.

        Raises:
            RunError: one cannot be written.
        """
        ...


class Layout(Protocol):
    """The files of a data set.

    Attributes:
        name: what a user calls it.
        formats: the audio formats that its readers open; the first one is the default.
    """

    @property
    def name(self) -> str: ...

    @property
    def formats(self) -> tuple[str, ...]: ...

    def open_shard(self, folder: Path, shard: str, rate_hz: int, format: str) -> ShardWriter:  # noqa: A002 - of `encode`
        """Open a shard.

        Args:
            folder: stands for the output; the files move to the same places below it later.
            shard: its name, of ASCII letters, digits and '-'; no other shard of the output has it.
            rate_hz: of the audio.
            format: one of `formats`.

        Raises:
            RunError: the folder cannot be written, or a package is not installed.
        """
        ...

    def finish(self, out: Path, entries: Callable[[], Iterator[Entry]]) -> list[str]:
        """Write the files of the whole, each in one step. Gives their names, but for a card that users may change.

        Args:
            out: the output, in which the files of all shards are.
            entries: gives the entries of all rows, as often as it is called; they are not held in memory.

        Raises:
            RunError: a file cannot be written.
        """
        ...

    def read_audio(self, out: Path, entry: Entry) -> bytes:
        """Read the encoded audio of a row back.

        Raises:
            RunError: it is not there, or cannot be read.
        """
        ...
