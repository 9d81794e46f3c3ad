"""The public API: a graph, and a pipeline that can plan, build, run and stream. `runner` exports both.

    Graph.load --> Pipeline --> build()     compiles what is missing or stale
                            --> plan(...)   what a run would do
                            --> run(...)    Result: arrays by port name
                            --> stream(...) Part after Part, of any number of lines

The commands are made of the same parts; what is here has no terminal, no files of its own, and keeps no records. Speech
is imported when it is needed: by a graph with an input of the type `voice`, by `stream` and by `timed`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

from runner.batch.row_runner import find_texts
from runner.build import staleness
from runner.engine import pipeline
from runner.engine.options import RunOptions
from runner.errors import RunError
from runner.graph import snapshot, types
from stages.contract import NamedType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from runner.build.build import Progress
    from runner.cache.cache import Cache
    from runner.engine.inputs import Resolver
    from runner.engine.plan import Plan
    from runner.speech.delivery import Delivery
    from runner.speech.speaker import Part, Speaker

_VOICE = NamedType("voice")
_DEFAULT = RunOptions()
_NONE: Mapping[str, object] = {}


class Graph(types.Graph):
    """A checked graph."""

    @classmethod
    def load(
        cls,
        path: str | Path = "default",
        overlays: Sequence[str | Path] = (),
        sets: Sequence[str] = (),
        cache: Cache | None = None,
    ) -> Self:
        """Read, merge and check a graph; no stage is imported and no library loaded.

        Args:
            path: a graph file, or the name of a packaged one.
            overlays: files, or names of packaged ones such as `static`; later ones win.
            sets: options of the form `a.b=value`; they win over every file.
            cache: where the checked graph is kept, so that it is read the next time in a millisecond.

        Raises:
            SpecError: a file or option does not say what it should. The message lists every mistake, by file and line.
            GraphError: all is well-formed, but names, types, axes or order do not fit. Likewise.
        """
        folder = None if cache is None else cache.root / "graphs"
        checked = snapshot.load_graph(str(path), [str(overlay) for overlay in overlays], sets, folder)
        return cls(**{field.name: getattr(checked, field.name) for field in dataclasses.fields(checked)})

    def timed(self) -> Self:
        """The graph with one more output, `durations` int64[1, text]: the frames that each token lasts.

        Raises:
            RunError: no stage gives it, or more than one.
        """
        from runner.speech.speaker import with_durations  # noqa: PLC0415 - speech, which not every graph needs

        return with_durations(self)


class Pipeline(pipeline.Pipeline):
    """A graph with its stages at hand; `run` is the engine's."""

    def __init__(
        self,
        graph: types.Graph,
        build_root: Path | None = None,
        threads: int | None = None,
        config: Mapping[str, Any] | None = None,
        cache: Cache | None = None,
        workers: int = 1,
    ) -> None:
        """Find the stages; arguments and errors are the engine's."""
        super().__init__(graph, build_root, threads, config, cache, _make_resolvers(graph), workers)
        self._build_root = build_root

    def stale(self) -> dict[str, str]:
        """The stages that `build` would compile, each with the reason.

        Raises:
            WeightsError, BuildError: what they are made from cannot be read.
        """
        return dict(staleness.stale(self.graph, self._build_root))

    def build(self, progress: Progress | None = None) -> None:
        """Compile the stages that are missing or stale; where there are none, the compiler is not imported.

        Args:
            progress: called with (stage, "compiling", "waiting" (for another process) or "built", seconds).

        Raises:
            WeightsError: the checkpoint is not there, or not one of this model.
            BuildError: a stage could not be compiled, or the folder not be written.
        """
        names = list(self.stale())
        if names:
            compile_stages(self.graph, self._build_root, names, progress)

    def plan(self, inputs: Mapping[str, object] = _NONE, options: RunOptions = _DEFAULT) -> Plan:
        """Say what `run` would do with the same arguments; nothing is run, built or loaded.

        Raises:
            RunError: an input or a parameter is not what its port takes.
            WeightsError, BuildError: what the stages are made from cannot be read.
        """
        return self.plan_run(self.start(inputs, options), self.stale())

    def stream(
        self,
        lines: str | Iterable[str],
        options: RunOptions = _DEFAULT,
        *,
        voice: object = None,
        inputs: Mapping[str, object] = _NONE,
        timed: bool = False,
        delivery: Delivery | None = None,
    ) -> Iterator[Part]:
        """Speak one line or any number, each when it is asked for; one that is too long, in several parts.

        Args:
            lines: for the input that is a text, such as phonemes; read one at a time.
            options: of every run of the graph; `label` is the number of the line.
            voice: of the input called voice: a specification or a pack; None for the model's own voice.
            inputs: the other inputs, by name.
            timed: find out when each symbol is spoken; the graph is one that `Graph.timed` gave.
            delivery: how lines are cut and joined; None for the fewest parts, and joints to the ear.

        Raises:
            RunError: the graph takes no lines, or gives no audio or, if `timed` or joints are, no durations.
            WeightsError: the voice is not there, or not one of this model.
            LineError: from the iterator, a line cannot be spoken; it says which, and the iterator has ended.
        """
        from runner.speech.delivery import DEFAULT  # noqa: PLC0415 - as above
        from runner.speech.speaker import Speaker  # noqa: PLC0415 - as above

        texts = find_texts(self.graph, inputs)
        if len(texts) != 1:
            fact = f"lines feed the one text that is not given, here {', '.join(texts) or 'none'}"
            raise RunError(f"{self.graph.path}: {fact}")
        given = inputs if voice is None else {**inputs, "voice": voice}
        how = delivery or DEFAULT
        speaker = Speaker(self, self.resolve_inputs(given), texts[0], options, timed=timed, delivery=how)
        return self._parts(speaker, [lines] if isinstance(lines, str) else lines)

    def _parts(self, speaker: Speaker, lines: Iterable[str]) -> Iterator[Part]:
        from runner.batch.rows import Row  # noqa: PLC0415 - as above

        try:
            for number, line in enumerate(lines, 1):
                row = Row(line.encode("utf-8", "surrogatepass"), f"line {number}")
                speaker.check(row)
                yield from speaker.run(row)
        finally:
            speaker.sum_up()
            self.evict()


def _make_resolvers(graph: types.Graph) -> dict[str, Resolver]:
    """Make what finds the voice of a graph that takes one."""
    if _VOICE not in graph.inputs.values():
        return {}
    from runner.speech.model import make_resolvers  # noqa: PLC0415 - as above

    return make_resolvers(graph)


def compile_stages(
    graph: types.Graph, build_root: Path | None, names: Iterable[str], progress: Progress | None = None
) -> None:
    """Compile the named stages of a graph, those of them that are stale; errors are those of `Pipeline.build`."""
    from runner.build.build import build  # noqa: PLC0415 - what a run of stages that are built does not need

    build(graph, build_root, progress=progress, only=list(names))
