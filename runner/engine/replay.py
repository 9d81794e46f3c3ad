"""A run again, from its record: the graph as it was, with what is laid over it now, on the inputs of then.

What is asked for anew may differ from then. Code, libraries, weights and versions may differ too, which is told. An
input file that holds something else makes it another run, which is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cache import keys
from runner.cache.digest import array_digest, value_digest
from runner.engine.pipeline import Pipeline
from runner.errors import KokoroError, RunError
from runner.files.locate import shown
from runner.files.npy import read_array
from runner.graph import snapshot
from runner.graph.load import reload_graph
from runner.graph.yaml_node import from_rows
from runner.runtime.values import VOICE
from runner.speech.assets import load_vocab
from runner.speech.voices import needs_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runner.engine.record import RunRecord
    from runner.graph.types import Graph


def graph_of(record: RunRecord, overlays: Sequence[str] = (), sets: Sequence[str] = ()) -> Graph:
    """The graph of a run, its parameters as they were, under `overlays` and `sets`; checked against the code of now.

    Raises:
        SpecError, GraphError: it does not fit; values of the run are named by where they were written then.
    """
    params: dict[str, Any] = record.utterances[0].params if record.utterances else {}
    folder = Path(record.asked["folder"])
    tree = from_rows([_absolute(row, folder) for row in record.graph["tree"]])
    return reload_graph(folder / record.graph["path"], tree, params, f"run {record.id}", overlays, sets)


def _absolute(row: Sequence[Any], folder: Path) -> list[Any]:
    """A row of a graph's tree, its files absolute: a message shows the line of the file that was read then."""
    path, value, origin, key, base, verbatim = row
    places = [place and [shown(folder / place[0]) if place[1] else place[0], *place[1:]] for place in (origin, key)]
    return [path, value, *places, str(folder / base), verbatim]


def check_inputs(record: RunRecord, graph: Graph, options: Iterable[str] = ("vocab", "load", "voice")) -> None:
    """Refuse to do a run again where a file that it read is gone or holds something else.

    Args:
        graph: of now.
        options: those that hold as they were given then.

    Raises:
        RunError: it is so.
    """
    for option in options if record.utterances else ():
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
    path = record.options["vocab"]
    if path is not None:
        now = value_digest(load_vocab(Path(path)))
        for identity in record.identities.values():
            yield f"--vocab {path}", identity.get("config", {}).get("vocab"), now


def _arrays(record: RunRecord, _graph: Graph) -> _Digests:
    for text in record.options["load"]:
        port, _, file = text.partition("=")
        yield f"--load {text}", record.utterances[0].given.get(port), array_digest(read_array(Path(file)))


def _voices(record: RunRecord, graph: Graph) -> _Digests:
    spec, then, now = record.options["voice"], record.graph["model"], snapshot.to_fields(graph)["model"]
    if needs_folder(spec) and any(then[name] != now[name] for name in ("voices", "voice", "hub")):
        return  # another folder is asked for
    what = f"the model's voice '{graph.model.voice}' in {graph.model.voices}" if spec is None else f"voice '{spec}'"
    if VOICE in graph.inputs.values():
        digest = array_digest(Pipeline(graph).voice(spec))
        for name in (name for name, type_ in graph.inputs.items() if type_ == VOICE):
            yield what, record.utterances[0].inputs.get(name), digest


_INPUTS = {
    "vocab": (_vocab, "restore the file, or run anew"),
    "load": (_arrays, "restore the file, or run anew"),
    "voice": (_voices, "restore the voice, or give one with --voice"),
}


def differences(
    record: RunRecord, identities: Mapping[str, Mapping[str, Any]], versions: Mapping[str, str]
) -> list[str]:
    """What is other than it was in the run beside the graph: code, libraries, weights, devices, versions."""
    found = [
        f"{name} {record.versions.get(name, 'none')} -> {version}"
        for name, version in versions.items()
        if record.versions.get(name) != version
    ]
    for stage, identity in identities.items():
        before = record.identities.get(stage)
        if before is None:
            found.append(f"{stage}: was not part of that run")
        elif dict(before) != dict(identity):
            found.append(f"{stage}: {keys.difference(before, identity)}")
    return found
