"""Describes a bundle in plain lines, for hosts in other languages: graph.txt. docs/bundle.md has the format.

    file TAB libraries/bert.so TAB 93544
    stage TAB bert
    library TAB libraries/bert.so TAB bert_forward TAB libraries/bert.weights
    tensor TAB float32 TAB 178,128 TAB 0
    in TAB input_ids TAB int64[1, text] TAB tokenize.input_ids
    out TAB d_en TAB float32[1, hidden, text]

A host needs neither JSON nor YAML, nor Unicode's tables. It has to compute the Python stages itself, by their names.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.bundle.layout import FORMAT, LIBRARIES, PYTHON, Entry
from runner.bundle.packages import list_packages
from runner.bundle.spellings import list_spellings
from runner.errors import RunError
from runner.files.errors import reading
from runner.graph.model_config import read_model
from runner.runtime import devices
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest
from runner.speech.line_runner import find_cut
from runner.speech.model import VOICE_TYPE
from runner.speech.speaker import find_main_audio
from stages.dims import END_TOKENS, ModelDims

if TYPE_CHECKING:
    from runner.graph.types import Graph, InputSpec, Parameter, StageSpec

# in the order in which they are loaded
_RUNTIME = tuple(f"{PYTHON}/{path}" for path in ("tvm_ffi/lib/libtvm_ffi.so", "tvm/lib/libtvm_runtime.so"))
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})


def describe(graph: Graph, build_root: Path | None, voices: Sequence[Entry]) -> str:
    """Describe the bundle of a graph that `portable.check_portable` has found good.

    Args:
        voices: the voices of the bundle, the default one first.

    Raises:
        RunError: a file cannot be read, or a package is not installed.
    """
    rows: list[list[Any]] = [["kokoro-run-bundle", FORMAT]]
    rows += (["file", path, size] for path, size in _list_sizes(graph, build_root, voices))
    rows += (["runtime", path] for path in _RUNTIME)
    rows += _describe_speech(graph)
    rows += _describe_voices(graph, voices)
    rows += (["parameter", name, _spell(value)] for name, value in graph.params.items())
    rows += (["fixed", name, graph.dims[name].max] for name in sorted(graph.padded))
    manifests_of = {name: _read_manifest(spec, graph, build_root) for name, spec in graph.stages.items()}
    rows += (["cpu", feature] for feature in _list_features(manifests_of))
    for name, spec in graph.stages.items():
        rows += _describe_stage(spec, manifests_of[name])
    rows.append(["end"])
    return "".join("\t".join(map(_escape, row)) + "\n" for row in rows)


def _list_sizes(graph: Graph, build_root: Path | None, voices: Sequence[Entry]) -> Iterator[tuple[str, int]]:
    """List the sizes of the files that the other lines name, so that a host finds one that was cut."""
    entries = [*voices, *(entry for entry in list_packages() if entry.path in _RUNTIME)]
    for spec in graph.stages.values():
        if spec.is_library:
            library = devices.library_path(spec, graph.model_name, build_root)
            entries.append(Entry(_library_of(spec), library))
            if manifests.manifest_path(library).is_file():
                entries.append(Entry(_weights_of(spec), manifests.weights_path(library)))
    for entry in entries:
        if isinstance(entry.content, bytes):
            yield entry.path, len(entry.content)
        else:
            with reading(entry.content):
                yield entry.path, entry.content.stat().st_size


def _library_of(spec: StageSpec) -> str:
    return f"{LIBRARIES}/{spec.name}{spec.kind.suffix}"


def _weights_of(spec: StageSpec) -> str:
    return f"{LIBRARIES}/{spec.name}.weights"


def _describe_speech(graph: Graph) -> Iterator[list[Any]]:
    """Describe what is spoken: the port that takes phonemes, the vocabulary, the audio."""
    main = find_main_audio(graph)
    yield ["audio", graph.outputs[main], graph.audio[main]]
    model, cut = read_model(graph.model, RunError), find_cut(graph)
    if cut is None or not isinstance(model.dims, ModelDims):
        return
    text = graph.dims.get("text")
    tokens = min(model.dims.text_max, *([] if text is None else [text.max]))
    yield ["phonemes", cut, tokens - END_TOKENS, model.dims.vocabulary]
    yield ["frame", model.dims.frame_samples]
    vocab: Mapping[str, int] = model.keys.get("vocab", {})
    yield from (["symbol", symbol, number] for symbol, number in vocab.items())
    yield from (["spelling", written, spelled] for written, spelled in list_spellings(vocab).items())


def _describe_voices(graph: Graph, voices: Sequence[Entry]) -> Iterator[list[Any]]:
    """Describe the voices: of each its name, its file, where its numbers begin there, and its shape."""
    yield from (["voices", f"input.{name}"] for name, type_ in graph.inputs.items() if type_ == VOICE_TYPE)
    for voice in voices:
        assert isinstance(voice.content, bytes)
        pack = np.load(io.BytesIO(voice.content), allow_pickle=False)
        yield ["voice", Path(voice.path).stem, voice.path, len(voice.content) - pack.nbytes, *pack.shape]


def _read_manifest(spec: StageSpec, graph: Graph, build_root: Path | None) -> Manifest | None:
    if not spec.is_library:
        return None
    path = manifests.manifest_path(devices.library_path(spec, graph.model_name, build_root))
    return Manifest.read(path) if path.is_file() else None


def _list_features(found: Mapping[str, Manifest | None]) -> list[str]:
    """List the features of a CPU that the libraries use, as /proc/cpuinfo spells them."""
    spelled = {**devices.X86, **devices.ARM64}
    return sorted({spelled[name] for manifest in found.values() if manifest for name in manifest.cpu_features})


def _describe_stage(spec: StageSpec, manifest: Manifest | None) -> Iterator[list[Any]]:
    yield ["stage", spec.name]
    if spec.is_library:
        yield ["library", _library_of(spec), spec.entry, "" if manifest is None else _weights_of(spec)]
    else:
        yield ["function", spec.module]
    for tensor in () if manifest is None else manifest.tensors:
        yield ["tensor", tensor.dtype, ",".join(map(str, tensor.shape)), tensor.offset]
    yield from (["in", port, wire.type, _spell_source(wire)] for port, wire in spec.inputs.items())
    yield from (["out", port, type_] for port, type_ in spec.outputs.items())


def _spell_source(wire: InputSpec) -> str:
    return str(wire.ref) if wire.value is None else f"={_spell(wire.value)}"


def _spell(value: Parameter) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escape(field: object) -> str:
    """Spell a field without tabs and ends of lines, which separate fields and lines."""
    return str(field).translate(_ESCAPES)
