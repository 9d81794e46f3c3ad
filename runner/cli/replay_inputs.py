"""Checks that the files which a recorded run read hold the same as then: voices, a vocabulary, arrays.

A replay may ask for something else than the run did. Code, libraries, weights and versions may differ too, which is
reported. But an input file with other contents would make it another run, which is refused.
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

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.engine.record import RunRecord
    from runner.graph.types import Graph


def check_inputs(record: RunRecord, graph: Graph, options: Iterable[str] = ("vocab", "load", "voice")) -> None:
    """Refuse to do a run again where a file that it read is gone or holds something else.

    Args:
        graph: of now.
        options: those that hold as they were given then.

    Raises:
        RunError: it is so.
    """
    for option in options if record.graph_runs else ():
        digests, remedy = _INPUTS[option]
        try:
            changed = [found for found in digests(record, graph) if found[1] not in (None, found[2])]
        except KokoroError as error:
            raise RunError(f"run {record.id} cannot be done again: {error}; {remedy}") from None
        for what, then, now in changed:
            fact = f"{what} is not what it was: sha256 {now[:12]}..., expected {str(then)[:12]}..."
            raise RunError(f"run {record.id} cannot be done again: {fact}; {remedy}")


_Digests = Iterator[tuple[str, str | None, str]]  # of each input: what it is; its digest then, if known, and now


def _vocab(record: RunRecord, _graph: Graph) -> _Digests:
    path = Settings.of_record(record).vocab
    if path is not None:
        now = value_digest(load_vocab(Path(path)))
        for identity in record.identities.values():
            yield f"--vocab {path}", identity.get("config", {}).get("vocab"), now


def _arrays(record: RunRecord, _graph: Graph) -> _Digests:
    for text in Settings.of_record(record).load:
        port, _, file = text.partition("=")
        yield f"--load {text}", record.graph_runs[0].given.get(port), array_digest(read_array(Path(file)))


def _voices(record: RunRecord, graph: Graph) -> _Digests:
    spec = Settings.of_record(record).voice
    then, now = record.graph["model"] or {}, to_fields(graph)["model"] or {}
    if needs_folder(spec) and any(then.get(name) != now.get(name) for name in ("voices", "voice", "hub")):
        return  # another folder is asked for
    what = f"the model's voice '{now.get('voice')}' in {now.get('voices')}" if spec is None else f"voice '{spec}'"
    if VOICE_TYPE in graph.inputs.values():
        digest = array_digest(make_voice_resolver(graph)(spec))
        for name in (name for name, type_ in graph.inputs.items() if type_ == VOICE_TYPE):
            yield what, record.graph_runs[0].inputs.get(name), digest


_INPUTS = {
    "vocab": (_vocab, "restore the file, or run anew"),
    "load": (_arrays, "restore the file, or run anew"),
    "voice": (_voices, "restore the voice, or give one with --voice"),
}
