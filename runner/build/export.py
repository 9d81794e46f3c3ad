"""Exports the class of a stage as a Relax module.

stages/NAME.py --> class under @stage --(dims, target)--> layers --contract--> Relax and TIR, names of parameters
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from typing import Any

import tvm
from tvm import tirx
from tvm.relax.frontend import nn
from tvm.target import Target

from runner.errors import BuildError, KokoroError
from runner.graph.contracts import ContractError
from runner.runtime.stage_code import import_definition
from stages.contract import Contract, Dim, TensorType
from stages.families import Dims


def find_class(source: str) -> Any:
    """Import the class of the compiled stage that a graph calls `source`.

    Raises:
        BuildError: there is none, or it is a function.
    """
    try:
        found = import_definition(source)
    except ContractError as error:
        raise BuildError(str(error)) from None
    if not isinstance(found, type):
        raise BuildError(f"{source}: a function is under @stage(...), expected the class of a compiled stage")
    return found


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
    symbols = {name: (factor, tirx.Var(name, "int64")) for name, factor in _find_units(contract).items()}

    def extent(dim: Dim) -> Any:
        if dim.name is None:
            return dim.factor
        if dim.name in known:
            return known[dim.name] * dim.factor
        unit, symbol = symbols[dim.name]
        return symbol if dim.factor == unit else tirx.floordiv(symbol * dim.factor, unit)

    spec: dict[str, Any] = {}
    for name, port in contract.inputs.items():
        if not isinstance(port.type, TensorType):
            raise BuildError(f"port {name} is {port.type}: a compiled stage takes only tensors")
        spec[name] = nn.spec.Tensor([extent(dim) for dim in port.type.dims], port.type.dtype)
    return {**spec, "$": {"param_mode": "packed", "effect_mode": "none"}}


def _find_units(contract: Contract) -> dict[str, int]:
    """Find the smallest multiple of each dim that inputs have: an axis binds a symbol only if it is just the symbol."""
    units: dict[str, int] = {}
    for port in contract.inputs.values():
        for dim in port.type.dims if isinstance(port.type, TensorType) else ():
            if dim.name is not None:
                units[dim.name] = min(dim.factor, units.get(dim.name, dim.factor))
    return units


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
    except (Exception, SystemExit) as error:  # the code of a stage may raise any error
        at, fact = traceback.extract_tb(error.__traceback__)[-1], traceback.format_exception_only(error)[-1].strip()
        message = f"stage '{stage}' could not be compiled for {target}: {at.filename}:{at.lineno}: {fact}"
        raise BuildError(message) from error
