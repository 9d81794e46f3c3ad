"""Observers are told what happens in the runs of a pipeline.

Traces, records, progress and the writing of tensors are observers: each is a subclass of `Observer` that overrides the
events it wants.

    pipeline = Pipeline(graph, cache=Cache())
    pipeline.observers.append(MyObserver())

An event is told in the thread in which it happens. Most happen in the thread that called the pipeline or, if there are
several workers, in the worker's; a stage that runs concurrently with another, and libraries that load in the
background, have threads of their own. With several workers, events of different runs are told at the same time: `run`
says whose each is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.engine.pipeline import Result
    from runner.engine.run_state import RunState
    from runner.graph.types import Ref, StageSpec


class Observer:
    """Does nothing at any event. Seconds are wall time; what is told has just ended."""

    def input_checked(self, run: RunState, seconds: float) -> None:
        """The stages that need no library have run."""

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:
        """A stage is about to run; `concurrent` if another one runs at the same time and came first."""

    def stage_finished(
        self, run: RunState, spec: StageSpec, outputs: Mapping[str, Any] | None, seconds: float, *, concurrent: bool
    ) -> None:
        """A stage has run; `outputs` is None if it failed."""

    def stage_hit(self, run: RunState, spec: StageSpec, key: str) -> None:
        """The cache has the stage's results, under `key`."""

    def cache_read(self, run: RunState, ref: Ref, seconds: float) -> None:
        """The array of a port was read from the cache, or found to be gone."""

    def cache_written(self, run: RunState, spec: StageSpec, size: int, seconds: float) -> None:
        """The stage's outputs, `size` bytes, were written to the cache."""

    def libraries_loaded(self, stages: Sequence[str], seconds: float, *, background: bool) -> None:
        """The libraries of some stages were loaded, by the caller's thread or in the background."""

    def run_finished(self, run: RunState, result: Result | None, seconds: float) -> None:
        """The run has ended; `result` is None if it failed."""
