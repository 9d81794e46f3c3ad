"""From a stage's Relax module to a Relax executable: one list of passes, in phases.

The kernels arrive written and scheduled (stages.kernels), so nothing is fused, tuned or scheduled here: what is left
is to legalise the few shape operators, to plan memory and to lower calls to the virtual machine.

This module imports TVM's compiler; `build` alone imports it.
"""

from __future__ import annotations

import tvm
from tvm import relax


def pipeline() -> tvm.transform.Pass:
    """The passes for a target whose kernels are written by hand: a CPU."""
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
    return tvm.transform.Sequential([*legalise, *lower_dataflow, *finalise])
