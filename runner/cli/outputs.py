"""Chooses the outputs of a graph that a run computes, and the places where they are written.

-o out.wav          the audio, or the only output
-o f0=pitch.npy     one output, by its name; repeatable
-o out/             all outputs, a file each for every row
-o -                the audio as raw samples, on standard output
(none)              the audio, named after the input; without audio, the values are printed
"""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.batch.output import Destination
from runner.cli.sample_streams import is_stream, make_destination
from runner.errors import RunError, suggest
from runner.files.locate import is_folder
from runner.files.npy import ARRAY, TEXT
from runner.graph.types import Graph
from runner.runtime.values import STR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.batch.bulk import CheckResult, Place
    from runner.batch.rows import Row
    from runner.batch.value_files import ValueFiles
    from runner.cli.settings import Settings
    from runner.speech.pcm_output import PcmDestination

AUDIO = "audio"


@dataclass(frozen=True)
class Target:
    """An output that is written.

    Attributes:
        path: as the option gives it; None for a file named after the input.
        in_folder: whether it shares its folder with other outputs.
    """

    name: str
    path: str | None
    in_folder: bool = False


def choose_targets(graph: Graph, settings: Settings) -> list[Target]:
    """Choose the outputs that are written; none if their values are to be printed.

    Raises:
        RunError: no output has such a name, or an option does not say which output it means.
    """
    named, rest = _read_options(graph, settings.outputs)
    targets = [Target(name, path) for name, path in named.items()]
    if rest is None:
        if targets:
            return targets
        audio = [name for name in graph.outputs if name in graph.audio]
        return [Target(name, None, len(audio) > 1) for name in audio]
    if rest.endswith("/") or is_folder(rest):
        others = [name for name in graph.outputs if name not in named]
        main = _find_main(graph, others)
        return [*(Target(name, rest, name != main) for name in others), *targets]
    main = _find_main(graph, list(graph.outputs))
    if main is None:
        names, first = ", ".join(graph.outputs), next(iter(graph.outputs))
        raise RunError(
            f"-o {rest}: the graph has the outputs {names}; say which, as in -o {first}=FILE, or give a folder"
        )
    if main in named:
        raise RunError(f"-o {rest} and -o {main}={named[main]} give the same output; leave one out")
    return [Target(main, rest), *targets]


def _read_options(graph: Graph, options: Iterable[str]) -> tuple[dict[str, str], str | None]:
    """Split the options into those that name an output, and the one that does not."""
    named: dict[str, str] = {}
    rest: str | None = None
    for text in options:
        name, equals, path = text.partition("=")
        if equals and name.isidentifier() and (name in graph.outputs or "." not in name):
            if name not in graph.outputs:
                hint = f"; a file of that name is spelled ./{text}"
                raise RunError(f"-o {text}: the graph has no output '{name}'{suggest(name, graph.outputs)}{hint}")
            if named.setdefault(name, path) != path:
                raise RunError(f"-o {text}: output '{name}' has another place already: {named[name]}")
        elif rest is not None:
            raise RunError(f"-o {text}: -o {rest} is given as well; name the outputs, as in -o NAME=PATH")
        else:
            rest = text
    return named, rest


def _find_main(graph: Graph, names: list[str]) -> str | None:
    """Find the output that a path without a name means: the audio, else the only one."""
    audio = [name for name in names if name in graph.audio]
    if len(audio) == 1:
        return audio[0]
    if AUDIO in audio:
        return AUDIO
    return names[0] if len(names) == 1 else None


def find_suffix(graph: Graph, name: str) -> str:
    """Find the extension of the files of an output."""
    if name in graph.audio:
        return ".wav"
    ref = graph.outputs[name]
    return TEXT if graph.stages[ref.stage].outputs[ref.port] == STR else ARRAY


def select_outputs(graph: Graph, targets: list[Target]) -> Graph:
    """Give the graph with the outputs that are written alone: what nobody asked for is not computed."""
    names = [target.name for target in targets]
    if not names:
        return graph
    audio = {name: rate for name, rate in graph.audio.items() if name in names}
    return dataclasses.replace(graph, outputs={name: graph.outputs[name] for name in names}, audio=audio)


@contextlib.contextmanager
def removing_empty_folders(targets: Iterable[Target]) -> Iterator[None]:
    """Remove the folders of `targets` that the block makes and leaves empty, as a run that is refused does."""
    absent = [Path(target.path) for target in targets if target.path is not None and not is_folder(target.path)]
    try:
        yield
    finally:
        for path in absent:
            with contextlib.suppress(OSError):  # a file, or a folder that is not empty
                path.rmdir()


