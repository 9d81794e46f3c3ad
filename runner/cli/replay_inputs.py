"""Checks that the input files of a recorded run have not changed: voices, a vocabulary, arrays.

A replay may change parameters and the graph. If code, libraries, weights or versions differ, that is reported. If an
input file has changed, the replay would be another run, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cache.digest import array_digest, value_digest
from runner.cli.settings import Settings
from runner.errors import KokoroError, RunError
from runner.files.npy import read_array
from runner.graph.serialize import to_fields
from runner.speech.assets import load_vocab
from runner.speech.model import VOICE_TYPE, make_voice_resolver
from runner.speech.voices import needs_folder
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.engine.record import RunRecord
    from runner.graph.types import Graph


def check_inputs(
    record: RunRecord, graph: Graph, options: Iterable[str] = ("vocab", "load", "inputs", "voice")
) -> None:
    """Refuse to replay a run if a file that it read is missing or has changed.

    Args:
        graph: the graph of the replay.
        options: the options whose files the replay reads again.

    Raises:
        RunError: a file is missing or has changed.
    """
    for option in options if record.graph_runs else ():
        digests, remedy = _INPUTS[option]
        try:
            changed = [found for found in digests(record, graph) if found[1] not in (None, found[2])]
        except KokoroError as error:
            raise RunError(f"run {record.id} cannot be done again: {error}; {remedy}") from None
        for name, then, now in changed:
            fact = f"{name} has changed: sha256 {now[:12]}..., expected {str(then)[:12]}..."
            raise RunError(f"run {record.id} cannot be done again: {fact}; {remedy}")


_Digests = Iterator[tuple[str, str | None, str]]  # of each input: its name; its digest in the record, if known, and now


def _digest_vocab(record: RunRecord, _graph: Graph) -> _Digests:
    path = Settings.from_record(record).vocab
    if path is not None:
        now = value_digest(load_vocab(Path(path)))
        for identity in record.identities.values():
            yield f"--vocab {path}", identity.get("config", {}).get("vocab"), now


def _digest_arrays(record: RunRecord, _graph: Graph) -> _Digests:
    for text in Settings.from_record(record).load:
        port, _, file = text.partition("=")
        yield f"--load {text}", record.graph_runs[0].given.get(port), array_digest(read_array(Path(file)))


def _digest_files(record: RunRecord, graph: Graph) -> _Digests:
    for text in Settings.from_record(record).inputs:
        name, _, file = text.partition("=")
        if file.startswith("@") and isinstance(graph.inputs.get(name), TensorType):
            yield f"--in {text}", record.graph_runs[0].inputs.get(name), array_digest(read_array(Path(file[1:])))


def _digest_voices(record: RunRecord, graph: Graph) -> _Digests:
    spec = Settings.from_record(record).voice
    then, now = record.graph["model"] or {}, to_fields(graph)["model"] or {}
    if needs_folder(spec) and any(then.get(key) != now.get(key) for key in ("voices", "voice", "hub")):
        return  # the replay names another folder
    name = f"the model's voice '{now.get('voice')}' in {now.get('voices')}" if spec is None else f"voice '{spec}'"
    if VOICE_TYPE in graph.inputs.values():
        digest = array_digest(make_voice_resolver(graph)(spec))
        for port in (port for port, type_ in graph.inputs.items() if type_ == VOICE_TYPE):
            yield name, record.graph_runs[0].inputs.get(port), digest


_INPUTS = {
    "vocab": (_digest_vocab, "restore the file, or run anew"),
    "load": (_digest_arrays, "restore the file, or run anew"),
    "inputs": (_digest_files, "restore the file, or run anew"),
    "voice": (_digest_voices, "restore the voice, or give one with --voice"),
}
