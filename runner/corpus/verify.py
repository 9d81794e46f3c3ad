"""Verifies a corpus: its files against their digests, and rows against what the graph gives for them now.

manifest --> rows of each shard --> digests of all files
               `--> a sample of entries --> spoken again --> equal to the bit, where the libraries are the same
                                                         `-> within PARITY_DB of the file, by other libraries
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from runner.corpus.layouts.encoding import encode
from runner.corpus.layouts.layouts import find_layout
from runner.corpus.recipe import Recipe, describe, digest_libraries
from runner.corpus.row import CorpusRow
from runner.corpus.row_speaker import RowSpeaker
from runner.corpus.worker import digest_audio
from runner.errors import KokoroError, RunError
from runner.files.digest import file_sha256
from runner.inspect.distance import measure
from stages.contract import parse_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.corpus.folder import CorpusFolder, MadeShard
    from runner.runtime.values import Array

PARITY_DB = 60.0
_AGAIN = "`kokoro-run corpus` with the same options makes what is missing"
_LOSSLESS = ("flac", "wav")
_AUDIO = parse_type("float32[samples]")


@dataclass
class Verification:
    """What was found.

    Attributes:
        files: whose digests were compared.
        rows: that were spoken again.
        equal: of these, equal to the bit.
        near: of these, spoken by other libraries, and within the bar.
        faults: what is wrong, each with the file or the row.
    """

    files: int = 0
    rows: int = 0
    equal: int = 0
    near: int = 0
    faults: list[str] = field(default_factory=list)


def verify(
    folder: CorpusFolder,
    sample: int,
    *,
    build_dir: Path | None = None,
    seed: int = 0,
    show: Callable[[Verification], object] = lambda _: None,
) -> Verification:
    """Verify a corpus.

    Args:
        sample: rows that are spoken again.
        build_dir: the folder of the libraries; None for the default one.
        seed: chooses the rows.
        show: called after each file and each row.

    Raises:
        RunError: there is no corpus, or its graph or its model has changed since.
    """
    recipe, shards = folder.read_manifest()
    if not recipe:
        raise RunError(f"{folder.root}: has no corpus: there is no {folder.manifest}")
    found = Verification()
    whole = [made for made in shards.values() if _check_files(folder, made, found, show)]
    _check_end(folder, whole, found, is_known=len(whole) == len(shards))
    if sample:
        _check_rows(folder, _read_recipe(recipe, build_dir), recipe["digests"], whole, found, (sample, seed, show))
    return found


def _check_end(folder: CorpusFolder, shards: Sequence[MadeShard], found: Verification, *, is_known: bool) -> None:
    """Compare the files of the whole, and find those that belong to nothing.

    Args:
        is_known: whether `shards` are all, so that it is known what belongs to them.
    """
    end = folder.read_end()
    if end is None:
        found.faults.append(f"{folder.root}: is not finished: {_AGAIN}")
        return
    for name, digest in end.items():
        _check_file(folder.root / name, digest, found)
    if is_known:
        own = {name for made in shards for name in next(folder.read_rows(made.shard))["files"]}
        foreign = folder.list_foreign(own | set(end))
        found.faults += [f"{folder.root / name}: is no file of the corpus" for name in foreign]


def _check_file(file: Path, digest: str, found: Verification) -> None:
    found.files += 1
    if not file.is_file():
        found.faults.append(f"{file}: is missing; {_AGAIN}")
    elif file_sha256(file) != digest:
        found.faults.append(f"{file}: is damaged: its digest is not the one that was noted; remove it, and {_AGAIN}")


def _check_files(
    folder: CorpusFolder, made: MadeShard, found: Verification, show: Callable[[Verification], object]
) -> bool:
    """Compare the digests of a shard's files; gives whether its rows can be read."""
    path = folder.rows(made.shard)
    if not path.is_file() or file_sha256(path) != made.sha256:
        found.faults.append(f"{path}: {'is damaged' if path.is_file() else 'is missing'}; {_AGAIN}")
        return False
    files = next(folder.read_rows(made.shard))["files"]
    for name, digest in files.items():
        _check_file(folder.root / name, digest, found)
        show(found)
    return True


