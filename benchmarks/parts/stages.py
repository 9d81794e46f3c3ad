"""Each compiled stage at several sizes, beside the rivals' same stage."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.cases import Case, cases
from benchmarks.names import FEWER_BITS, STAGE_BY_STAGE
from benchmarks.rivals import disagreement
from benchmarks.session import REFUSALS, Session

# A rival that computes something else would be no rival; the decoder is compared by loudness, which its noise moves.
TOLERANCES = {"decoder": 0.1}
TOLERANCE = 1e-3


def measure(session: Session) -> list[dict[str, Any]]:
    """A row a stage and size."""
    return [_row(session, case) for case in cases(session.reference, session.pack, quick=session.quick)]


def _row(session: Session, case: Case) -> dict[str, Any]:
    calls: dict[str, Callable[[], object]] = {
        ours.variant.name: functools.partial(ours.run, case.stage, case.inputs)
        for ours in session.ours
        if ours.has(case.stage)
    }
    calls |= dict(_rivals(session, case))
    return {
        "stage": case.stage,
        "size": case.size,
        "axis": case.axis,
        **session.compare(case.label, calls),
    }


def _rivals(session: Session, case: Case) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each rival that can run the case, once it has been seen to compute what PyTorch computes."""
    truth: list[Any] = []
    for rival in session.rivals(STAGE_BY_STAGE):
        what = f"{rival.name}, {case.label}"
        try:
            prepared = rival.prepare(case.stage, case.inputs)
            outputs = rival.run(case.stage, prepared)
        except REFUSALS as error:
            session.fail(what, error)
            continue
        truth = truth or outputs
        apart = disagreement(case.stage, truth, outputs)
        if rival.name not in FEWER_BITS and apart > TOLERANCES.get(case.stage, TOLERANCE):
            session.fail(what, f"not timed: its output is off by {apart:.2g}")
            continue
        yield rival.name, functools.partial(rival.run, case.stage, prepared)
