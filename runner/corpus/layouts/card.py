"""Writes README.md, from whose head `datasets` learns which files are data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from runner.corpus.layouts.writing import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runner.corpus.layouts.record import Column

_TEXT = """\
Synthetic speech, made by `kokoro-run corpus`. Load it with `datasets.load_dataset(FOLDER, split="train")`.

A row has its text, phonemes, voice, language, speed and seed, the times of its words and symbols [s], the digests of
model, graph and audio, and in `extra` the other columns of the corpus, as JSON.
"""


def write_card(out: Path, data_files: Sequence[str], features: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write OUT/README.md, but not over one that a user has changed.

    Args:
        out: the output.
        data_files: patterns of the files of the split `train`, below it.
        features: the columns, where `datasets` would guess their types from the first rows, as `describe` makes them.

    Raises:
        RunError: it cannot be written.
    """
    path = out / "README.md"
    if path.exists() and not path.read_text("utf-8", errors="replace").endswith(f"---\n\n{_TEXT}"):
        return
    split = {"split": "train", "path": list(data_files)}
    head: dict[str, Any] = {"task_categories": ["text-to-speech"]}
    head["configs"] = [{"config_name": "default", "data_files": [split]}]
    if features:
        head["dataset_info"] = {"features": list(features)}
    write_whole(path, [f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n{_TEXT}".encode()])


def describe(name: str, column: Column) -> dict[str, Any]:
    """Describe a column as the head of a card does."""
    if isinstance(column, dict):
        return {"name": name, "list": [describe(part, kind) for part, kind in column.items()]}
    return {"name": name, "dtype": column}
