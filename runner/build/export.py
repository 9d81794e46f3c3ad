"""Exports the class of a stage as a Relax module.

stages/NAME.py --> class under @stage --(dims, target)--> layers --contract--> Relax and TIR, names of parameters
"""

from __future__ import annotations

import contextlib
import importlib
import traceback
from collections.abc import Iterator
from typing import Any

import tvm
from tvm import tirx
from tvm.relax.frontend import nn
from tvm.target import Target

from runner.build.targets import ANY_CPU
from runner.errors import BuildError, KokoroError
from runner.graph.contracts import find_stage
from stages.contract import Contract, Dim, TensorType
from stages.families import Dims


def find_class(source: str) -> Any:
    """Import the stage that a graph calls `source`; gives the class under `@stage` in its file.

    Raises:
        BuildError: its file has none, or more than one.
    """
    module = importlib.import_module(find_stage(source).module)
    found = [value for value in vars(module).values() if isinstance(value, type) and "contract" in vars(value)]
    if len(found) != 1:
        raise BuildError(
            f"{source} has {len(found)} classes under @stage(...), expected one in the file of a compiled stage"
        )
    return found[0]


def count_parameters(source: str, dims: Dims) -> int:
    """Count the parameters of a stage; the time of its compilation grows with them.

    Raises:
        BuildError: the stage cannot be made.
    """
    target = Target(ANY_CPU)
    with name_stage_in_errors(source, target), target:
        return sum(1 for _ in find_class(source)(dims).named_parameters())


def export(source: str, entry: str, dims: Dims, target: Target) -> tuple[tvm.IRModule, nn.Module, list[str]]:
    """Export a stage as Relax and TIR.

    Returns:
        the exported module, the stage's `nn.Module`, and the names of its parameters in the entry's order.
    """
    with target:
        module = find_class(source)(dims)
        exported, params = module.export_tvm({"forward": entry_spec(module.contract, dims)})
    function = exported["forward"].with_attr("global_symbol", entry)
    functions = {gv: f for gv, f in exported.functions.items() if gv.name_hint != "forward"}
    renamed = tvm.IRModule({**functions, entry: function}, attrs=exported.attrs)
    return renamed, module, [name for name, _ in params]


def entry_spec(contract: Contract, dims: Dims) -> dict[str, Any]:
    """Make the spec of an exported method from a contract: the model's dims are numbers, other dims are symbols.

    Raises:
        BuildError: a port is no tensor.
    """
    known = dims.named()
    symbols: dict[str, tirx.Var] = {}

    def extent(dim: Dim) -> Any:
        if dim.name is None:
            return dim.factor
        size = known.get(dim.name)
        if size is None:
            size = symbols.setdefault(dim.name, tirx.Var(dim.name, "int64"))
        return size * dim.factor

    spec: dict[str, Any] = {}
    for name, port in contract.inputs.items():
        if not isinstance(port.type, TensorType):
            raise BuildError(f"port {name} is {port.type}: a compiled stage takes only tensors")
        spec[name] = nn.spec.Tensor([extent(dim) for dim in port.type.dims], port.type.dtype)
    return {**spec, "$": {"param_mode": "packed", "effect_mode": "none"}}


@contextlib.contextmanager
def name_stage_in_errors(stage: str, target: Target) -> Iterator[None]:
    """Add the stage and the target to errors of the compiler, of the linker and of the stage's own code.

    Raises:
        BuildError: in place of such an error; errors of the runner and of the system pass.
    """
    try:
        yield
    except (RuntimeError, ValueError, TypeError) as error:  # TVM's own errors are RuntimeErrors
        raise BuildError(f"stage '{stage}' could not be compiled for {target}: {error}") from error
    except (KokoroError, OSError):
        raise
    except Exception as error:  # the code of a stage may raise any error
        at, fact = traceback.extract_tb(error.__traceback__)[-1], traceback.format_exception_only(error)[-1].strip()
        message = f"stage '{stage}' could not be compiled for {target}: {at.filename}:{at.lineno}: {fact}"
        raise BuildError(message) from error
