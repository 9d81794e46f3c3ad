"""The key of a stage's results: a digest of everything they depend on, and the words for what changed in it.

    identity(stage)      code, entry, weights, device, target, runtime, config ---+
    params, by port      {"speed": 1.2} ------------------------------------------+--> components --> key
    inputs, by port      {"d": "9f3c...", "t_en": "07aa..."}, digests of content -+                   align/41d0...

Inputs are digests of content, not the keys of who made them: a stage that ran again and gave the same changes nothing
further down. A stage with `cache: false` has no known content; `input_identity` stands in for it.
"""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING, Any

from runner.cache.digest import Memo, canonical, module_digests, value_digest
from runner.errors import RunError
from runner.graph.contracts import ContractError
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest
from stages.contract import TensorType

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    """The part of a stage's components that no input and no parameter changes; a pipeline takes it once.

    Args:
        config: what a Python stage takes of the model's config.json, by key.
        library: of a compiled stage; its manifest, where it has one, is taken at its word.
        memo: of digests of files, so that nothing is digested twice.

    Raises:
        RunError: the code of a Python stage, or the library or manifest of a compiled one, cannot be read.
    """
    memo = memo or Memo()
    common = {"format": FORMAT, "stage": spec.name}
    try:
        if library is None:
            return {**common, **_python(spec, graph, config or {}, memo)}
        return {**common, **_compiled(spec, library, memo, _pinned(spec, graph))}
    except (OSError, SyntaxError, ContractError) as error:
        what = spec.module if library is None else library
        raise RunError(f"stage '{spec.name}': the code of {what} cannot be read: {error}") from None


def _python(spec: StageSpec, graph: Graph, config: Mapping[str, Any], memo: Memo) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415 - compiled stages' keys, and the words for a difference, need none

    return {
        "code": module_digests(spec.module, memo),
        "runtime": f"Python {'.'.join(platform.python_version_tuple()[:2])}, NumPy {np.__version__}",
        "config": {key: value_digest(value) for key, value in config.items()},
        "padded": _padded(spec, graph),
    }


def _padded(spec: StageSpec, graph: Graph) -> dict[str, int]:
    """The dims of a Python stage's outputs that the runner fills up to a fixed size."""
    tensors = (type_ for type_ in spec.outputs.values() if isinstance(type_, TensorType))
    named = {dim.name for type_ in tensors for dim in type_.dims if dim.name is not None}
    return {name: dim.max for name, dim in graph.dims.items() if dim.static and name in named}


def _pinned(spec: StageSpec, graph: Graph) -> str | None:
    """The sha256 that the model's checkpoint must have, if the stage takes weights of it."""
    return None if graph.model is None or not spec.weights else graph.model.sha256


def _compiled(spec: StageSpec, library: Path, memo: Memo, pinned: str | None) -> dict[str, Any]:
    from runner.runtime import tvm_runtime  # noqa: PLC0415 - likewise: it imports NumPy

    path = manifests.manifest_path(library)
    manifest = Manifest.read(path) if path.is_file() else None
    of_another = manifest is not None and pinned not in (None, manifest.checkpoint)
    return {
        **({"checkpoint": pinned} if of_another else {}),  # what that library gave is not what is asked for
        "code": {library.name: memo.file(library) if manifest is None else manifest.library.sha256},
        "entry": spec.entry,
        "weights": None if manifest is None else manifest.weights.sha256,
        "device": spec.device.partition(":")[0],
        "target": None if manifest is None else manifest.target,
        "runtime": f"TVM {tvm_runtime.version()}",
        "ports": [list(spec.inputs), list(spec.outputs)],  # an entry takes and gives them by position
    }


def components(identity: Mapping[str, Any], params: Mapping[str, object], inputs: Mapping[str, str]) -> dict[str, Any]:
    """Everything that a stage's results depend on, as a JSON table.

    Args:
        identity: what `identity` gave for the stage.
        params: the values of the ports wired to parameters, by port. Give them as the port takes them: a float port's
            1 as 1.0, so that both spellings are one key.
        inputs: digests of what the other ports take, by port: `array_digest`, `value_digest`, an entry's, or an
            `input_identity`.
    """
    return {**identity, "params": dict(params), "inputs": dict(inputs)}


def key(components: Mapping[str, Any]) -> str:
    """`STAGE/sha256` of the components' canonical JSON: the name of a cache entry."""
    return f"{components['stage']}/{hashlib.sha256(canonical(components).encode()).hexdigest()}"


def input_identity(key: str, port: str) -> str:
    """Stands for the digest of an output that is not kept (`cache: false`): what it was computed from."""
    return f"{key}:{port}"


def difference(old: Mapping[str, Any], new: Mapping[str, Any], refs: Mapping[str, str] | None = None) -> str:
    """What changed from the components `old` to `new`: `params.speed 1.0 -> 1.2; input d_en changed`; '' if nothing.

    Args:
        refs: what each port is wired to ('params.pace', 'bert.d_en'), for parameters that are not called as the port.
    """
    reasons = []
    for name in _either(new, old):
        before, after = old.get(name), new.get(name)
        if not _same(before, after):
            reasons += _reasons(name, before, after, refs or {})
    return "; ".join(reasons)


def distance(old: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    """How many components differ; each parameter, input, file of code and key of config.json counts for itself."""
    count = 0
    for name in _either(new, old):
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            count += len(_changed(before, after))
        else:
            count += not _same(before, after)
    return count


def _reasons(name: str, old: Any, new: Any, refs: Mapping[str, str]) -> list[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [_plain(name, old, new)]
    parts = _changed(old, new)
    if name == "params":
        return [f"{refs.get(port, f'params.{port}')} {_spell(old, port)} -> {_spell(new, port)}" for port in parts]
    if name == "inputs":
        return [f"input {port} {_event(old, new, port)}" for port in parts]
    if name == "padded":
        return [f"fixed size of {dim} {_spell(old, dim)} -> {_spell(new, dim)}" for dim in parts]
    if name == "target":
        return [f"target {part} {_spell(old, part)} -> {_spell(new, part)}" for part in parts]
    return [f"{'config.json' if name == 'config' else name} changed ({', '.join(parts)})"]


def _plain(name: str, old: Any, new: Any) -> str:
    """What changed in a component that is no table; digests and lists of ports say nothing to a reader."""
    if name in ("weights", "ports", "target") or old is None or new is None:
        return f"{name} changed"
    return f"{name} {old} -> {new}"


def _event(old: Mapping[str, Any], new: Mapping[str, Any], port: str) -> str:
    return "changed" if port in old and port in new else "added" if port in new else "removed"


def _spell(values: Mapping[str, Any], name: str) -> str:
    return canonical(values[name]) if name in values else "nothing"


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [name for name in _either(new, old) if name not in old or name not in new or not _same(old[name], new[name])]


def _same(old: Any, new: Any) -> bool:
    """Whether both are one to a key, for which 1 is neither True nor 1.0, and NaN is NaN."""
    return bool(old == new) if isinstance(old, str) and isinstance(new, str) else canonical(old) == canonical(new)


def _either(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    return [*first, *(name for name in second if name not in first)]
