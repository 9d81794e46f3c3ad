"""Reads the inputs of a graph from the options: the one that takes lines, and those that all lines share.

--input FILE, --text TEXT, --phonemes TEXT    the rows of the input that takes lines
--in NAME=VALUE                  a number, true, false, a list such as [1, 2.5], a text, a voice
--in NAME=@FILE                  an array from a .npy file, a text from any other
--voice VOICE                    the input of type voice
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from runner.batch.row_runner import find_texts
from runner.batch.rows import Row
from runner.errors import RunError, suggest
from runner.files.errors import reading
from runner.runtime.values import STR, make_scalar
from stages.contract import NamedType, TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runner.cli.settings import Settings
    from runner.graph.types import Graph
    from stages.contract import Type

PHONEMES, TEXT = "phonemes", "text"  # the inputs of speech: lines of phonemes, prose
NO_LINES = "the inputs"  # the origin of the one row of a graph that takes no lines
_VOICE = "voice"


class GivenInputs:
    """The inputs of a graph, as the options give them.

    Attributes:
        lines: the input that takes lines; None if there is none.
        shared: values of the other inputs, by name; those of named types are specifications.
    """

    def __init__(self, graph: Graph, settings: Settings) -> None:
        """Read the options.

        Raises:
            RunError: no input has such a name or takes such a value, or a file cannot be read.
            UsageError: two options give one input.
        """
        self._graph, self._settings = graph, settings
        texts: dict[str, str] = {}
        for name, text in map(_split, settings.inputs):
            if name not in graph.inputs:
                raise RunError(f"--in {name}: the graph has no input '{name}'{suggest(name, graph.inputs)}")
            if name in texts:
                raise click.UsageError(f"--in {name} is given twice: {texts[name]} and {text}; leave one out")
            texts[name] = text
        if settings.voice is not None:
            texts.setdefault(self._find_voice(texts), settings.voice)
        self.lines = self._find_lines(texts)
        self._line = texts.pop(self.lines, None) if self.lines is not None else None
        self.shared = {name: _read(name, text, graph) for name, text in texts.items()}
        absent = [n for n, t in graph.inputs.items() if isinstance(t, TensorType) and n not in self.shared]
        if absent:
            name = absent[0]
            raise RunError(
                f"input '{name}' of the graph is missing: it takes {graph.inputs[name]}; give --in {name}=VALUE"
            )

    def _find_voice(self, given: Iterable[str]) -> str:
        """Find the input that --voice gives."""
        named = [name for name, type_ in self._graph.inputs.items() if type_ == NamedType(_VOICE)]
        free = [name for name in named if name not in given]
        if not named:
            raise RunError(f"--voice: {self._graph.path} has no input of type voice")
        if len(free) > 1 and _VOICE not in free:
            raise RunError(f"--voice: {', '.join(free)} are voices; give each by --in NAME=VOICE")
        if not free:
            raise click.UsageError("--voice and --in give the same voice; leave one out")
        return _VOICE if _VOICE in free else free[0]

    def _find_lines(self, given: dict[str, str]) -> str | None:
        """Find the input that takes lines: the only text that is not given, else the only text."""
        texts, free = find_texts(self._graph), find_texts(self._graph, given)
        if len(free) > 1 and PHONEMES not in free:
            raise RunError(
                f"{self._graph.path}: {', '.join(free)} are texts; lines feed one: give the others by --in NAME=TEXT"
            )
        if free:
            return PHONEMES if PHONEMES in free else free[0]
        source = next(iter(self._settings.list_given(("source", "phonemes", "text"))), None)
        if source is not None:
            if texts:
                raise click.UsageError(f"{source} and --in give the same text, {texts[0]}; leave one out")
            known = ", ".join(f"{name}: {type_}" for name, type_ in self._graph.inputs.items()) or "none"
            raise RunError(f"{source}: {self._graph.path} has no input that takes lines; its inputs are {known}")
        return texts[0] if len(texts) == 1 else None

    def make_row(self) -> Row:
        """Make the one row of a run without --input and --phonemes.

        Raises:
            UsageError: the input that takes lines has none.
        """
        if self._line is not None and self.lines is not None:
            text = read_text(self._line, self.lines)
            return Row(text.encode("utf-8", "surrogateescape"), f"--in {self.lines}")
        if self.lines is not None:
            own = f" and --{self.lines} TEXT" if self.lines in (PHONEMES, TEXT) else ""
            options = f"one of --input FILE{own}" if own else "--input FILE"
            raise click.UsageError(f"give {options}, or --in {self.lines}=TEXT")
        return Row(b"", NO_LINES)


def takes_prose(graph: Graph) -> bool:
    """Whether the rows of a graph are paragraphs of text."""
    return graph.inputs.get(TEXT) == STR and PHONEMES not in graph.inputs


def check_option(graph: Graph, settings: Settings) -> None:
    """Check that the option that gives one utterance is that of the graph.

    Raises:
        UsageError: it is not.
    """
    if settings.text is not None and graph.inputs.get(PHONEMES) == STR:
        raise click.UsageError(f"{graph.path} takes phonemes, not text: give --phonemes, or a graph such as `text`")
    if settings.phonemes is not None and takes_prose(graph):
        raise click.UsageError(f"{graph.path} takes text, not phonemes: give --text, or a graph such as `default`")


def find_voices(inputs: Iterable[str], settings: Settings) -> dict[str, str]:
    """Find the voices that the options give, by the name of the input.

    Args:
        inputs: those of type voice.
    """
    given = {name: value.removeprefix("@") for name, value in map(_split, settings.inputs)}
    found = {name: given[name] for name in inputs if name in given}
    free = [name for name in inputs if name not in given]
    if settings.voice is not None and free:
        found[_VOICE if _VOICE in free else free[0]] = settings.voice
    return found


def read_tensors(inputs: Mapping[str, Type], settings: Settings) -> dict[str, Any]:
    """Read the arrays that the options give, by the name of the input; one whose file cannot be read is left out."""
    found = {}
    for name, text in map(_split, settings.inputs):
        type_ = inputs.get(name)
        if isinstance(type_, TensorType):
            with contextlib.suppress(RunError):
                found[name] = _read_tensor(name, text, type_)
    return found


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"'{text}' is not NAME=VALUE or NAME=@FILE, as in gain=0.5", param_hint="--in")
    return name.strip(), value


def list_files(settings: Settings) -> list[tuple[str, Path]]:
    """List the files that --in names, each with the option as it was written."""
    pairs = ((text, text.partition("=")[2]) for text in settings.inputs)
    return [(f"--in {text}", Path(value[1:])) for text, value in pairs if value.startswith("@")]


def _read(name: str, text: str, graph: Graph) -> Any:
    """Read the value of an input from the text of its option."""
    type_ = graph.inputs[name]
    if type_ == STR:
        return read_text(text, name)
    if isinstance(type_, NamedType):
        return text.removeprefix("@")
    return _read_tensor(name, text, type_)


def _read_tensor(name: str, text: str, type_: TensorType) -> Any:
    if text.startswith("@"):
        from runner.files.npy import read_array

        return read_array(Path(text[1:]))
    return _parse(name, text, type_)


def read_text(text: str, name: str) -> str:
    """Read the text of an input from its option: the content of @FILE, else the option's own.

    Raises:
        RunError: the file cannot be read, or is not UTF-8.
    """
    if not text.startswith("@"):
        return text
    path = Path(text[1:])
    with reading(path):
        data = path.read_bytes()
    try:
        return data.decode("utf-8-sig").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise RunError(f"--in {name}: {path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _parse(name: str, text: str, type_: TensorType) -> Any:
    """Parse a number, true, false, or a list of them, as the array of an input."""
    where = f"--in {name}={text}"
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not type_.dims and isinstance(value, bool | int | float):
        return make_scalar(where, type_, value)
    if type_.dims and isinstance(value, list):
        return _make_array(where, value, type_)
    example = "0.5" if not type_.dims else "[1, 2, 3]"
    raise RunError(f"{where}: expected {type_}: a value such as {example}, or @FILE.npy")


def _make_array(where: str, value: list[Any], type_: TensorType) -> Any:
    try:
        array = np.array(value)
    except ValueError:
        raise RunError(f"{where}: the lists in it differ in length; expected {type_}") from None
    wanted = np.dtype(type_.dtype)
    kinds = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}[wanted.kind]
    if array.size and array.dtype.kind not in kinds:
        raise RunError(f"{where}: expected {type_}, got values of {array.dtype}")
    with np.errstate(over="ignore"):
        converted = array.astype(wanted)
    fits = np.isfinite(converted) | ~np.isfinite(array) if wanted.kind == "f" else converted == array
    if not np.all(fits):
        raise RunError(f"{where}: a value is beyond the range of {type_.dtype}")
    return converted
