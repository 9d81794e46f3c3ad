"""Describes plans in text, for `kokoro-run plan` and `run --explain`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.engine.run_state import Status
from runner.inspect.plan_table import works
from runner.inspect.units import spell_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from runner.engine.decisions import Outline
    from runner.engine.pipeline import Pipeline
    from runner.engine.plan import Plan, StagePlan
    from runner.engine.run_state import RunState

_PLANNED = 10  # runs that are planned in full


@dataclass
class PlanGroup:
    """Runs that have the same plan but for sizes.

    Attributes:
        origin, run, plan: of the first of them.
    """

    origin: str
    run: RunState
    plan: Plan
    count: int = 0

    def heading(self) -> str:
        return f"{self.origin}:" if self.count == 1 else f"{self.origin}, and {self.count - 1} more like it:"


def group_plans(
    pipeline: Pipeline,
    runs: Iterable[tuple[str, RunState]],
    stale: dict[str, str],
    show: Callable[[int], object] = lambda _count: None,
) -> list[PlanGroup]:
    """Plan `runs`; those whose stages have the same statuses and reasons are one group.

    From the eleventh run on, only the outline of each is made: one like a run before is counted as the same.

    Args:
        runs: of one template, each with the place where its input was written.
        stale: stage -> why it has to be built.
        show: is called after each run with the number of runs so far.
    """
    groups: dict[tuple[Any, ...], PlanGroup] = {}
    outlined: dict[Outline, PlanGroup] = {}
    for number, (origin, run) in enumerate(runs, 1):
        outline = pipeline.context.decider.outline(run, stale)
        if number <= _PLANNED or outline not in outlined:
            plan = pipeline.plan_run(run, stale)
            alike = tuple((stage.name, stage.status, stage.reason) for stage in plan.stages.values())
            outlined[outline] = groups.setdefault(alike, PlanGroup(origin, run, plan))
        outlined[outline].count += 1
        show(number)
    return list(groups.values())


def explain(groups: Sequence[PlanGroup]) -> str:
    """Describe each group by the plan of its first run."""
    lines = [line for group in groups for line in (group.heading(), *describe(group.plan))]
    total, idle = sum(group.count for group in groups), [group for group in groups if not works(group.plan)]
    if total > 1:
        lines.append(f"{total} runs of the graph: {sum(group.count for group in idle)} take everything from the cache")
    return "\n".join(lines)


def describe(made: Plan) -> list[str]:
    """Give a plan as lines of text."""
    width = max(map(len, made.stages), default=0)
    rows = [f"  {stage.name:{width}}  {_outcome(stage)}{_absence(stage)}" for stage in made.stages.values()]
    copies = [
        f"  copy {copy.port} {copy.source} -> {copy.target}, {_size(copy.bytes)}"
        for stage in made.stages.values()
        for copy in stage.copies
    ]
    sizes = filter(None, (_dims(made), _memory(made)))
    return [*rows, *(copies or ["  no copies between devices"]), *(f"  {line}" for line in sizes)]


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
