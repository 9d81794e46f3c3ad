"""Takes the weights of stages from the checkpoint, packs them for the kernels, and writes them beside the library.

checkpoint --take what the contract's `weights` name--> layers' pack --> parameters in the entry's order --> file

A stage with a `.safetensors` file of its own, which `files` of its contract names, takes all its tensors from that, and
belongs to no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tvm.relax.frontend import nn
from tvm.target import Target

from runner.build.export import find_class, name_stage_in_errors
from runner.build.targets import ANY_CPU
from runner.errors import BuildError
from runner.graph.contracts import find_data_files, find_stage
from runner.model.checkpoint import Checkpoint, is_below
from runner.runtime.manifest import ALIGNMENT, Tensor
from stages.families import NO_FAMILY, Dims
from stages.layers.packing import Array, list_tensors, list_unpacked, pack_module

_OWN_WEIGHTS = ".safetensors"


def check_stages(sources: Iterable[str], checkpoint: Checkpoint | None, dims: Dims) -> dict[str, int]:
    """Check, before compiling for minutes, that a checkpoint has the tensors of all stages.

    Args:
        sources: the stages, as a graph calls them.
        checkpoint: None for a graph without a model.

    Returns:
        the number of parameters of each stage; the time of its compilation grows with them.

    Raises:
        WeightsError: tensors are missing, unexpected or misshapen; all of one file are listed.
        BuildError: a stage needs a tensor that its contract does not name, no layer packs a parameter, or the code of
            a stage raises an error.
    """
    counts: dict[str, int] = {}
    wanted: dict[str, None] = {}
    target = Target(ANY_CPU)
    for source in dict.fromkeys(sources):
        with name_stage_in_errors(source, target), target:
            module = find_class(source)(dims)
            own = _open_own(module, source)
            if own is not None or checkpoint is not None:
                _refuse_unpacked(source, list_unpacked(module))
                for name, shape in list_tensors(module):
                    _take(module, source, checkpoint, own, name, shape)
            if own is not None:
                own.finish()
            counts[source] = len(list(module.named_parameters()))
            wanted |= dict.fromkeys(module.contract.weights)
    if checkpoint is not None:
        checkpoint.finish(list(wanted))
    return counts


def pack(module: nn.Module, source: str, checkpoint: Checkpoint | None, names: Sequence[str]) -> dict[str, Array]:
    """Take a stage's tensors from the checkpoint, and pack them for the registers of the current target.

    Args:
        module: the stage. The names of its tensors begin with its class's `PREFIX`, if it has one.
        source: the stage as a graph calls it, for messages.
        checkpoint: None for a graph without a model.
        names: all parameters of the stage, in the order of the result.

    Returns:
        name -> parameter. A tensor that does not fit is NaN: `check_stages` has reported it.

    Raises:
        BuildError: the stage takes a tensor that its contract does not name, or no layer packs a parameter.
    """
    arrays = pack_module(module, partial(_take, module, source, checkpoint, _open_own(module, source)))
    _refuse_unpacked(source, [name for name in names if name not in arrays])
    return {name: arrays[name] for name in names}


def _refuse_unpacked(source: str, names: Sequence[str]) -> None:
    if names:
        fact = f"{source} has parameters that no layer packs: {', '.join(names)}"
        raise BuildError(f"{fact}; a layer with parameters is a `Packed` (stages/layers/packing.py)")


def _open_own(module: Any, source: str) -> Checkpoint | None:
    """Open the weights that lie beside the stage, which `files` of its contract names; None if there are none."""
    files = find_data_files(find_stage(source), module.contract.files)
    own = [path for path in files if path.suffix == _OWN_WEIGHTS]
    return Checkpoint.open(own[0], NO_FAMILY) if own else None


def _take(
    module: Any, source: str, checkpoint: Checkpoint | None, own: Checkpoint | None, key: str, shape: tuple[int, ...]
) -> Array:
    name, weights = getattr(module, "PREFIX", "") + key, module.contract.weights
    if own is not None:
        return own.take(name, shape, source)
    if checkpoint is None or not is_below(name, weights):
        named = f"names {', '.join(weights)}" if weights else "names none"
        raise BuildError(f"{source} takes the tensor '{name}', but `weights` of its contract {named}; add it there")
    return checkpoint.take(name, shape, source)


def write_weights(path: Path, arrays: Mapping[str, np.ndarray]) -> tuple[Tensor, ...]:
    """Write arrays one after the other, little-endian, each at a multiple of ALIGNMENT bytes; gives their descriptions.

    Raises:
        OSError: the file cannot be written.
    """
    tensors = []
    with path.open("wb") as file:
        for name, array in arrays.items():
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            tensors.append(Tensor(name, str(array.dtype), array.shape, file.tell()))
            array.astype(array.dtype.newbyteorder("<"), copy=False).tofile(file)
    return tuple(tensors)
