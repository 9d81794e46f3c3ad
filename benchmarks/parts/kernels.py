"""Inside the decoder and bert: milliseconds of each kind of kernel call, and its share of the processor's peak."""

from __future__ import annotations

import functools
from typing import Any

from benchmarks.cases import Case, cases, pick
from benchmarks.kernels import Instrumented, layers_of, totals
from benchmarks.ours import Ours
from benchmarks.peak import peak_gflops
from benchmarks.session import Session
from benchmarks.timing import interleave
from runner.engine.compiled_stage import CompiledStage

SIZES = {"bert": 128, "decoder": 200}
PREFIXES = {"bert": "", "decoder": "decoder."}  # of the stage's layers among the checkpoint's names


def measure(session: Session) -> dict[str, Any]:
    """The peak, and for each stage and variant its rows."""
    peak = peak_gflops(session.threads)
    chosen = pick(cases(session.reference, session.pack, quick=session.quick), SIZES)
    stages = [_stage(session, ours, chosen[stage], peak) for stage in SIZES for ours in session.ours if ours.has(stage)]
    return {"peak_gflops": peak, "stages": stages}


def _stage(session: Session, ours: Ours, case: Case, peak: float) -> dict[str, Any]:
    compiled = ours.pipeline.executors[case.stage]
    assert isinstance(compiled, CompiledStage)
    ours.run(case.stage, case.inputs)  # which sets the number of threads
    spec = ours.pipeline.graph.stages[case.stage]
    inputs = [case.inputs[port] for port in spec.inputs]
    layers = layers_of(session.reference.model, PREFIXES[case.stage])
    calls = Instrumented(compiled.library, layers).run(inputs, session.rounds)
    whole = interleave({"": functools.partial(ours.run, case.stage, case.inputs)}, session.rounds)[""]
    return {
        "contender": ours.variant.name,
        "case": case.label,
        "ms": 1e3 * whole.median,
        "rows": totals(calls, peak),
    }
