"""Describes plans in text, for `kokoro-run plan` and `run --explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.engine.run_state import Status
from runner.inspect.units import spell_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.engine.pipeline import Pipeline
    from runner.engine.plan import Plan, StagePlan
    from runner.engine.run_state import RunState


def explain(pipeline: Pipeline, runs: Iterable[tuple[str, RunState]], stale: dict[str, str]) -> str:
    """Describe the plans of `runs`; runs whose stages have the same statuses and reasons are described once.

    Args:
        runs: each with the place where its input was written.
        stale: stage -> why it has to be built.
    """
    groups: dict[tuple[Any, ...], tuple[Plan, list[str]]] = {}
    for origin, run in runs:
        made = pipeline.plan_run(run, stale)
        key = tuple((stage.name, stage.status, stage.reason) for stage in made.stages.values())
        groups.setdefault(key, (made, []))[1].append(origin)
    return "\n".join(line for made, origins in groups.values() for line in (_heading(origins), *describe(made)))


def _heading(origins: list[str]) -> str:
    alike = len(origins) - 1
    return f"{origins[0]}:" if not alike else f"{origins[0]}, and {alike} more like it:"


def describe(made: Plan) -> list[str]:
    """Give a plan as lines of text."""
    width = max(map(len, made.stages), default=0)
    rows = [f"  {stage.name:{width}}  {_outcome(stage)}{_absence(stage)}" for stage in made.stages.values()]
    copies = [
        f"  copy {copy.port} {copy.source} -> {copy.target}, {_size(copy.bytes)}"
        for stage in made.stages.values()
        for copy in stage.copies
    ]
    return [*rows, *(copies or ["  no copies between devices"]), f"  {_dims(made)}", f"  {_memory(made)}"]


def _outcome(stage: StagePlan) -> str:
    why = str(stage.reason)
    if stage.status is Status.DEPENDS:
        return f"depends on what {why} will give"
    if stage.status is Status.UNNEEDED:
        return f"{stage.status} ({why})"
    reason = f": {why}" if why else ""
    size = "" if stage.bytes is None else f", {_size(stage.bytes)}"
    return f"{stage.status}{reason}{size}"


def _absence(stage: StagePlan) -> str:
    return f"; {stage.absence}" if stage.absence else ""


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
