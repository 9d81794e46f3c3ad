"""Inside the decoder and bert: milliseconds of each kind of kernel call, and its share of the processor's peak."""

from __future__ import annotations

from typing import Any

from benchmarks.cases import Case, cases, pick
from benchmarks.ours import Ours
from benchmarks.session import Session
from runner.build.peak import Peak, measure_peak
from runner.inspect.profile import profile_stage

SIZES = {"bert": 128, "decoder": 200}


def measure(session: Session) -> dict[str, Any]:
    """The peak, and for each stage and variant its rows, as `kokoro-run profile` measures them."""
    peak = measure_peak(session.threads)
    chosen = pick(cases(session.reference, session.pack, quick=session.quick), SIZES)
    stages = [_stage(session, ours, chosen[stage], peak) for stage in SIZES for ours in session.ours if ours.has(stage)]
    return {"peak_gflops": peak.gflops, "peak_gbytes_s": peak.gbytes_s, "stages": stages}


def _stage(session: Session, ours: Ours, case: Case, peak: Peak) -> dict[str, Any]:
    profile = profile_stage(ours.pipeline, case.stage, case.inputs, session.rounds, session.threads, peak)
    rows = profile.table()["kernels"]
    return {"contender": ours.variant.name, "case": case.label, "ms": profile.ms, "rows": rows}
