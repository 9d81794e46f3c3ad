"""Profiles compiled stages: every kernel and shape with its calls, time, speed, and share of what the machine can do.

    inputs of a stage --KernelTimer--> calls --count_work--> operations, bytes --> one total a kernel and shape

A share of the memory's speed above 1 says that the tensors came from caches.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from runner.engine.compiled_stage import CompiledStage
from runner.errors import RunError
from runner.runtime import manifest as manifests
from runner.runtime.kernel_times import KernelTimer
from runner.runtime.manifest import Manifest
from runner.runtime.process import prepare_for_compiler
from runner.runtime.threads import use_threads
from runner.runtime.tvm_runtime import HOST, release_memory

if TYPE_CHECKING:
    from runner.build.peak import Peak
    from runner.engine.pipeline import Pipeline
    from runner.runtime.kernel_times import KernelCall
    from runner.runtime.values import Array, Remote


@dataclass(frozen=True)
class KernelTotal:
    """All calls of one kernel on one shape.

    Attributes:
        ms: of all calls together, each the median of its rounds.
        gflops, of_peak: speed of the products in 10^9 operations a second, and its share of the FMA peak; None where
            there are no products, or none that are known.
        gbytes_s, of_memory: bytes of the tensors in 10^9 a second, and its share of the memory's speed.
    """

    kernel: str
    shape: str
    calls: int
    ms: float
    gflops: float | None = None
    of_peak: float | None = None
    gbytes_s: float | None = None
    of_memory: float | None = None


@dataclass(frozen=True)
class StageProfile:
    """A compiled stage, called alone on the inputs of one run.

    Attributes:
        ms: of a call that is not watched, the median of the rounds.
        kernels: the slowest first.
    """

    stage: str
    device: str
    ms: float
    kernels: tuple[KernelTotal, ...]

    @property
    def kernels_ms(self) -> float:
        """The time of all kernels together."""
        return sum(total.ms for total in self.kernels)

    def table(self) -> dict[str, Any]:
        """Make a table for JSON; docs/profile.md has the schema."""
        return {**asdict(self), "kernels": [asdict(total) for total in self.kernels], "kernels_ms": self.kernels_ms}


@dataclass(frozen=True)
class CountedCall:
    """A call of a kernel with its work; operations and bytes are None where they are not known."""

    key: tuple[str, str]
    operations: float | None
    bytes: int | None
    seconds: float


def profile_stage(
    pipeline: Pipeline, stage: str, inputs: Mapping[str, Array | Remote], rounds: int, threads: int, peak: Peak | None
) -> StageProfile:
    """Time the kernels of a stage.

    Args:
        inputs: of the stage, by port.
        peak: of the CPU on so many threads; shares are not given without it, nor for other devices.

    Raises:
        RunError: the stage is no library, its library cannot be loaded, or it refuses the inputs.
        BuildError: the code of the stage cannot be read.
    """
    compiled, spec = pipeline.executors[stage], pipeline.graph.stages[stage]
    if not isinstance(compiled, CompiledStage):
        raise RunError(f"stage '{stage}' has no kernels to profile: it is Python; name a compiled stage")
    library, path = compiled.load(), manifests.manifest_path(compiled.library)
    names = [tensor.name for tensor in Manifest.read(path).tensors] if library.weights else []
    use_threads(threads)
    timer = KernelTimer(library, names, compiled.device)
    calls, whole = timer.time([inputs[port] for port in spec.inputs], rounds)
    release_memory()
    counted = count_calls(calls, _find_layers(pipeline, stage), counts=not pipeline.graph.padded)
    shares = peak if compiled.device == HOST else None
    return StageProfile(stage, spec.device, 1e3 * statistics.median(whole), sum_calls(counted, shares))


def _find_layers(pipeline: Pipeline, stage: str) -> Any:
    prepare_for_compiler()
    from runner.build.layers import make_layers  # noqa: PLC0415 - imports TVM's compiler

    return make_layers(pipeline.graph, pipeline.graph.stages[stage])


def count_calls(calls: Sequence[KernelCall], layers: Any, *, counts: bool = True) -> list[CountedCall]:
    """Count the work of calls.

    Args:
        layers: the stage's `nn.Module`; None if it is not known.
        counts: whether operations and bytes are counted; not where arrays are padded, since kernels skip the padding.
    """
    from stages.layers.work import count_bytes, count_work, find_layer  # noqa: PLC0415 - as above

    counted = []
    for call in calls:
        weights = [] if layers is None else [argument.weight for argument in call.arguments if argument.weight]
        layer = next(filter(None, (find_layer(layers, name) for name in weights)), None)
        work = count_work(call.kernel, [argument.shape for argument in call.arguments], layer)
        once = list({argument.address: argument for argument in call.arguments}.values())
        size = count_bytes(call.kernel, [each.shape for each in once], [each.bytes for each in once])
        key = (call.kernel, work.shape)
        seconds = statistics.median(call.seconds)
        counted.append(CountedCall(key, work.operations if counts else None, size if counts else None, seconds))
    return counted


def sum_calls(calls: Sequence[CountedCall], peak: Peak | None) -> tuple[KernelTotal, ...]:
    """Sum the calls of each kernel and shape."""
    groups: dict[tuple[str, str], list[CountedCall]] = {}
    for call in calls:
        groups.setdefault(call.key, []).append(call)
    totals = (_sum_group(*key, group, peak) for key, group in groups.items())
    return tuple(sorted(totals, key=lambda total: -total.ms))


def _sum_group(kernel: str, shape: str, group: Sequence[CountedCall], peak: Peak | None) -> KernelTotal:
    seconds = sum(call.seconds for call in group)
    gflops = _speed([call.operations for call in group], seconds)
    gbytes_s = _speed([call.bytes for call in group], seconds)
    of_peak = None if peak is None or gflops is None else gflops / peak.gflops
    of_memory = None if peak is None or gbytes_s is None else gbytes_s / peak.gbytes_s
    return KernelTotal(kernel, shape, len(group), 1e3 * seconds, gflops, of_peak, gbytes_s, of_memory)


def _speed(amounts: Sequence[float | None], seconds: float) -> float | None:
    """Give an amount a second, in 10^9; None where one is not known."""
    known = [amount for amount in amounts if amount is not None]
    return 1e-9 * sum(known) / seconds if known and len(known) == len(amounts) and seconds else None
