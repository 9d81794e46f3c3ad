"""Compiles the stages of a graph from a checkpoint.

    stage's nn.Module --export--> Relax + TIR --passes--> library.so --+
    checkpoint --take, fold, pack--> stage.weights --------------------+--> manifest stage.json, written last

A stage whose manifest is current is left alone. Files are written under temporary names and put in place whole, the
old manifest is removed first: an interrupted build leaves nothing that a run would trust. Two builds of one stage wait
for each other; what a killed one left is removed by the next.

This module imports TVM's compiler (0.6 s, 200 MB); `runner.build.staleness` tells without it whether there is anything
to build.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tvm
from tvm import relax, tirx
from tvm.relax.frontend import nn
from tvm.support import cc
from tvm.target import Target, codegen

from runner.build import passes
from runner.build.staleness import NATIVE, Recipe, recipes, why_stale
from runner.build.workers import Crew
from runner.errors import BuildError, KokoroError
from runner.graph.contracts import find_stage
from runner.model import hub
from runner.model.checkpoint import Checkpoint
from runner.runtime import amx, devices, manifest, tvm_runtime
from runner.runtime.manifest import ALIGNMENT, File, Manifest, Tensor
from runner.runtime.process import prepare_for_compiler
from runner.runtime.threads import available_threads
from stages.contract import Contract, Dim, TensorType
from stages.dims import ConfigError, ModelDims
from stages.kernels.bfloat16 import AMX, BF16
from stages.layers.packing import Array, pack_module

if TYPE_CHECKING:
    from runner.graph.types import Graph

Progress = Callable[[str, str, float], None]
"""`progress(stage, state, seconds)`, state being "current", "compiling" or "built"."""


def build(
    graph: Graph,
    build_root: Path | None = None,
    *,
    progress: Progress | None = None,
    only: Collection[str] | None = None,
) -> None:
    """Compile what is missing or stale of the graph's stages.

    Args:
        build_root: folder of the compiled stages; None for the default one.
        only: names of the stages to consider; None for all.

    Raises:
        WeightsError: the checkpoint is not there, or not that of this model; every missing, extra or misshapen tensor
            is listed.
        BuildError: a stage could not be compiled, or the build folder not be written.
    """
    tell = progress or (lambda stage, state, seconds: None)
    todo = []
    for recipe in recipes(graph, build_root):
        if only is not None and recipe.stage not in only:
            continue
        if why_stale(recipe) is None:
            tell(recipe.stage, "current", 0.0)
        else:
            todo.append(recipe)
    if not todo:
        return
    _check_linker()
    _check_targets(todo)
    prepare_for_compiler()
    size = min(len(todo), available_threads())
    with Crew(size if size > 1 else 0, __name__) as crew:  # while these import the compiler, the checkpoint is checked
        dims = _dims(todo[0].config)
        path = hub.checkpoint(graph.model)
        check_checkpoint(path, dims)
        if size > 1:
            _share_out(crew, todo, dims, path, tell)
            return
    for recipe in todo:
        tell(recipe.stage, "compiling", 0.0)
        tell(recipe.stage, *_compile(recipe, dims, path))


def _share_out(crew: Crew, todo: list[Recipe], dims: ModelDims, checkpoint: Path, tell: Progress) -> None:
    """Compile several stages at a time, those with the most layers first: the longest is then no longer alone at the
    end."""
    todo = sorted(todo, key=lambda recipe: _parameters(recipe.source, dims), reverse=True)
    begun = {recipe.stage: recipe.library for recipe in todo}
    jobs = [(recipe.stage, partial(_compile, recipe, dims, checkpoint)) for recipe in todo]
    try:
        for stage, (state, seconds) in crew.work(jobs, lambda stage: tell(stage, "compiling", 0.0)):
            tell(stage, state, seconds)
            del begun[stage]
    except BaseException:
        crew.end()
        for library in begun.values():
            with contextlib.suppress(OSError), _alone(library, wait=False):
                pass  # what the workers had no time to remove is removed now
        raise


def _parameters(source: str, dims: ModelDims) -> int:
    with _told_of(source, Target(_ANY_CPU)), Target(_ANY_CPU):
        return sum(1 for _ in _stage_class(source)(dims).named_parameters())


def _compile(recipe: Recipe, dims: ModelDims, checkpoint: Path) -> tuple[str, float]:
    """Build one stage, unless another process has done so meanwhile: "built" or "current", and the seconds it took."""
    start = time.perf_counter()
    try:
        with _alone(recipe.library):
            stale = why_stale(recipe) is not None
            if stale:
                _build_stage(recipe, dims, checkpoint)
    except OSError as error:
        raise BuildError(f"stage '{recipe.stage}': {recipe.library.parent}: {error.strerror or error}") from error
    return "built" if stale else "current", time.perf_counter() - start


def _check_linker() -> None:
    """Find that there is nothing to link with before minutes go into compiling."""
    compiler = cc.get_cc()
    if compiler is None or shutil.which(compiler) is None:
        said = "no C compiler" if compiler is None else f"CXX or CC says {compiler}, which is not there"
        raise BuildError(f"{said}; one links the compiled stages. Install it (apt-get install gcc), or set CC")


def _check_targets(todo: list[Recipe]) -> None:
    """Find that this machine's CPU lacks what a device asks of it."""
    for recipe in todo:
        try:
            resolve_target(recipe.target)
        except (BuildError, ValueError) as error:
            raise BuildError(f"stage '{recipe.stage}': {error}") from None


