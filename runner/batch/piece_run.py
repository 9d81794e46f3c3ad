"""Runs the graph for one piece of a row, at one go or in two steps.

piece --prepare--> RunState --+--------------------> finish --> part
                              `--advance--> value ----^
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from runner.batch.bulk import PartT

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from runner.batch.row_runner import Piece
    from runner.engine.options import RunOptions
    from runner.engine.pipeline import Pipeline, Result
    from runner.engine.run_state import RunState
    from runner.graph.types import Ref


class PieceRun(Generic[PartT]):
    """The run of the graph for one piece; it begins when something is first asked of it."""

    def __init__(
        self,
        pipeline: Pipeline,
        piece: Piece,
        options: RunOptions,
        placing: Callable[[], AbstractContextManager[None]],
        make_part: Callable[[RunState, Result], PartT],
    ) -> None:
        """Begin nothing yet.

        Args:
            options: of the run.
            placing: names the row in errors, and the place in it.
            make_part: makes the part of the output from what the graph gave.
        """
        self._pipeline, self._piece, self._options = pipeline, piece, options
        self._placing, self._make_part = placing, make_part
        self._state: RunState | None = None

    def advance(self, ref: Ref) -> Any:
        """Run what the value at `ref` needs, and no more.

        Raises:
            LineError: a stage refused what it got.
        """
        with self._placing():
            state, self._state = self._begin(), None  # a run that fails has ended
            value = self._pipeline.advance(state, ref)
            self._state = state
            return value

    def finish(self, *, last: bool = False) -> PartT:
        """Run the rest, and make the part of the output.

        Args:
            last: no other run follows.

        Raises:
            LineError: a stage refused what it got, or the graph gave something that is no such output.
        """
        with self._placing():
            state, self._state = self._begin(), None  # which holds arrays
            return self._make_part(state, self._pipeline.finish(state, last=last))

    def _begin(self) -> RunState:
        if self._state is not None:
            return self._state
        return self._pipeline.prepare(self._piece.inputs, self._options, warn=False)
