"""From a stage's Relax module to a Relax executable: one list of passes for each form of the stages (stages.form).

    kernels      arrive written and scheduled: legalise the few shape operators, plan memory, lower calls
    operators    the same, but first Relax operators become loops, are fused, and for a GPU scheduled by dlight

This module imports TVM's compiler; `build` alone imports it.
"""

from __future__ import annotations

import tvm
from tvm import relax
from tvm.s_tir import Schedule, dlight
from tvm.s_tir.dlight.gpu.base import GPUScheduleRule
from tvm.target import Target

from stages.form import by_hand


def pipeline(target: Target) -> tvm.transform.Pass:
    """The passes for a stage exported for `target`."""
    legalise = [
        relax.transform.LegalizeOps(),
        relax.transform.FoldConstant(),
    ]
    # RewriteDataflowReshape would spare copies of a few thousand bytes, but looks for an SBlock in every kernel and
    # finds none
    lower_dataflow = [
        relax.transform.ToNonDataflow(),
        relax.transform.RemovePurityChecking(),
        relax.transform.CallTIRRewrite(),
    ]
    finalise = [
        relax.transform.StaticPlanBlockMemory(),
        relax.transform.LowerAllocTensor(),
        relax.transform.KillAfterLastUse(),
        relax.transform.LowerRuntimeBuiltin(),
        relax.transform.ComputePrimValue(),
        relax.transform.VMShapeLower(),
        relax.transform.AttachGlobalSymbol(),
    ]
    return tvm.transform.Sequential([*legalise, *_schedule(target), *lower_dataflow, *finalise])


def _schedule(target: Target) -> list[tvm.transform.Pass]:
    """Fusion, and for a GPU a schedule, of what has none; nothing where all kernels are written by hand."""
    if by_hand(target):
        return []
    fuse = [
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FuseOps(),
        relax.transform.FuseTIR(),
    ]
    if "gpu" not in target.keys:
        return fuse
    gpu = dlight.gpu
    rules = [Products(), gpu.GEMV(), gpu.Reduction(), gpu.GeneralReduction(), gpu.Fallback()]
    return [*fuse, dlight.ApplyDefaultSchedule(*rules)]


class Products(GPUScheduleRule):
    """dlight's rule for matrix products, which for Metal crashes on float32 (TVM 0.27: a segmentation fault in its
    search for simdgroup intrinsics): there it schedules as for OpenCL."""

    def apply(self, func: tvm.tirx.PrimFunc, target: Target, tunable: bool) -> Schedule | None:
        """The schedule, None where the function is no product."""
        plain = Target("opencl") if target.kind.name == "metal" else target
        return dlight.gpu.Matmul().apply(func, plain, tunable)
