"""Tells a request what the stages do for it.

The engine's observers are told in the thread in which a stage runs, in the context of the unit of work that needs it.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from runner.engine.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runner.engine.run_state import RunState
    from runner.graph.types import StageSpec

_TELL: ContextVar[Callable[[str, str, float], None] | None] = ContextVar("tell", default=None)


@contextlib.contextmanager
def watching(tell: Callable[[str, str, float], None] | None) -> Iterator[None]:
    """Tell what stages do in this context: name, `running`, `run` or `hit`, and the seconds that it ran."""
    token = _TELL.set(tell)
    try:
        yield
    finally:
        _TELL.reset(token)


class Watcher(Observer):
    """Passes on what is told of a run to the request that it is for."""

    def stage_started(self, run: RunState, spec: StageSpec, *, concurrent: bool) -> None:  # noqa: ARG002 - the base's
        _tell(spec, "running")

    def stage_finished(
        self,
        run: RunState,  # noqa: ARG002 - the base's, as the next ones
        spec: StageSpec,
        outputs: Mapping[str, Any] | None,  # noqa: ARG002
        seconds: float,
        *,
        concurrent: bool,  # noqa: ARG002
    ) -> None:
        _tell(spec, "run", seconds)

    def stage_hit(self, run: RunState, spec: StageSpec, key: str) -> None:  # noqa: ARG002
        _tell(spec, "hit")


def _tell(spec: StageSpec, status: str, seconds: float = 0.0) -> None:
    tell = _TELL.get()
    if tell is not None:
        tell(spec.name, status, seconds)
