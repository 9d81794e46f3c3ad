"""Compiles a Relax module to a Relax executable, with one list of passes for each implementation (stages.dispatch).

    kernels      are scheduled already: the passes legalise the few shape operators, plan memory and lower calls; then
                 the few passes of TIR follow that kernels need
    operators    the same, but first Relax operators become loops, are fused and, for a GPU, scheduled by dlight

This module imports TVM's compiler; only `build` and `probe` import it.
"""

from __future__ import annotations

import tvm
import tvm_ffi
from tvm import relax, s_tir, tirx
from tvm.s_tir import Schedule, dlight
from tvm.s_tir.dlight.gpu.base import GPUScheduleRule
from tvm.target import Target

from stages.dispatch import uses_kernels

KERNELS = "kokoro_kernels"


def compile_module(module: tvm.IRModule, target: Target) -> relax.VMExecutable:
    """Compile a stage that was exported for `target`."""
    return relax.build(module, target, None, pipeline(target), lowering(target))


def lowering(target: Target) -> str:
    """Give the name of the TIR pipeline for a stage that was exported for `target`."""
    return KERNELS if uses_kernels(target) else "default"


def pipeline(target: Target) -> tvm.transform.Pass:
    """Make the Relax passes for a stage that was exported for `target`."""
    legalise = [
        relax.transform.LegalizeOps(),
        relax.transform.FoldConstant(),
    ]
    # RewriteDataflowReshape would save copies of a few thousand bytes, but needs an SBlock in every kernel, and kernels
    # have none.
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
        tvm.transform.module_pass(sort_shape_stores, opt_level=0),
        relax.transform.AttachGlobalSymbol(),
    ]
    return tvm.transform.Sequential([*legalise, *_schedule_passes(target), *lower_dataflow, *finalise])


def sort_shape_stores(module: tvm.IRModule, _context: tvm.transform.PassContext | None = None) -> tvm.IRModule:
    """Sort the stores of each shape function by the slot of the shape heap that they write.

    VMShapeLower emits them in the order of a hash table of pointers, which changes from process to process. So would
    the bytes of the library, which are part of the cache key.

    Raises:
        ValueError: a shape function has other statements, or stores that read each other's results.
    """
    sorted_module = module.clone()
    for name, function in module.functions.items():
        if name.name_hint.startswith(_SHAPE_FUNCTION) and isinstance(function, tirx.PrimFunc):
            sorted_module.update_func(name, function.with_body(_sort_stores(name.name_hint, function)))
    return sorted_module


_SHAPE_FUNCTION = "shape_func"  # VMShapeLower's name for the functions that it adds


def _sort_stores(name: str, function: tirx.PrimFunc) -> tirx.Stmt:
    body = function.body
    stores = list(body.seq) if isinstance(body, tirx.SeqStmt) else [body]
    if not all(isinstance(store, tirx.BufferStore) for store in stores):
        raise ValueError(f"{name}: expected stores of sizes, got {body}")
    written = {int(store.indices[0]): store for store in stores}
    read: set[int] = set()

    def add_read(load: tvm.ir.TensorLoad) -> None:
        read.add(int(load.indices[0]))

    for store in stores:
        tvm_ffi.structural_walk(store.value, (tvm.ir.TensorLoad, add_read))
    if len(written) < len(stores) or read & written.keys():
        raise ValueError(f"{name}: the order of its stores matters: {body}")
    return tirx.SeqStmt([written[slot] for slot in sorted(written)]) if len(stores) > 1 else body


def _lower_kernels() -> tvm.transform.Pass:
    """Make the passes of TVM's pipeline `s_tir` that change kernels written by hand.

    The passes left out handle features that no kernel has (buffers to compact, virtual threads, permuted layouts, code
    for other processors), or hoist and simplify as LLVM does. They took half of a build; the numbers are the same.
    """
    return tvm.transform.Sequential(
        [
            s_tir.transform.LowerInitBlock(),
            s_tir.transform.PlanAndUpdateBufferAllocationLocation(),
            s_tir.transform.ConvertBlocksToOpaque(),
            s_tir.transform.LowerMatchBuffer(),
            s_tir.transform.StmtSimplify(),
            s_tir.transform.LowerOpaqueBlock(),
            tirx.transform.FlattenBuffer(),
            tirx.transform.BF16ComputeLegalize(),
            tirx.transform.NarrowDataType(32),
            tirx.transform.VectorizeLoop(),
            tirx.transform.StorageRewrite(),
            tirx.transform.UnrollLoop(),
            tirx.transform.StmtSimplify(),
            tirx.transform.RemoveNoOp(),
            s_tir.transform.RewriteUnsafeSelect(),
            tirx.transform.CommonSubexprElim(),
            tirx.transform.VerifyMemory(),
            tirx.transform.AnnotateEntryFunc(),
            tirx.transform.SplitHostDevice(),
            tirx.transform.MakePackedAPI(),
            # Its checks of a kernel's arguments repeat those of the entry, and took a third of LLVM's time.
            tirx.transform.SkipAssert(),
            tirx.transform.FP8StorageLegalize(),
            tirx.transform.BF16StorageLegalize(),
        ]
    )


def _make_pipeline() -> tuple[tvm.transform.Pass, ...]:
    """Make the pipeline of kernels, with TVM's own passes that finish host and device code."""
    _, finish_host, finish_device = tirx.get_tir_pipeline("s_tir")
    return _lower_kernels(), finish_host, finish_device


tirx.register_tir_pipeline(KERNELS, _make_pipeline)


def _schedule_passes(target: Target) -> list[tvm.transform.Pass]:
    """Make the passes that fuse loops and, for a GPU, schedule them; none for kernels, which are scheduled by hand."""
    if uses_kernels(target):
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
    """dlight's rule for matrix products, but for Metal that of OpenCL.

    With TVM 0.27, dlight's rule for Metal crashes on float32, in its search for simdgroup intrinsics.
    """

    def apply(self, func: tvm.tirx.PrimFunc, target: Target, tunable: bool) -> Schedule | None:
        """Schedule a function; None if it is no product."""
        plain = Target("opencl") if target.kind.name == "metal" else target
        return dlight.gpu.Matmul().apply(func, plain, tunable)
