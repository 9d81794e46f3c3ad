"""Lists the files that a run reads and writes, each with the option or the part of the graph that names it."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import runner
import stages
from runner.batch.rows import STDIN
from runner.build.staleness import checkpoint_record
from runner.cache.digest import list_files
from runner.cli import console
from runner.cli.inputs import list_files as list_input_files
from runner.cli.runners import has_tokenizer
from runner.errors import RunError
from runner.files.locate import find_file
from runner.files.npy import ARRAY, name_file
from runner.files.overwriting import Use, refuse_overwriting
from runner.files.replace import resolve_target
from runner.runtime import devices, manifest
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.batch.bulk import CheckResult
    from runner.batch.rows import Row
    from runner.cli.outputs import OutputPlaces
    from runner.cli.settings import Settings
    from runner.graph.types import Graph

_STDIN = Path("/dev/stdin")  # a link to the file that it is redirected to


def check_files(
    graph: Graph,
    settings: Settings,
    place: OutputPlaces | None = None,
    checked: CheckResult | None = None,
    rows: Iterable[Row] = (),
    folders: Iterable[Path] = (),
) -> None:
    """Refuse settings by which a run would write a file that it reads, or one file twice.

    Args:
        settings: settings of the command.
        place: place of the output; None for a run that writes none.
        checked: of all rows of the input; None for rows that are not known yet.
        rows: the good ones.
        folders: where the ports of their runs are written.

    Raises:
        RunError: a file has two uses, or a report would replace something that is not a file.
    """
    reports = [("--trace", settings.trace), ("--report", settings.report)]
    pages = [(option, path) for option, path in reports if path is not None]
    for _, path in pages:
        resolve_target(path)
    output = Path(f"/dev/fd/{console.output_handle()}").resolve()  # the file that it is redirected to
    written = [
        *([(console.OUTPUT, output)] if settings.as_json or place is None else []),
        *([] if place is None else _list_outputs(place, 1 if checked is None else checked.total)),
        *pages,
    ]
    many = _list_tensor_files(graph, folders)
    if place is not None and checked is not None:
        many = chain(_list_row_files(place, rows, checked.last), many)
    many = _refuse_equal(many, cuts=has_tokenizer(graph)) if settings.ids else many
    refuse_overwriting(_list_inputs(graph, settings), written, many)


def _refuse_equal(files: Iterable[Use], *, cuts: bool) -> Iterator[Use]:
    """Refuse two rows that would write one file: the output `low` of the id `a`, and the audio of the id `a.low`.

    Args:
        cuts: whether rows may be cut: the second array of the id `a` and the array of the id `a.2` are one file.
    """
    known: dict[Path, str] = {}
    for option, path in files:
        if path in known:
            raise _make_error(option, path)
        known[path] = option
        yield option, path
    for path, option in known.items() if cuts else ():
        whole, _, number = path.stem.rpartition(".")
        if path.suffix == ARRAY and number.isdecimal() and path.with_name(f"{whole}{ARRAY}") in known:
            raise _make_error(option, path)


def _make_error(option: str, path: Path) -> RunError:
    return RunError(f"{option} {path}: two lines would write it; give them ids that differ before the dot")


def _list_outputs(place: OutputPlaces, lines: int) -> Iterator[Use]:
    yield from (("-o", path) for path in place.files(lines))
    yield from (("--timestamps", path) for path in place.side_files())


def _list_row_files(place: OutputPlaces, rows: Iterable[Row], last: int) -> Iterator[Use]:
    for path, side in place.row_files(rows, last):
        yield "-o", path
        if side is not None:
            yield "--timestamps", side


def _list_inputs(graph: Graph, settings: Settings) -> Iterator[Use]:
    if settings.source is not None:
        yield "--input", _STDIN if settings.source == STDIN else Path(settings.source)
    if settings.lexicon is not None:
        yield "--lexicon", settings.lexicon
    if settings.vocab is not None:
        yield "--vocab", settings.vocab
    for text in settings.load:
        yield "--load", Path(text.partition("=")[2])
    yield from list_input_files(settings)
    for overlay in settings.overlays:
        yield "-c", find_file(overlay, "configs")
    for path in _list_voices(graph, settings.voice):
        yield "--voice", path
    yield "the graph", graph.path
    for file in {leaf.origin.file for _, leaf in graph.tree.leaves() if leaf.origin.line}:
        yield "the graph", Path(file)
    yield from _list_model_files(graph)
    yield from _list_stage_files(graph, settings.build_dir)


def _list_voices(graph: Graph, spec: str | None) -> list[Path]:
    if spec is None:
        return []
    from runner.speech.voices import voice_files

    return voice_files(spec, None if graph.model is None else graph.model.voices)


def _list_model_files(graph: Graph) -> Iterator[Use]:
    model = graph.model
    if model is None:
        return
    voices = model.voices.iterdir() if model.voices is not None and model.voices.is_dir() else [model.voices]
    for path in (model.config, model.checkpoint, *voices):
        if path is not None:
            yield "the model", path


def _list_stage_files(graph: Graph, build_dir: Path | None) -> Iterator[Use]:
    for package in (runner, stages):
        for folder in package.__path__:
            for path in Path(folder).rglob("*.py"):
                yield "the program", path
    for spec in graph.stages.values():
        yield "the graph", spec.kind.origin
        if spec.is_library:
            library = devices.library_path(spec, graph.model_name, build_dir)
            files = [library, manifest.weights_path(library), manifest.manifest_path(library)]
            files.append(checkpoint_record(library))
        else:
            # The files of the project's own stages are among those of the program.
            files = [] if spec.module.startswith("stages.") else list_files(spec.module)
        for path in files:
            yield f"stage '{spec.name}'", path


def _list_tensor_files(graph: Graph, folders: Iterable[Path]) -> Iterator[Use]:
    ports = [(f"{spec.name}.{port}", type_) for spec in graph.stages.values() for port, type_ in spec.outputs.items()]
    for folder in folders:
        for port, type_ in ports:
            yield "--save-tensors", folder / name_file(port, is_text=not isinstance(type_, TensorType))
