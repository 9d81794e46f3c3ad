"""Makes the key of a stage's results, the digest of all that they depend on, and describes how two keys differ.

    identity(stage)      code, packages, entry, weights, device, target, ... -----+
    params, by port      {"speed": 1.2} ------------------------------------------+--> components --> key
    inputs, by port      {"d": "9f3c...", "t_en": "07aa..."}, digests of content -+                   align/41d0...

An input is the digest of its content, not the key of the stage that gave it: if a stage runs again with the same
result, the stages that depend on it do not. The content of a stage with `cache: false` is not known; its
`input_identity` is used instead.
"""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING, Any

from runner.cache.digest import Memo, canonical, module_digests, value_digest
from runner.cache.packages import find_version
from runner.errors import RunError
from runner.graph.contracts import ContractError, StageFile, find_data_files, find_stage
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runner.graph.types import Graph, StageSpec

FORMAT = 1


def identity(
    spec: StageSpec,
    graph: Graph,
    config: Mapping[str, Any] | None = None,
    library: Path | None = None,
    memo: Memo | None = None,
) -> dict[str, Any]:
    """Make the part of a stage's components that depends on no input and no parameter; a pipeline makes it once.

    Args:
        config: keys of the model's config.json that a Python stage takes, with their values.
        library: library of a compiled stage; digests are taken from its manifest, if it has one.
        memo: digests of files, so that no file is digested twice.

    Raises:
        RunError: the code of a Python stage, or the library or manifest of a compiled one, cannot be read.
    """
    memo = memo or Memo()
    common = {"format": FORMAT, "stage": spec.name}
    try:
        if library is None:
            return {**common, **_identify_python(spec, graph, config or {}, memo)}
        return {**common, **_identify_compiled(spec, library, memo, _find_pin(spec, graph))}
    except (OSError, SyntaxError, ContractError) as error:
        code = spec.module if library is None else library
        raise RunError(f"stage '{spec.name}': the code of {code} cannot be read: {error}") from None


def _identify_python(spec: StageSpec, graph: Graph, config: Mapping[str, Any], memo: Memo) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415 - keys of compiled stages, and differences, do not need it

    found = find_stage(spec.module)
    return {
        **({} if found.definition is None else {"entry": found.definition}),  # a file may have several
        "code": {**module_digests(spec.module, memo), **_digest_files(found, spec.files, memo)},
        "runtime": f"Python {'.'.join(platform.python_version_tuple()[:2])}, NumPy {np.__version__}",
        "config": {key: value_digest(value) for key, value in config.items()},
        "padded": _find_padded(spec, graph),
        **({"packages": {name: find_version(name) for name in spec.packages}} if spec.packages else {}),
    }


def _digest_files(stage_file: StageFile, files: Sequence[str], memo: Memo) -> dict[str, str]:
    """Digest the files that a Python stage reads; they are named as its modules are."""
    package = stage_file.module.rpartition(".")[0].replace(".", "/") or "."
    paths = find_data_files(stage_file, files)
    return {f"{package}/{name}": memo.file(path) for name, path in zip(files, paths, strict=True)}


def _find_padded(spec: StageSpec, graph: Graph) -> dict[str, int]:
    """Find the dims of a Python stage's outputs that the runner pads: the contract's name -> size."""
    tensors = (type_ for type_ in spec.outputs.values() if isinstance(type_, TensorType))
    named = {dim.name for type_ in tensors for dim in type_.dims if dim.name is not None}
    formal = {name: one for one, name in spec.renamed.items()}
    return {formal.get(name, name): dim.max for name, dim in graph.dims.items() if dim.static and name in named}


def _find_pin(spec: StageSpec, graph: Graph) -> str | None:
    """Give the sha256 that the model's checkpoint must have, if the stage takes weights from it."""
    return None if graph.model is None or not spec.weights else graph.model.sha256


