"""Takes the inputs of a recorded run, and checks that its files have not changed: voices, a vocabulary, arrays.

A replay may change parameters and the graph. If code, libraries, weights or versions differ, that is reported. If an
input file has changed, the replay would be another run, and is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runner.batch.row_runner import find_texts
from runner.batch.rows import Row
from runner.cache.digest import array_digest, value_digest
from runner.cli.inputs import NO_LINES, find_voices, read_text
from runner.cli.settings import Settings
from runner.engine.stage_cache import outside_digest
from runner.errors import KokoroError, RunError
from runner.files.npy import read_array, read_port
from runner.graph.serialize import to_fields
from runner.graph.types import Ref
from runner.runtime.values import STR
from runner.speech.assets import load_vocab
from runner.speech.model import VOICE_TYPE, make_voice_resolver
from runner.speech.voices import needs_folder
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.engine.record import RunRecord
    from runner.graph.types import Graph


def take_rows(record: RunRecord) -> tuple[Settings, list[Row] | None]:
    """Take the rows of a run, None if its graph takes none, and its settings without the input that gave them."""
    then = Settings.from_record(record)
    rows = [
        Row(row.text.encode("utf-8", "surrogateescape"), row.origin, row.number, row.id, row.fault)
        for row in record.rows
    ]
    origins = {row.origin for row in rows}
    inputs = tuple(text for text in then.inputs if f"--in {_name(text)}" not in origins)
    return dataclasses.replace(then, inputs=inputs), None if origins == {NO_LINES} else rows


def leave_out(values: Iterable[str], given: Iterable[str]) -> tuple[str, ...]:
    """Leave out the values NAME=VALUE whose name is among those that are given."""
    names = {_name(text) for text in given}
    return tuple(text for text in values if _name(text) not in names)


def gives_lines(graph: Graph, inputs: Iterable[str]) -> bool:
    """Whether the values of --in leave no text for lines to feed."""
    return bool(find_texts(graph)) and not find_texts(graph, {_name(text) for text in inputs})


def _name(text: str) -> str:
    return text.partition("=")[0].strip()


def check_inputs(record: RunRecord, graph: Graph, options: Iterable[str], then: Settings | None = None) -> None:
    """Refuse to replay a run if a file that it read is missing or has changed.

    Args:
        graph: the graph of the replay.
        options: the options whose files the replay reads again.
        then: the settings of the run, without what the replay does not read again; None for all of them.

    Raises:
        RunError: a file is missing or has changed.
    """
    then = then or Settings.from_record(record)
    for option in options if record.graph_runs else ():
        digests, remedy = _INPUTS[option]
        try:
            changed = [found for found in digests(record, graph, then) if found[1] not in (None, found[2])]
        except KokoroError as error:
            raise RunError(f"run {record.id} cannot be done again: {error}; {remedy}") from None
        for name, before, now in changed:
            fact = f"{name} has changed: sha256 {now[:12]}..., expected {str(before)[:12]}..."
            raise RunError(f"run {record.id} cannot be done again: {fact}; {remedy}")


_Digests = Iterator[tuple[str, str | None, str]]  # of each input: its name; its digest in the record, if known, and now


def _digest_vocab(record: RunRecord, _graph: Graph, then: Settings) -> _Digests:
    if then.vocab is not None:
        now = value_digest(load_vocab(Path(then.vocab)))
        for identity in record.identities.values():
            yield f"--vocab {then.vocab}", identity.get("config", {}).get("vocab"), now


def _digest_arrays(record: RunRecord, _graph: Graph, then: Settings) -> _Digests:
    for text in then.load:
        port, _, file = text.partition("=")
        yield (
            f"--load {text}",
            record.graph_runs[0].given.get(port),
            outside_digest(Ref.parse(port), read_port(Path(file))),
        )


def _digest_inputs(record: RunRecord, graph: Graph, then: Settings) -> _Digests:
    for text in then.inputs:
        name, _, value = text.partition("=")
        type_, before = graph.inputs.get(name.strip()), record.graph_runs[0].inputs.get(name.strip())
        if value.startswith("@") and isinstance(type_, TensorType):
            yield f"--in {text}", before, array_digest(read_array(Path(value[1:])))
        elif value.startswith("@") and type_ == STR:
            now = value_digest(read_text(value, name.strip()))
            yield f"--in {text}", None if before is None else value_digest(before), now


def _digest_voices(record: RunRecord, graph: Graph, then: Settings) -> _Digests:
    ports = [port for port, type_ in graph.inputs.items() if type_ == VOICE_TYPE]
    own = find_voices(ports, then)
    before, now = record.graph["model"] or {}, to_fields(graph)["model"] or {}
    moved = any(before.get(key) != now.get(key) for key in ("voices", "voice", "hub"))
    for port in ports:
        spec = own.get(port)
        if needs_folder(spec) and moved:
            continue  # the replay names another folder
        name = f"the model's voice '{now.get('voice')}' in {now.get('voices')}" if spec is None else f"voice '{spec}'"
        yield name, record.graph_runs[0].inputs.get(port), array_digest(make_voice_resolver(graph)(spec))


_INPUTS = {
    "vocab": (_digest_vocab, "restore the file, or run anew"),
    "load": (_digest_arrays, "restore the file, or run anew"),
    "inputs": (_digest_inputs, "restore the file, or give another with --in"),
    "voice": (_digest_voices, "restore the voice, or give one with --voice"),
}
