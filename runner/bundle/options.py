"""Reads the arguments of `DIR/run`: what is spoken, with which voice, and the parameters of the bundle's graph."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.batch.row_runner import find_texts
from runner.batch.rows import LINES, PARAGRAPHS, open_rows
from runner.errors import RunError
from runner.files.errors import reading
from runner.speech.line_runner import PHONEMES, find_front
from runner.speech.model import VOICE_TYPE
from runner.speech.pauses import LINE_PAUSE_S, PARAGRAPH_PAUSE_S

if TYPE_CHECKING:
    from runner.batch.rows import Row
    from runner.graph.types import Graph, Parameter

OWN = frozenset(("help", "input", "output", "threads", "voice", PHONEMES))
"""The names of options that a parameter of the graph cannot have."""
MOST_THREADS = 1024  # as `kokoro-run` takes
_PREFIX = "params."  # of the names of parameters among the other arguments


@dataclass(frozen=True)
class Arguments:
    """What `DIR/run` was asked for.

    Attributes:
        lines: the graph's input that rows feed.
        is_graph_input: whether the rows are of that input, and not phonemes in place of it.
        has_paragraphs: whether a row of a file is a paragraph.
        option, text: the option that gives a text, and the text; None for a file.
        source: the file, or - for standard input.
        voice_input, voice: the input that is a voice, None for none; and what is asked for, None for the default.
        params: of the graph, in place of its own.
        threads: None for one a core.
    """

    lines: str
    is_graph_input: bool
    has_paragraphs: bool
    option: str
    text: str | None
    source: str | None
    voice_input: str | None
    voice: str | None
    params: Mapping[str, Parameter]
    threads: int | None
    output: Path

    @property
    def pause_s(self) -> float:
        """The silence between two rows."""

        return PARAGRAPH_PAUSE_S if self.has_paragraphs else LINE_PAUSE_S

    @contextmanager
    def open_rows(self) -> Iterator[Iterable[Row]]:
        """Open the rows that are spoken.

        Raises:
            RunError: the file cannot be read, or there is nothing in it.
        """

        layout = PARAGRAPHS if self.has_paragraphs else LINES
        with open_rows(self.source, self.text, self.option, layout) as rows:
            yield rows


def read_arguments(graph: Graph, given: Sequence[str]) -> Arguments:
    """Read the arguments of a run of the graph; prints the help, or what is wrong, and ends the process.

    Raises:
        RunError: a file that an option names cannot be read.
    """
    (lines,) = find_texts(graph)
    voiced = next((name for name, type_ in graph.inputs.items() if type_ == VOICE_TYPE), None)
    found = vars(_make_parser(graph, lines, voiced).parse_args(given))
    option = PHONEMES if lines != PHONEMES and found[PHONEMES] is not None else lines
    is_prose = bool(find_front(graph)) and option == lines
    params = {name.removeprefix(_PREFIX): value for name, value in found.items() if name.startswith(_PREFIX)}
    return Arguments(
        *(lines, option == lines, is_prose, f"--{option}", found[option], found["input"]),
        *(voiced, found.get("voice")),
        {name: _read_file(name, value) for name, value in params.items() if value is not None},
        *(found["threads"], found["output"]),
    )


def _make_parser(graph: Graph, lines: str, voiced: str | None) -> argparse.ArgumentParser:
    assert graph.model is not None
    about = f"Speaks with the graph '{graph.name}' and the model '{graph.model.name}'."
    parser = argparse.ArgumentParser("run", description=about, allow_abbrev=False)
    source = parser.add_mutually_exclusive_group(required=True)
    for name in dict.fromkeys((lines, PHONEMES)):
        source.add_argument(f"--{name}", metavar="TEXT", help=f"{name} to speak")
    source.add_argument("--input", metavar="FILE", help=f"a file of {lines}; - is standard input")
    parser.add_argument("-o", "--output", type=Path, default=Path("speech.wav"), metavar="FILE.wav", help="%(default)s")
    parser.add_argument("--threads", type=_read_count, help="of the kernels; one a core")
    if voiced is not None:
        names = ", ".join(sorted(path.stem for path in Path(graph.model.voices or "").glob("*.npy")))
        parser.add_argument("--voice", help=f"{names}, a file, or a mix as in A*0.4+B*0.6; {graph.model.voice}")
    parameters = parser.add_argument_group("parameters of the graph (a text may be @FILE)")
    for name, value in graph.params.items():
        option, shown = f"--{name.replace('_', '-')}", str(value).replace("%", "%%") or "''"
        parameters.add_argument(option, dest=_PREFIX + name, type=_reader_of(value), metavar="VALUE", help=shown)
    return parser


def _reader_of(value: Parameter) -> Callable[[str], Any]:
    """Make what reads a parameter whose default is `value`: it has the kind of its default."""
    return _read_truth if isinstance(value, bool) else type(value)


def _read_truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text == "true"


def _read_count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= MOST_THREADS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_THREADS}")
    return int(text)


def _read_file(name: str, value: Parameter) -> Parameter:
    """Read the text of a parameter that is given as @FILE."""
    if not isinstance(value, str) or not value.startswith("@"):
        return value
    with reading(value[1:]):
        content = Path(value[1:]).read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        fact = f"not UTF-8: byte 0x{content[error.start]:02x}"
        raise RunError(f"--{name} {value}: {fact}; save the file as UTF-8") from None