def _identify_compiled(spec: StageSpec, library: Path, memo: Memo, pinned: str | None) -> dict[str, Any]:
    from runner.runtime import tvm_runtime  # noqa: PLC0415 - imports NumPy

    path = manifests.manifest_path(library)
    manifest = Manifest.read(path) if path.is_file() else None
    of_another = manifest is not None and pinned not in (None, manifest.checkpoint)
    return {
        **({"checkpoint": pinned} if of_another else {}),  # results of that library are not those of this graph
        "code": {library.name: memo.file(library) if manifest is None else manifest.library.sha256},
        "entry": spec.entry,
        "weights": None if manifest is None else manifest.weights.sha256,
        "device": spec.device.partition(":")[0],
        "target": None if manifest is None else manifest.target,
        "runtime": f"TVM {tvm_runtime.version()}",
        "ports": [list(spec.inputs), list(spec.outputs)],  # an entry takes and gives them by position
    }


def components(identity: Mapping[str, Any], params: Mapping[str, object], inputs: Mapping[str, str]) -> dict[str, Any]:
    """Make a table of all that a stage's results depend on, for JSON.

    Args:
        identity: the stage's `identity`.
        params: port -> value, of the ports wired to parameters. A value has the type of its port: for a float port
            1.0, not 1, so that both spellings give one key.
        inputs: port -> digest of its value, of the other ports: by `array_digest`, `value_digest`, from an entry, or
            an `input_identity`.
    """
    return {**identity, "params": dict(params), "inputs": dict(inputs)}


def key(components: Mapping[str, Any]) -> str:
    """Make the key of an entry: `STAGE/sha256`, of the components' canonical JSON."""
    return f"{components['stage']}/{hashlib.sha256(canonical(components).encode()).hexdigest()}"


def input_identity(key: str, port: str) -> str:
    """Make the substitute for the digest of an output that is not kept (`cache: false`): the key of its stage."""
    return f"{key}:{port}"


def describe_difference(old: Mapping[str, Any], new: Mapping[str, Any], refs: Mapping[str, str] | None = None) -> str:
    """Describe what changed from `old` to `new`: `params.speed 1.0 -> 1.2; input d_en changed`; '' if nothing did.

    Args:
        refs: port -> the reference it is wired to, for parameters whose name is not that of the port.
    """
    reasons = []
    for name in _list_names(new, old):
        before, after = old.get(name), new.get(name)
        if not _is_same(before, after):
            reasons += _describe_component(name, before, after, refs or {})
    return "; ".join(reasons)


def distance(old: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    """Count the components that differ; each parameter, input, file of code and key of config.json counts as one."""
    count = 0
    for name in _list_names(new, old):
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            count += len(_list_changed(before, after))
        else:
            count += not _is_same(before, after)
    return count


def _describe_component(name: str, old: Any, new: Any, refs: Mapping[str, str]) -> list[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [_describe_value(name, old, new)]
    parts = _list_changed(old, new)
    if name == "params":
        return [f"{refs.get(port, f'params.{port}')} {_to_text(old, port)} -> {_to_text(new, port)}" for port in parts]
    if name == "inputs":
        return [f"input {port} {_describe_input(old, new, port)}" for port in parts]
    if name == "padded":
        return [f"fixed size of {dim} {_to_text(old, dim)} -> {_to_text(new, dim)}" for dim in parts]
    if name == "packages":
        return [f"package {part} {_to_text(old, part)} -> {_to_text(new, part)}" for part in parts]
    if name == "target":
        return [f"target {part} {_to_text(old, part)} -> {_to_text(new, part)}" for part in parts]
    return [f"{'config.json' if name == 'config' else name} changed ({', '.join(parts)})"]


def _describe_value(name: str, old: Any, new: Any) -> str:
    """Describe the change of a component that is no table. Digests and lists of ports are not shown."""
    if name in ("weights", "ports", "target") or old is None or new is None:
        return f"{name} changed"
    return f"{name} {old} -> {new}"


def _describe_input(old: Mapping[str, Any], new: Mapping[str, Any], port: str) -> str:
    return "changed" if port in old and port in new else "added" if port in new else "removed"


def _to_text(values: Mapping[str, Any], name: str) -> str:
    return canonical(values[name]) if name in values else "nothing"


def _list_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name in _list_names(new, old)
        if name not in old or name not in new or not _is_same(old[name], new[name])
    ]


def _is_same(old: Any, new: Any) -> bool:
    """Whether both values give the same key: 1, True and 1.0 differ, and NaN equals NaN."""
    return bool(old == new) if isinstance(old, str) and isinstance(new, str) else canonical(old) == canonical(new)


def _list_names(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    return [*first, *(name for name in second if name not in first)]
