"""Makes a checked graph portable: every file that it names becomes one of the bundle, by a path in it.

    libraries, weights, manifests    libraries/STAGE.so, .weights, .json, with the checks that `run` has everywhere
    the model's config.json          config.json
    voices                           voices/NAME.npy, float32 [N, 2*style]
    the graph                        graph.json; of its text, only what a run asks for

Nothing in these files says where on this machine they were.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.batch.row_runner import find_texts
from runner.bundle.layout import CONFIG, GRAPH, LIBRARIES, VOICES, Entry
from runner.bundle.options import OWN
from runner.errors import RunError
from runner.files.locate import BUILD_ROOT
from runner.graph.serialize import to_fields
from runner.runtime import devices
from runner.runtime import manifest as manifests
from runner.runtime.machine import find_other_machine, this_machine
from runner.runtime.manifest import Manifest
from runner.runtime.tvm_runtime import HOST
from runner.speech.model import VOICE_TYPE, list_model_voices, make_voice_resolver
from runner.speech.speaker import find_main_audio

if TYPE_CHECKING:
    from runner.graph.types import Graph, ModelSpec, StageSpec

_OWN_STAGES = "stages."
_OUTPUTS = "outputs"  # the part of a graph's text that a run asks for: whether it names the rate of an output


def check_portable(graph: Graph) -> ModelSpec:
    """Refuse a graph that a bundle cannot hold; gives its model.

    Raises:
        RunError: it does not speak, or takes more than one text and a voice; a stage is on another device than the
            host, or for another kind of machine, or its code is not of this project.
    """
    find_main_audio(graph)
    texts, named = find_texts(graph), [name for name, type_ in graph.inputs.items() if type_ == VOICE_TYPE]
    if graph.model is None or len(texts) != 1 or len(named) > 1 or len(graph.inputs) != len(texts) + len(named):
        inputs = ", ".join(f"{name}: {type_}" for name, type_ in graph.inputs.items())
        fact = "a bundle speaks with a model, and takes one text and at most one voice"
        raise RunError(f"{graph.path}: {fact}; this graph has {'a' if graph.model else 'no'} model and takes {inputs}")
    taken = OWN.intersection(graph.params) | graph.params.keys() & {*texts}
    if taken:
        raise RunError(f"{graph.path}: the parameter '{min(taken)}' has the name of an option of a bundle; rename it")
    for spec in graph.stages.values():
        fault = _find_fault(spec)
        if fault:
            raise RunError(f"{graph.path}: stage '{spec.name}' {fault}")
    return graph.model


def _find_fault(spec: StageSpec) -> str:
    other = find_other_machine(spec.kind.target) if spec.is_library else None
    if other is not None:
        fact = f"is for {other}, and a bundle is made on the kind of machine that it is for, which here is"
        return f"{fact} {this_machine()}: make it there, or --set devices.{spec.role}=cpu:0"
    if spec.is_library and spec.kind.runtime != HOST[0]:
        return f"is on {spec.device}, and a bundle has the runtime of CPUs alone: --set devices.{spec.role}=cpu:0"
    if not spec.is_library and not spec.module.startswith(_OWN_STAGES):
        return f"is {Path(spec.module).name}, and a bundle has the code of kokoro-run's own stages alone"
    return ""


def list_graph(graph: Graph, build_root: Path | None, voices: Sequence[Entry]) -> list[Entry]:
    """List the files of the graph and its model, whose libraries are built.

    Args:
        voices: the voices that the bundle has, of `list_voices`; the first is the default one.
    """
    model = check_portable(graph)
    entries = [Entry(CONFIG, model.config), *voices]
    for spec in graph.stages.values():
        if spec.is_library:
            entries += _list_library(spec, devices.library_path(spec, graph.model_name, build_root))
    return [*entries, Entry(GRAPH, _spell(make_fields(graph, [Path(voice.path).stem for voice in voices])))]


def _list_library(spec: StageSpec, library: Path) -> Iterator[Entry]:
    place = f"{LIBRARIES}/{spec.name}"
    yield Entry(f"{place}{spec.kind.suffix}", library)
    path = manifests.manifest_path(library)
    if not path.is_file():
        return  # a library that was made elsewhere
    Manifest.read(path)  # which refuses a damaged one
    fields = json.loads(path.read_bytes())
    for name, suffix in (("library", spec.kind.suffix), ("weights", ".weights")):
        # Its digest has not been checked since it was copied, so that it has no stamp.
        fields[name] = {**fields[name], "file": f"{spec.name}{suffix}", "stamp": None}
    yield Entry(f"{place}.weights", manifests.weights_path(library))
    yield Entry(f"{place}.json", _spell(fields))


def _spell(fields: dict[str, Any]) -> bytes:
    return f"{json.dumps(fields, indent=1, ensure_ascii=False)}\n".encode()


def list_voices(graph: Graph, names: Sequence[str]) -> list[Entry]:
    """List the voices of a bundle, the model's default one first.

    Args:
        names: the voices to carry; none for all of the model that are on this machine.

    Raises:
        WeightsError: a voice is not there, or not one of this model.
        RunError: a name is that of a file or a mix; or there is no voice.
    """
    model = check_portable(graph)
    chosen = list(names) or [voice.name for voice in list_model_voices(model) if not voice.problem]
    bad = [name for name in chosen if not name.replace("_", "").replace("-", "").isalnum()]
    if bad or not chosen:
        wanted = "expected the names of the model's voices, as `kokoro-run voices` lists them"
        raise RunError(f"--voice {bad[0]}: {wanted}" if bad else f"{graph.path}: the model has no voices; {wanted}")
    resolve = make_voice_resolver(graph)
    ordered = sorted(dict.fromkeys(chosen), key=lambda name: name != model.voice)
    return [Entry(f"{VOICES}/{name}.npy", _pack(resolve(name))) for name in ordered]


def _pack(voice: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, voice, allow_pickle=False)
    return file.getvalue()


def make_fields(graph: Graph, voices: Sequence[str]) -> dict[str, Any]:
    """Make the table of the portable graph: `serialize.to_fields` of it, without a path of this machine."""
    assert graph.model is not None
    model = dataclasses.replace(
        graph.model, config=Path(CONFIG), checkpoint=None, packages=None, voices=Path(VOICES), voice=voices[0]
    )
    model = dataclasses.replace(model, hub=None, overridden=())
    specs = {name: _move(spec) for name, spec in graph.stages.items()}
    fields = to_fields(dataclasses.replace(graph, path=Path(graph.path.name), model=model, stages=specs))
    head, *rows = fields["tree"]
    kept = [head, *(row for row in rows if row[0][0] == _OUTPUTS)]
    tree = [[path, value, [Path(at[0]).name, *at[1:]], None, "", None] for path, value, at, *_ in kept]
    return {**fields, "tree": tree}


def _move(spec: StageSpec) -> StageSpec:
    """Make a stage whose library is that of the bundle, and that nobody can build there."""
    module = f"{BUILD_ROOT}{spec.name}.so" if spec.is_library else spec.module
    kind = dataclasses.replace(spec.kind, origin=Path(spec.kind.origin.name))
    return dataclasses.replace(spec, module=module, source=None, kind=kind)