class OutputPlaces:
    """The places of the outputs of a run.

    Attributes:
        main: that of the audio that is spoken; None if no output is audio.
        main_name: the output that is spoken.
        rate_hz: sample rate of that audio; None if there is none.
    """

    def __init__(self, graph: Graph, targets: list[Target], settings: Settings) -> None:
        """Make the places, and refuse what cannot be written before any work is done.

        Raises:
            RunError: unknown format, or a place cannot be written.
        """
        self._values: list[ValueFiles] = []
        self._audio: dict[str, Destination[Any] | PcmDestination] = {}
        self._settings = settings
        for target in targets:
            streams = target.path is not None and is_stream(target.path)
            if streams and target.name not in graph.audio:
                raise RunError(f"-o {target.path}: output '{target.name}' is no audio, and a stream takes only audio")
            is_array = target.path is not None and Path(target.path).suffix == ARRAY
            if target.name in graph.audio and not is_array:
                self._audio[target.name] = self._make_audio(graph, target, len(targets) == 1)
            else:
                from runner.batch.value_files import ValueFiles

                path, is_text = target.path or "", find_suffix(graph, target.name) == TEXT
                self._values.append(ValueFiles(target.name, path, is_text=is_text, in_name=target.in_folder))
        self.main_name = next(iter(self._audio), None)
        self.main = None if self.main_name is None else self._audio[self.main_name]
        self.rate_hz = None if self.main_name is None else graph.audio[self.main_name]
        if settings.timestamps is not None and self.main is None:
            raise RunError("timestamps are of audio, and none is written")

    def _make_audio(self, graph: Graph, target: Target, is_only: bool) -> Destination[Any] | PcmDestination:
        from runner.speech.audio_output import AudioWriter
        from runner.speech.line_runner import find_front

        settings = self._settings
        writer = AudioWriter(
            *(target.name, graph.audio[target.name], settings.subtype, settings.find_pause(graph)),
            is_text=bool(find_front(graph)),
        )
        side = settings.timestamps if not self._audio else None
        if target.path is not None and is_stream(target.path):
            return make_destination(target.path, writer, side, settings)
        infix = f".{target.name}" if target.in_folder else ""
        return Destination(target.path, settings.source, writer, side, infix=infix, resumes=is_only)

    @property
    def paths(self) -> dict[str, Path]:
        """Output -> its file or folder."""
        audio = {name: place.path for name, place in self._audio.items()}
        return {**audio, **{place.name: place.path for place in self._values}}

    @property
    def timed(self) -> bool:
        """Whether timestamps are written."""
        return self.main is not None and self.main.side is not None

    def files(self, total: int) -> Iterator[Path]:
        """The files that a run of `total` rows writes, without those of single rows and those beside the output."""
        for place in self._audio.values():
            yield from place.files(total)
        for values in self._values:
            yield from values.files()

    def side_files(self) -> Iterator[Path]:
        """The files beside the output, without those of single rows."""
        for place in self._audio.values():
            yield from place.side_files()

    def row_files(self, rows: Iterable[Row], last: int) -> Iterator[tuple[Path, Path | None]]:
        """The files of single rows, each with the one beside it; `last` is the number of the last row."""
        for place in self._audio.values():
            yield from place.row_files(rows, last)
        for values in self._values:
            yield from ((values.row_path(row, last), None) for row in (rows if values.is_folder else ()))

    @contextlib.contextmanager
    def open(self, checked: CheckResult, identity: str, *, resume: bool) -> Iterator[Place[Any]]:
        """Open the places for the rows that were checked.

        Args:
            identity: a digest of everything beside the row that its output depends on.
            resume: take over what an earlier run has finished, where its rows and settings are the same.

        Raises:
            RunError: a place cannot be written, or does not hold so many rows.
        """
        values = [place.open(checked) for place in self._values]
        with contextlib.ExitStack() as stack:
            audio = [
                stack.enter_context(place.open(checked, identity, resume=resume)) for place in self._audio.values()
            ]
            places: list[Place[Any]] = [*audio, *values]
            if len(places) == 1:
                yield places[0]
                return
            from runner.batch.several import SeveralPlaces

            yield SeveralPlaces(places)
