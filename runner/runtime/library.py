"""Calls a compiled function with arrays.

arrays --put--> tensors --entry(inputs..., weights)--> tensor, or a tuple of them --get--> arrays
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import RunError
from runner.runtime.manifest import check_loadable
from runner.runtime.process import POOLED_ALLOCATOR, host_allocator, load_ffi
from runner.runtime.tensors import get, put
from runner.runtime.tvm_runtime import DLPACK_TYPES, HOST
from runner.runtime.values import Remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runner.runtime.tvm_runtime import Device
    from runner.runtime.values import Array


class Library:
    """A compiled function of a library; any number of threads may call it at the same time.

    A virtual machine computes for one call at a time, so that each call takes one that is idle, else makes one. All of
    them have the same code and the same weights.

    Attributes:
        path: the library.
        entry: the function's name in it.
        parameters: the names of its arguments.
    """

    def __init__(self, path: Path, entry: str, device: Device = HOST, weights: Any = None) -> None:
        """Load the library at `path`.

        Args:
            weights: last argument of each call (`map_weights`); None for a library that holds its weights.

        Raises:
            RunError: the file is no library for this machine, no Relax executable, or has no such entry.
        """
        self.path, self.entry = path, entry
        self._device = device
        self._last = () if weights is None else (weights,)
        self._executable = self._load()
        machine = self._make_machine()
        if not machine.implements_function(entry):
            raise RunError(f"library {path} has no entry '{entry}'")
        count, name_of = machine["get_function_arity"](entry), machine["get_function_param_name"]
        self.parameters = [str(name_of(entry, at)) for at in range(count)]
        self._idle = [machine[entry]]

    def _load(self) -> Any:
        check_loadable(self.path)
        try:
            module = self._load_module()
        except RuntimeError as error:
            raise RunError(f"library {self.path} cannot be loaded: {_last_line(error)}") from error
        if not module.implements_function("vm_load_executable"):
            raise RunError(f"library {self.path} is no Relax executable: it has no vm_load_executable")
        return module["vm_load_executable"]

    def _make_machine(self) -> Any:
        machine = self._executable()
        kind, index = self._device
        # The host runs the shape functions of every device.
        pools = {(kind, index): POOLED_ALLOCATOR, HOST: host_allocator()}
        machine["vm_initialization"](*(n for (k, i), pool in pools.items() for n in (DLPACK_TYPES[k], i, pool)))
        return machine

    @property
    def weights(self) -> list[Any]:
        """The tensors of the weights; none for a library that holds them itself."""
        return [tensor for tensors in self._last for tensor in tensors]

    def watch(self, watcher: Callable[..., int]) -> Callable[[Sequence[Array | Remote]], None]:
        """Make a call of the entry whose every function `watcher` is told of; its results are dropped.

        The call has a virtual machine of its own.

        Args:
            watcher: is called as `watcher(function, name, before, result, *arguments)` before each function and after
                it, and gives 0 to let it run (TVM's VMInstrumentReturnKind).
        """
        machine = self._make_machine()
        machine["set_instrument"](load_ffi().convert(watcher))
        entry = machine[self.entry]

        def call(inputs: Sequence[Array | Remote]) -> None:
            self._call(entry, inputs)

        return call

    @contextlib.contextmanager
    def _take_entry(self) -> Iterator[Any]:
        """Hold the entry of a virtual machine that no other call uses."""
        try:
            entry = self._idle.pop()
        except IndexError:
            entry = self._make_machine()[self.entry]
        try:
            yield entry
        finally:
            self._idle.append(entry)

    def _load_module(self) -> Any:
        with _utf8_path(self.path.absolute()) as path:
            if self._device[0] != "cuda":
                return load_ffi().load_module(path)
            from runner.runtime import cuda_source  # noqa: PLC0415 - 10 ms that libraries for the CPU do not need

            with cuda_source.source_compiler(load_ffi()):
                return load_ffi().load_module(path)

    def __call__(self, inputs: Sequence[Array | Remote]) -> list[Array | Remote]:
        """Run the entry on `inputs`, in its order; gives a list of its results.

        Results stay on the library's device; those on the host are arrays.

        Raises:
            RunError: TVM refused an input, or its own checks failed.
        """
        with self._take_entry() as entry:
            result = self._call(entry, inputs)
        many = isinstance(result, (load_ffi().Array, tuple, list))
        return [_to_value(tensor, self._device) for tensor in (result if many else [result])]

    def _call(self, entry: Any, inputs: Sequence[Array | Remote]) -> Any:
        tensors = [put(array, self._device) for array in inputs]
        try:
            result = entry(*tensors, *self._last)
            wait_for(self._device)
        except (RuntimeError, ValueError, TypeError) as error:
            raise RunError(f"{self.entry} of {self.path} failed: {_last_line(error)}") from error
        return result


@contextlib.contextmanager
def _utf8_path(path: Path) -> Iterator[str]:
    """Hold a path of the file in UTF-8, which TVM needs: the path itself, or that of a temporary link."""
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        import tempfile  # noqa: PLC0415 - 5 ms, for rare paths

        with tempfile.TemporaryDirectory(prefix="kokoro-run-") as folder:
            link = Path(folder) / f"library{path.suffix}"
            link.symlink_to(path)
            yield str(link)
    else:
        yield str(path)


def _to_value(tensor: Any, device: Device) -> Array | Remote:
    if device == HOST:
        return get(tensor)
    return Remote(tensor, device, str(tensor.dtype), tuple(tensor.shape), get)


def wait_for(device: Device) -> None:
    """Wait for the device's work, so that its errors and its time are those of this stage."""
    if device != HOST:
        kind, index = device
        load_ffi().get_global_func("runtime.Device_StreamSync")(load_ffi().device(kind, index), 0)


def _last_line(error: BaseException) -> str:
    """Give the last line of an error: TVM's errors end with the fact."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