@contextlib.contextmanager
def _alone(library: Path, *, wait: bool = True) -> Iterator[None]:
    """Inside, no other process builds `library`, and nothing is left of builds that were killed.

    The lock is the kernel's, and ends with the process that holds it, however that ends. Without `wait` it is a
    BlockingIOError that there is another.
    """
    library.parent.mkdir(parents=True, exist_ok=True)
    lock = library.with_name(f".{library.stem}.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in library.parent.glob(f".{library.stem}.*"):
            if left.is_dir():
                shutil.rmtree(left)
            elif left != lock:
                left.unlink(missing_ok=True)
        yield


def check_checkpoint(path: Path, dims: ModelDims) -> None:
    """Hold the checkpoint to all five parts of the model at once, before minutes go into compiling one of them.

    Raises:
        WeightsError: tensors are missing, unexpected or misshapen.
    """
    checkpoint = Checkpoint.open(path)
    with Target(_ANY_CPU):
        for source in PARTS:
            module = _stage_class(source)(dims)
            pack_module(module, partial(_take_below, checkpoint, module.PREFIX))
    checkpoint.finish()


def _take_below(checkpoint: Checkpoint, prefix: str, key: str, shape: tuple[int, ...]) -> Array:
    return checkpoint.take(prefix + key, shape)


_ANY_CPU = {"kind": "llvm", "mcpu": "generic"}
PARTS = ("stages.bert", "stages.duration", "stages.f0n", "stages.text_encoder", "stages.decoder")
"""The stages that share out the checkpoint's tensors among them."""


def resolve_target(spec: dict[str, Any]) -> Target:
    """TVM's target; `mcpu: native` becomes this machine's CPU, without the features that the machine does not offer.

    What sets up a GPU's work runs on a CPU: any of this machine's architecture.

    Raises:
        BuildError: this machine's CPU is asked for, with a feature that it lacks.
        ValueError: TVM knows no such target.
    """
    fields = dict(spec)
    if fields["kind"] != "llvm":
        return Target({**fields, "host": {"kind": "llvm"}})
    if fields.get("mcpu") == NATIVE:
        fields |= _native(fields)
    fields.setdefault("opt-level", 3)
    return Target(fields)


def _native(fields: dict[str, Any]) -> dict[str, Any]:
    """`mcpu` and `mattr` of this machine's CPU, with the features that `fields` adds to it."""
    asked = list(fields.get("mattr", ()))
    lacking = devices.missing_features(feature[1:] for feature in asked if feature.startswith("+"))
    if lacking:
        raise BuildError(
            f"the device's target needs {', '.join(lacking)}, which this CPU lacks; put the stage on another device"
        )
    tiles = BF16 in fields.get("keys", ()) and not devices.missing_features(AMX) and not amx.refused()
    asked += [f"+{feature}" for feature in AMX] if tiles else []
    mcpu = codegen.llvm_get_system_cpu()
    usual = devices.used_features(codegen.llvm_get_cpu_features(Target({"kind": "llvm", "mcpu": mcpu})))
    # A library that does without AMX is not to ask for it, whatever LLVM's name of this CPU stands for.
    absent = {*devices.missing_features(usual), *(() if tiles else (name for name in usual if name.startswith("amx")))}
    asked += [f"-{feature}" for feature in sorted(absent)]
    return {"mcpu": mcpu, **({"mattr": asked} if asked else {})}


def export(source: str, entry: str, dims: ModelDims, target: Target) -> tuple[tvm.IRModule, nn.Module, list[str]]:
    """A stage as Relax and TIR: the module, the stage it came from, and the names of its parameters in the entry's
    order."""
    with target:
        module = _stage_class(source)(dims)
        spec = _entry_spec(module.contract, dims)
        exported, params = module.export_tvm({"forward": spec})
    function = exported["forward"].with_attr("global_symbol", entry)
    functions = {gv: f for gv, f in exported.functions.items() if gv.name_hint != "forward"}
    renamed = tvm.IRModule({**functions, entry: function}, attrs=exported.attrs)
    return renamed, module, [name for name, _ in params]


def _entry_spec(contract: Contract, dims: ModelDims) -> dict[str, Any]:
    """The contract as the spec of an exported method: the model's dims as numbers, the others as symbols."""
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
            raise BuildError(f"port {name} is {port.type}: a compiled stage takes tensors only")
        spec[name] = nn.spec.Tensor([extent(dim) for dim in port.type.dims], port.type.dtype)
    return {**spec, "$": {"param_mode": "packed", "effect_mode": "none"}}


def _stage_class(source: str) -> Any:
    """The class under `@stage` in the stage's file."""
    module = importlib.import_module(find_stage(source).module)
    found = [value for value in vars(module).values() if isinstance(value, type) and "contract" in vars(value)]
    if len(found) != 1:
        raise BuildError(f"{source} has {len(found)} classes under @stage(...), a compiled stage's file has one")
    return found[0]


def _dims(config: Path) -> ModelDims:
    try:
        table = json.loads(config.read_bytes())
        if not isinstance(table, dict):
            raise BuildError(f"{config}: expected a JSON table at the top")
        return ModelDims.from_config(table)
    except OSError as error:
        raise BuildError(f"{config}: cannot be read: {error.strerror}") from None
    except ConfigError as error:
        raise BuildError("\n".join(f"{config}: {line}" for line in str(error).splitlines())) from None
    except ValueError as error:
        raise BuildError(f"{config}: is not JSON: {error}") from None


def _build_stage(recipe: Recipe, dims: ModelDims, weights_from: Path) -> None:
    """Compile one stage and put its three files in place, the manifest last."""
    library = recipe.library
    target = resolve_target(recipe.target)
    with _told_of(recipe.stage, target):
        module, layers, names = export(recipe.source, recipe.entry, dims, target)
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=f".{library.stem}.") as scratch:
        compiled, weights = Path(scratch) / library.name, Path(scratch) / manifest.weights_path(library).name
        with _told_of(recipe.stage, target), target:
            executable = relax.build(module, target, None, passes.pipeline(target), passes.lowering(target))
            executable.export_library(str(compiled))
        checkpoint = Checkpoint.open(weights_from)
        with target:
            arrays = pack_module(layers, partial(_take_below, checkpoint, layers.PREFIX))
        tensors = _write_weights(weights, {name: arrays[name] for name in names})
        manifest.manifest_path(library).unlink(missing_ok=True)
        compiled.replace(library)
        weights.replace(manifest.weights_path(library))
    _manifest(recipe, dims, target, layers.contract, tensors).write(manifest.manifest_path(library))


