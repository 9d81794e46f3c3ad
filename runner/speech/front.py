"""Runs the stages in front of the cut, which make phonemes of text, once for each segment of a row.

inputs, options --> stages up to the cut --> phonemes, and the words that they are of if the stage tells them
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from runner.graph.selection import Scope
from runner.speech.row_words import WordRow, find_sources, find_words, read_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.engine.options import RunOptions
    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Ref, StageSpec


class Said(NamedTuple):
    """What a segment says.

    Attributes:
        phonemes: of all of it.
        words: in their order; none if they are not told.
    """

    phonemes: str
    words: list[WordRow]


class Front:
    """The stages in front of the cut.

    Attributes:
        stages: in the graph's order, one at least.
        builds: whether one of them needs a library.
        keeps: whether the cache keeps all that they give, and none of them is to run anew.
    """

    def __init__(self, pipeline: Pipeline, cut: Ref, stages: Sequence[StageSpec], options: RunOptions) -> None:
        """Run nothing yet.

        Args:
            cut: the port of the phonemes.
            stages: those that it depends on.
            options: of the runs of the whole graph.
        """
        self._pipeline, self._cut, self.stages = pipeline, cut, stages
        self._words = find_words(pipeline.graph, cut)
        self._sources = None if self._words is None else find_sources(pipeline.graph, self._words)
        self._forced = options.scope.find_forced(pipeline.graph).intersection(spec.name for spec in stages)
        self.builds = any(spec.is_library for spec in stages)
        self.keeps = pipeline.stage_cache is not None and all(spec.cache for spec in stages) and not self._forced

    def run(self, inputs: Mapping[str, Any], options: RunOptions) -> Said:
        """Run the stages; those anew that were asked to.

        Raises:
            RunError: a stage refused what it got.
        """
        run = self._pipeline.prepare(
            inputs, self._until(options, Scope(self._cut.stage, refresh=self._forced)), warn=False
        )
        result = self._pipeline.finish(run, announce=False)
        phonemes = str(result[str(self._cut)])
        if self._words is None:
            return Said(phonemes, [])
        sources = "" if self._sources is None else str(result[str(self._sources)])
        return Said(phonemes, read_words(result[str(self._words)], sources))

    def check(self, inputs: Mapping[str, Any], options: RunOptions) -> Said | None:
        """Run the stages, without the words; None if one of them needs a library, which may not be built yet.

        What they give is kept in the cache: without one, they run again for the row.

        Raises:
            RunError: a stage refused what it got.
        """
        if self.builds:
            return None
        run = self._pipeline.prepare(inputs, self._until(options, Scope(self._cut.stage)))
        found = self._pipeline.peek(run, self._cut)
        return None if found is None else Said(str(found), [])

    def _until(self, options: RunOptions, scope: Scope) -> RunOptions:
        """Give the options of a run of the stages in front."""
        wanted = frozenset(ref for ref in (self._cut, self._words, self._sources) if ref is not None)
        return dataclasses.replace(options, scope=scope, keep=False, retain=wanted)
