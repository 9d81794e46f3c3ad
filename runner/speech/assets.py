"""Converts voice packs to .npy and the vocabulary to a small JSON file, for `kokoro-run assets`.

af_heart.pt, voices-v1.0.bin:af_heart, ...  -->  OUT/af_heart.npy, ...     float32 [N, 2*style]
config.json                                 -->  OUT/vocab.json            {symbol: id}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from runner.errors import RunError, SpecError, WeightsError, suggest
from runner.files import atomic
from runner.files.errors import reading
from runner.files.npy import write_array
from runner.files.overwriting import refuse_overwriting
from runner.graph.model_config import ModelConfigError, read_config
from runner.speech.voices import SUFFIXES, Voice, list_folder, open_file
from stages.dims import ModelDims
from stages.families import DEFAULT_FAMILY


def write_assets(config: Path, voices: Sequence[Path], out: Path) -> list[Path]:
    """Convert voices to files NAME.npy, and write the vocabulary, all into the folder `out`.

    Every source is read and checked before the first file is written.

    Args:
        config: the model's config.json.
        voices: files, `FILE:NAME` for one voice of a file, and folders: all files of voices in them, but for a .npy
            that has another format beside it.

    Returns:
        the files written.

    Raises:
        SpecError: config.json does not describe a model.
        WeightsError: a voice is missing, damaged or for another model; two voices have one name, or one has a name
            that no file can have.
        RunError: `out` cannot be written, or holds what is read.
    """
    vocab = load_vocab(config)
    row = _dims(config).voice_row
    packs: dict[str, np.ndarray] = {}
    sources = [voice for path in voices for voice in _find_voices(path, row)]
    for voice in sources:
        if voice.name in packs:
            raise WeightsError(f"{voice.file}: there is another voice named '{voice.name}'; rename one")
        if voice.name in ("", ".", "..") or "/" in voice.name or "\0" in voice.name:
            raise WeightsError(f"{voice.file}: the name '{voice.name}' cannot be that of a file; rename the voice")
        packs[voice.name] = voice.pack(row)
    written = [out / f"{name}.npy" for name in packs]
    read = [("CONFIG", config), *(("VOICES", voice.file) for voice in sources)]
    refuse_overwriting(read, [("output", path) for path in (*written, out / "vocab.json")])
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, pack in zip(written, packs.values(), strict=True):
            write_array(path, pack)
        atomic.write_text(out / "vocab.json", json.dumps(vocab, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise RunError(f"{error.filename or out}: cannot be written: {error.strerror}") from None
    return [*written, out / "vocab.json"]


def load_vocab(path: Path) -> dict[str, int]:
    """Read the vocabulary of a `vocab.json` ({symbol: id}) or of a `config.json` (its key `vocab`).

    Raises:
        SpecError: no such file, not JSON, or not a table of single symbols with ids of their own.
    """
    table = load_json(path)
    if isinstance(table.get("vocab"), dict):
        table = table["vocab"]
    if not table:
        raise SpecError(f"{path}: an empty vocabulary, expected {{symbol: id}}")
    owners: dict[int, str] = {}
    for symbol, id_ in table.items():
        if len(symbol) != 1:
            raise SpecError(f"{path}: '{symbol}' is {len(symbol)} characters, but a symbol of a vocabulary is one")
        if "\ud800" <= symbol <= "\udfff":
            raise SpecError(f"{path}: {symbol!a} is half a character (a surrogate), expected a whole one")
        if type(id_) is not int or id_ < 1:
            raise SpecError(f"{path}: the id of '{symbol}' is {id_!r}, expected an integer from 1: 0 marks the ends")
        if id_ in owners:
            raise SpecError(f"{path}: '{owners[id_]}' and '{symbol}' have the same id {id_}")
        owners[id_] = symbol
    return table


def load_json(path: Path) -> dict[str, Any]:
    """Read the table in a JSON file.

    Raises:
        SpecError: no such file, not JSON (with line and column), a key given twice, or not a table.
    """
    try:
        with reading(path, SpecError):
            text = path.read_text(encoding="utf-8-sig")
        table = json.loads(text, object_pairs_hook=_table)
    except json.JSONDecodeError as error:
        raise SpecError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except _DuplicateKeyError as error:
        raise SpecError(f"{path}: key '{error}' is given twice") from None
    except (UnicodeDecodeError, RecursionError):
        raise SpecError(f"{path}: not a JSON file in UTF-8") from None
    if not isinstance(table, dict):
        raise SpecError(f"{path}: holds a {type(table).__name__}, expected a table")
    return table


class _DuplicateKeyError(Exception):
    pass


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise _DuplicateKeyError(key)
        table[key] = value
    return table


def _dims(config: Path) -> ModelDims:
    try:
        dims = read_config(config, DEFAULT_FAMILY).dims
    except ModelConfigError as error:
        raise SpecError("\n".join(f"{config}: {fact}" for fact in error.facts)) from None
    assert isinstance(dims, ModelDims)
    return dims


def _find_voices(source: Path, row: int) -> list[Voice]:
    """List the voices that one of VOICES names."""
    if source.is_dir():
        files = list_folder(source)
        others = {file.stem for file in files if file.suffix != ".npy"}
        files = [file for file in files if file.suffix != ".npy" or file.stem not in others]
        if not files:
            raise WeightsError(f"{source}: no voice in this folder, expected files {', '.join(SUFFIXES)}")
        return [voice for file in files for voice in open_file(file, row)]
    file, colon, name = str(source).rpartition(":")
    if source.is_file() or not (colon and Path(file).is_file()):
        return open_file(source, row)
    found = open_file(Path(file), row)
    chosen = [voice._replace(name=name) for voice in found if voice.key == name]
    if not chosen:
        raise WeightsError(f"voice '{name}': not in {file}{suggest(name, (voice.key for voice in found))}")
    return chosen
