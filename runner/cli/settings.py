"""The options of the commands that run a graph, as one typed object that is made once.

click's options (`options`), a recorded run --> Settings --> graph and scope, input, output
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from runner.batch.rows import Layout, Row
    from runner.cache.cache import Cache
    from runner.engine.options import RunOptions
    from runner.engine.record import RunRecord
    from runner.graph.selection import Scope
    from runner.graph.types import Graph
    from runner.speech.delivery import Cut, Joints

_TUPLES = ("refresh", "load", "overlays", "inputs", "outputs", "sweep")
_PATHS = ("vocab", "lexicon", "build_dir", "save_tensors", "report", "trace", "cache_dir")


@dataclass(frozen=True)
class Settings:
    """All options of `run`; for a command that lacks an option, its default.

    Attributes:
        source: the file of `--input`; '-' is standard input.
        inputs: the values of `--in`.
        outputs: the values of `-o`.
        start: `--from`.
        as_json: `--json`.
        overlays: the files of `-c`.
    """

    source: str | None = None
    ids: bool = False
    lines: bool = False
    phonemes: str | None = None
    text: str | None = None
    inputs: tuple[str, ...] = ()
    voice: str | None = None
    vocab: Path | None = None
    lexicon: Path | None = None
    speed: float | None = None
    seed: int | None = None
    alphabet: str | None = None
    skip_unknown: bool = False
    outputs: tuple[str, ...] = ()
    stream: bool = False
    pause: float | None = None
    cut: Cut = "even"
    joints: Joints = "measured"
    subtype: str | None = None
    threads: int | None = None
    timings: bool = False
    timestamps: str | None = None
    keep_going: bool = False
    no_resume: bool = False
    as_json: bool = False
    explain: bool = False
    sweep: tuple[str, ...] = ()
    start: str | None = None
    until: str | None = None
    only: str | None = None
    refresh: tuple[str, ...] = ()
    load: tuple[str, ...] = ()
    save_tensors: Path | None = None
    report: Path | None = None
    trace: Path | None = None
    cache_dir: Path | None = None
    no_cache: bool = False
    build_dir: Path | None = None
    quiet: bool = False
    overlays: tuple[str, ...] = ()

    @classmethod
    def from_record(cls, record: RunRecord) -> Self:
        """Make the settings of a recorded run; relative paths of its input files start in its working directory."""
        asked, folder = record.asked, Path(record.asked["folder"])
        known = {field.name for field in dataclasses.fields(cls)}
        fields = {name: value for name, value in asked.items() if name in known}
        fields |= {name: Path(asked[name]) for name in _PATHS if asked.get(name) is not None}
        fields |= {name: tuple(fields.get(name, ())) for name in _TUPLES}
        return cls(**fields).resolve_paths(folder)

    def resolve_paths(self, folder: Path, voices: Collection[str] = ()) -> Self:
        """Make paths of vocabulary, arrays, voices and libraries absolute; relative ones start in `folder`.

        Args:
            voices: the inputs of --in that are voices.
        """
        pairs = (text.partition("=") for text in self.load)
        given = (text.partition("=") for text in self.inputs)
        voice = None if self.voice is None else _resolve_voice(self.voice, folder)
        return dataclasses.replace(
            self,
            vocab=None if self.vocab is None else folder / self.vocab,
            lexicon=None if self.lexicon is None else folder / self.lexicon,
            build_dir=None if self.build_dir is None else folder / self.build_dir,
            load=tuple(f"{port}={folder / file}" for port, _, file in pairs),
            inputs=tuple(
                f"{name}={(_resolve_voice if name.strip() in voices else _resolve)(value, folder)}"
                for name, _, value in given
            ),
            voice=voice,
        )

    def to_fields(self) -> dict[str, Any]:
        """Make a table for the record of a run."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: str(value) if isinstance(value, Path) else value for name, value in fields.items()}

    @property
    def params(self) -> dict[str, object]:
        """The parameters that have options."""
        given = {
            "speed": self.speed,
            "seed": self.seed,
            "alphabet": self.alphabet,
            "skip_unknown": self.skip_unknown or None,
            "lexicon": None if self.lexicon is None else self.lexicon_content,
        }
        return {name: value for name, value in given.items() if value is not None}

    @functools.cached_property
    def lexicon_content(self) -> str:
        """The content of the file of --lexicon; '' for none.

        Raises:
            RunError: the file cannot be read, or is not UTF-8.
        """
        from runner.cli.user_lexicon import read_lexicon_file

        return "" if self.lexicon is None else read_lexicon_file(self.lexicon)

    @property
    def scope(self) -> Scope:
        """The part of the graph to run."""
        from runner.graph.selection import Scope

        return Scope(self.until, self.start, self.only, frozenset(self.refresh))

    @property
    def keeps_ports(self) -> bool:
        """Whether every port of a run is wanted."""
        return self.save_tensors is not None or self.report is not None

    def find_pause(self, graph: Graph) -> float:
        """Find the silence between two rows [s]."""
        from runner.batch.rows import PARAGRAPHS
        from runner.speech.pauses import LINE_PAUSE_S, PARAGRAPH_PAUSE_S

        if self.pause is not None:
            return self.pause
        return PARAGRAPH_PAUSE_S if self._find_layout(graph) == PARAGRAPHS else LINE_PAUSE_S

    @property
    def delivery(self) -> dict[str, str]:
        """How rows are cut and joined, where that is not as usual: fields of a `Delivery`."""
        usual, given = Settings(), {"cut": self.cut, "joints": self.joints}
        return {name: value for name, value in given.items() if value != getattr(usual, name)}

    def _find_layout(self, graph: Graph) -> Layout:
        """Find what a row is."""
        from runner.batch import rows
        from runner.cli.inputs import takes_prose

        if self.ids:
            return rows.IDS
        return rows.PARAGRAPHS if takes_prose(graph) and not self.lines else rows.LINES

    def check_source(self) -> None:
        """Check that no two options give the rows, and that --ids has lines to take them from.

        Raises:
            UsageError: two options do, or there are no lines.
        """
        if sum(given is not None for given in (self.source, self.phonemes, self.text)) > 1:
            raise click.UsageError("give one of --input FILE, --phonemes TEXT and --text TEXT")
        if self.ids and self.source is None:
            raise click.UsageError("--ids: the ids are in the lines of --input FILE")
        if self.lines and self.source is None:
            raise click.UsageError("--lines: the lines are those of --input FILE")

    @contextlib.contextmanager
    def open_rows(self, graph: Graph, *, once: bool = False) -> Iterator[Iterable[Row] | None]:
        """Open the rows of --input, --phonemes or --text; None if none is given.

        Args:
            graph: takes them; prose is read by paragraphs.
            once: each row is read when it is asked for, and only once: a pipe may still be written to.

        Raises:
            UsageError: the graph takes text, and the option is for phonemes; or the other way round.
        """
        from runner.batch import rows
        from runner.cli.inputs import check_option

        if self.source is None and self.phonemes is None and self.text is None:
            yield None
            return
        check_option(graph, self)
        option, text = ("--phonemes", self.phonemes) if self.text is None else ("--text", self.text)
        open_rows = rows.stream_rows if once else rows.open_rows
        with open_rows(self.source, text, option, self._find_layout(graph)) as found:
            yield found

    def open_cache(self) -> Cache | None:
        """Open the cache; None if the options exclude it."""
        from runner.cache.cache import Cache, default_root

        return None if self.no_cache else Cache(self.cache_dir or default_root())

    def read_config(self) -> dict[str, Any]:
        """Read the keys of config.json that --vocab replaces.

        Raises:
            SpecError: the file holds no vocabulary.
        """
        if self.vocab is None:
            return {}
        from runner.speech.assets import load_vocab

        return {"vocab": load_vocab(self.vocab)}

    def read_arrays(self) -> dict[str, Any]:
        """Read the values of --load, by port: texts of .txt files, arrays of all others.

        Raises:
            RunError: a file is missing, or is not a .npy file.
        """
        if not self.load:
            return {}
        from runner.files.npy import read_port

        found = {}
        for text in self.load:
            port, equals, file = text.partition("=")
            if not equals or not file or port.count(".") != 1:
                raise click.BadParameter(f"'{text}' is not STAGE.PORT=FILE.npy, as in decoder.audio=a.npy")
            found[port] = read_port(Path(file))
        return found

    def make_run_options(self) -> RunOptions:
        """Make the options of all runs of the graph."""
        from runner.engine.options import RunOptions

        return RunOptions(
            self.params,
            keep=self.keeps_ports,
            override=self.read_arrays(),
            scope=self.scope,
            explain=self.report is not None,
        )

    def spell_inputs(self) -> str:
        """Spell the options that were given for lines, voice and parameters: `--speed 2 --skip-unknown`."""
        given = {"input": self.source, "phonemes": self.phonemes, "text": self.text, "voice": self.voice, **self.params}
        given |= {"lexicon": self.lexicon}  # its file, not its content
        options = ((f"--{name.replace('_', '-')}", value) for name, value in given.items() if value is not None)
        return " ".join(option if value is True else f"{option} {value}" for option, value in options)

    def list_given(self, names: Iterable[str]) -> list[str]:
        """List the options among the settings `names` that were given, as the command line spells them."""
        spelling: Mapping[str, str] = {
            "as_json": "json", "start": "from", "source": "input", "inputs": "in", "outputs": "output"
        }  # fmt: skip
        return [f"--{spelling.get(name, name).replace('_', '-')}" for name in names if getattr(self, name)]


def _resolve_voice(spec: str, folder: Path) -> str:
    from runner.speech.voice_spec import make_absolute

    return make_absolute(spec.removeprefix("@"), folder)


def _resolve(value: str, folder: Path) -> str:
    """Make the path of `@FILE` absolute; any other value stays."""
    return f"@{folder / value[1:]}" if value.startswith("@") else value
