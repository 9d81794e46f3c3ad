"""A plan in words: what `kokoro-run plan` prints, and what `run --explain` says first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.engine.plan import DEPENDS, Plan, StagePlan
from runner.engine.plan import plan as make
from runner.engine.run_state import UNNEEDED
from runner.inspect.cache_text import spell_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.batch.rows import Row
    from runner.engine.pipeline import Pipeline
    from runner.speech.line_runner import LineRunner


def explain(pipeline: Pipeline, runner: LineRunner[Any], rows: Iterable[Row], stale: dict[str, str]) -> str:
    """What would become of each utterance; those that fare alike are told of once."""
    groups: dict[tuple[Any, ...], tuple[Plan, list[str]]] = {}
    for row in rows:
        for request in runner.requests(row):
            made = make(pipeline, request, stale)
            fate = tuple((stage.name, stage.status, stage.reason) for stage in made.stages.values())
            groups.setdefault(fate, (made, []))[1].append(row.origin)
    return "\n".join(line for made, origins in groups.values() for line in (_heading(origins), *table(made)))


def _heading(origins: list[str]) -> str:
    alike = len(origins) - 1
    return f"{origins[0]}:" if not alike else f"{origins[0]}, and {alike} more like it:"


def table(made: Plan) -> list[str]:
    """A plan as lines of text."""
    width = max(map(len, made.stages), default=0)
    rows = [f"  {stage.name:{width}}  {_fate(stage)}" for stage in made.stages.values()]
    copies = [
        f"  copy {copy.port} {copy.source} -> {copy.target}, {_size(copy.bytes)}"
        for stage in made.stages.values()
        for copy in stage.copies
    ]
    return [*rows, *(copies or ["  no copies between devices"]), f"  {_dims(made)}", f"  {_memory(made)}"]


def _fate(stage: StagePlan) -> str:
    if stage.status == DEPENDS:
        return f"depends on what {stage.reason} will give"
    reason = f": {stage.reason}" if stage.reason and stage.status != UNNEEDED else ""
    known = f", {_size(stage.bytes)}" if stage.bytes is not None and stage.status != UNNEEDED else ""
    note = f" ({stage.reason})" if stage.status == UNNEEDED else ""
    return f"{stage.status}{reason}{known}{note}"


def _dims(made: Plan) -> str:
    known = made.dims
    return ", ".join(
        f"{name} = {known[name]}" if name in known else f"{name} <= {bound}" for name, bound in made.bounds.items()
    )


def _memory(made: Plan) -> str:
    arrays = f"arrays up to {spell_bytes(made.arrays)}, weights {spell_bytes(made.weights)}"
    return f"memory of what runs: {arrays}; what kernels need inside is not counted"


def _size(size: int | None) -> str:
    return "size not known yet" if size is None else spell_bytes(size)
