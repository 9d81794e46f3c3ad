"""Times every call of a kernel inside one compiled stage.

    entry --(watched)--> kernel, its arguments, seconds      in a virtual machine that tells of each call
    entry --(as usual)-> seconds                             the same call in a run, in between

What watching costs, some microseconds a call, lies within the times of the kernels, and not within those of the entry.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.runtime.library import wait_for
from runner.runtime.tvm_runtime import HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.runtime.library import Library
    from runner.runtime.tvm_runtime import Device
    from runner.runtime.values import Array, Remote

_PROCEED = 0  # VMInstrumentReturnKind::kNoOp: run the call
_NUMBER = re.compile(r"_?\d+$")  # TVM tells kernels of one name apart by it
_BUILTIN = "vm."  # what the virtual machine does itself: it allocates, and makes views


@dataclass(frozen=True)
class Argument:
    """A tensor that a kernel is given.

    Attributes:
        bytes: of its elements.
        weight: its name, if it is a tensor of the weights.
        address: where it begins; two arguments of one address are one tensor.
    """

    shape: tuple[int, ...]
    bytes: int
    weight: str | None
    address: int


@dataclass(frozen=True)
class KernelCall:
    """One call of a kernel.

    Attributes:
        arguments: its tensors, in order; results are among them.
        seconds: that it took in each round.
    """

    kernel: str
    arguments: tuple[Argument, ...]
    seconds: tuple[float, ...]


class KernelTimer:
    """A library whose kernel calls are timed."""

    def __init__(self, library: Library, weights: Sequence[str], device: Device = HOST) -> None:
        """Prepare a virtual machine that is watched.

        Args:
            weights: names of the library's tensors of weights, in their order.
        """
        self._library, self._device = library, device
        self._names = {_address(tensor): name for tensor, name in zip(library.weights, weights, strict=True)}
        self._call = library.watch(self._watch)
        self._seen: list[tuple[str, tuple[Argument, ...]]] = []
        self._times: list[float] = []
        self._describes, self._began = True, 0.0

    def time(self, inputs: Sequence[Array | Remote], rounds: int) -> tuple[list[KernelCall], list[float]]:
        """Time the entry and its kernels, one after the other in each round; two untimed calls come first.

        Returns:
            Every call of a kernel in order, and the seconds of the entry in each round.

        Raises:
            RunError: the library refuses the inputs.
        """
        self._library(inputs)
        self._time_kernels(inputs)
        self._describes = False
        every, whole = [], []
        for _ in range(rounds):
            begin = time.perf_counter()
            self._library(inputs)
            whole.append(time.perf_counter() - begin)
            every.append(self._time_kernels(inputs))
        calls = zip(self._seen, zip(*every, strict=True), strict=True)
        return [KernelCall(*seen, seconds) for seen, seconds in calls if not seen[0].startswith(_BUILTIN)], whole

    def _time_kernels(self, inputs: Sequence[Array | Remote]) -> list[float]:
        self._times = []
        self._call(inputs)
        return self._times

    def _watch(self, _function: Any, name: str, before: bool, _result: Any, *arguments: Any) -> int:
        if before:
            if self._describes:
                self._seen.append((_NUMBER.sub("", name), self._describe(arguments)))
            wait_for(self._device)
            self._began = time.perf_counter()
        else:
            wait_for(self._device)
            self._times.append(time.perf_counter() - self._began)
        return _PROCEED

    def _describe(self, arguments: Sequence[Any]) -> tuple[Argument, ...]:
        tensors = [argument for argument in arguments if hasattr(argument, "data_ptr")]
        return tuple(
            Argument(shape, _count_bytes(shape, tensor.dtype), self._names.get(_address(tensor)), _address(tensor))
            for tensor, shape in ((tensor, tuple(int(n) for n in tensor.shape)) for tensor in tensors)
        )


def _address(tensor: Any) -> int:
    return int(tensor.data_ptr())


def _count_bytes(shape: Sequence[int], dtype: Any) -> int:
    count: int = dtype.bits * dtype.lanes
    for extent in shape:
        count *= extent
    return -(-count // 8)