@contextlib.contextmanager
def _told_of(stage: str, target: Target) -> Iterator[None]:
    """Errors of the compiler and of the linker name the stage and the target."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError) as error:  # TVM's own errors are RuntimeErrors
        raise BuildError(f"stage '{stage}' could not be compiled for {target}: {error}") from error
    except (KokoroError, OSError):
        raise
    except Exception as error:  # the code of a stage is a user's, and may raise anything
        at, said = traceback.extract_tb(error.__traceback__)[-1], traceback.format_exception_only(error)[-1].strip()
        message = f"stage '{stage}' could not be compiled for {target}: {at.filename}:{at.lineno}: {said}"
        raise BuildError(message) from error


def _write_weights(path: Path, arrays: dict[str, np.ndarray]) -> tuple[Tensor, ...]:
    """The arrays one after the other, each at a multiple of ALIGNMENT bytes."""
    tensors = []
    with path.open("wb") as file:
        for name, array in arrays.items():
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            tensors.append(Tensor(name, str(array.dtype), array.shape, file.tell()))
            array.astype(array.dtype.newbyteorder("<"), copy=False).tofile(file)
    return tuple(tensors)


def _manifest(
    recipe: Recipe, dims: ModelDims, target: Target, contract: Contract, tensors: tuple[Tensor, ...]
) -> Manifest:
    is_cpu = target.kind.name == "llvm"
    features = codegen.llvm_get_cpu_features(target) if is_cpu else ()
    machine = str(target.attrs["mtriple"]).partition("-")[0] if is_cpu and "mtriple" in target.attrs else None
    return Manifest(
        stage=recipe.stage,
        entry=recipe.entry,
        source=recipe.source,
        key=recipe.key,
        library=File.of(recipe.library),
        weights=File.of(manifest.weights_path(recipe.library), stamped=True),
        tensors=tensors,
        inputs={name: str(port.type) for name, port in contract.inputs.items()},
        outputs={name: str(port.type) for name, port in contract.outputs.items()},
        dims=dims.named(),
        target=_plain(target.export()),
        cpu_features=devices.used_features(features, machine),
        host_features=tuple(sorted(devices.cpu_features())),
        tvm=tvm_runtime.version(),
        sources=recipe.sources,
        checkpoint=recipe.digests["checkpoint"],
    )


def _plain(value: Any) -> Any:
    """TVM's maps and arrays as dicts and lists, which JSON can hold."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float) else [_plain(item) for item in value]
