"""Makes tables of plans, for `kokoro-run plan --json`; docs/json.md has the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.engine.run_state import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.engine.plan import Plan, StagePlan
    from runner.inspect.plan_text import PlanGroup


def make_table(groups: Sequence[PlanGroup]) -> dict[str, Any]:
    """Make a table of all groups of runs, and of how many runs take everything from the cache."""
    idle = sum(group.count for group in groups if not works(group.plan))
    rows = [{"input": group.origin, "runs": group.count, **_describe_plan(group.plan)} for group in groups]
    return {"runs": sum(group.count for group in groups), "cached_runs": idle, "groups": rows}


def works(plan: Plan) -> bool:
    """Whether a stage runs, or may have to."""
    return any(stage.status in (Status.RUN, Status.DEPENDS) for stage in plan.stages.values())


def _describe_plan(plan: Plan) -> dict[str, Any]:
    return {
        "stages": [_describe_stage(stage) for stage in plan.stages.values()],
        "dims": plan.dims,
        "bounds": {name: bound for name, bound in plan.bounds.items() if name not in plan.dims},
        "weights_bytes": plan.weights,
        "arrays_bytes": plan.arrays,
    }


def _describe_stage(stage: StagePlan) -> dict[str, Any]:
    reason = stage.reason
    return {
        "stage": stage.name,
        "status": str(stage.status),
        "cause": reason.cause.name.lower(),
        "reason": str(reason),
        "waits_for": list(reason.stages),
        "device": stage.device,
        "absent": stage.absence or None,
        "bytes": stage.bytes,
        "copies": [copy._asdict() for copy in stage.copies],
    }