def _check_rows(
    folder: CorpusFolder,
    recipe: Recipe,
    digests: Mapping[str, str],
    shards: Sequence[MadeShard],
    found: Verification,
    how: tuple[int, int, Callable[[Verification], object]],
) -> None:
    sample, seed, show = how
    speaker = RowSpeaker(recipe)
    now = describe(recipe, speaker.pipeline)
    changed = [name for name in ("model", "graph") if now[name] != digests[name]]
    if changed:
        raise RunError(
            f"{folder.root}: the {' and the '.join(changed)} {'has' if len(changed) == 1 else 'have'} changed since it "
            "was made, so its rows cannot be spoken again; --sample 0 verifies the files alone"
        )
    libraries = digest_libraries(speaker.pipeline.graph, recipe.build_dir)
    for made, entry in _choose(folder, shards, sample, seed):
        found.rows += 1
        try:
            audio = speaker.speak(_make_row(entry)).audio
            fault = _compare(folder, recipe, entry, audio, found, same=made.libraries == libraries)
        except KokoroError as error:
            fault = str(error)
        if fault:
            found.faults.append(f"{folder.root}: row '{entry['id']}' of shard {made.shard}: {fault}")
        show(found)


def _choose(
    folder: CorpusFolder, shards: Sequence[MadeShard], sample: int, seed: int
) -> list[tuple[MadeShard, dict[str, Any]]]:
    """Choose rows evenly among all."""
    total = sum(made.rows for made in shards)
    chosen = sorted(random.Random(seed).sample(range(total), min(sample, total)))
    found, first = [], 0
    for made in shards:
        wanted = {at - first for at in chosen if first <= at < first + made.rows}
        first += made.rows
        if wanted:
            entries = enumerate(folder.read_entries([made.shard]))
            found += [(made, entry) for at, entry in entries if at in wanted]
    return found


def _compare(
    folder: CorpusFolder, recipe: Recipe, entry: dict[str, Any], audio: Array, found: Verification, *, same: bool
) -> str:
    """Compare a row that was spoken again with what is there; gives what is wrong, '' for nothing."""
    data = find_layout(recipe.layout).read_audio(folder.root, entry)
    is_equal = digest_audio(audio) == entry["audio_sha256"]
    if is_equal:
        found.equal += 1
        is_kept = data == encode(audio, entry["rate"], recipe.format)
        return "" if is_kept else "is spoken as it was, but its file has other audio"
    if same:
        return "is spoken otherwise by the same libraries"
    again = audio if recipe.format in _LOSSLESS else _decode(encode(audio, entry["rate"], recipe.format))
    distance = measure("audio", _AUDIO, _decode(data), again, times=["samples"])
    if distance.fault is None and distance.snr_db >= PARITY_DB:
        found.near += 1
        return ""
    how = distance.fault or f"is {distance.snr_db:.1f} dB from its file, expected at least {PARITY_DB:g}"
    return f"spoken by other libraries, it {how}"


def _decode(data: bytes) -> Array:
    audio, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    return np.asarray(audio, np.float32)


def _make_row(entry: Mapping[str, Any]) -> CorpusRow:
    return CorpusRow(entry["id"], entry["text"], **entry["given"], extra=entry["extra"], origin=f"row '{entry['id']}'")


def _read_recipe(table: Mapping[str, Any], build_dir: Path | None) -> Recipe:
    """Read the recipe of a manifest."""
    return Recipe(
        table["graph"],
        tuple(table["overlays"]),
        tuple(table["sets"]),
        build_dir,
        tuple((name, value) for name, value in table["inputs"]),
        tuple((name, value) for name, value in table["params"]),
        table["layout"],
        table["format"],
    )
