"""Describes what all rows of a corpus have in common, so that any process can make them.

    graph, overlays, options --> Recipe --digest--> part of the name of each shard

The digest leaves out what is compiled for one kind of processor: the same corpus may be made by machines of several
kinds. Which libraries have made a shard is written beside it (`digest_libraries`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.build.staleness import make_recipes
from runner.cache import keys
from runner.cache.digest import Memo, value_digest
from runner.errors import RunError
from runner.graph.snapshot import load_graph
from runner.runtime import devices, tvm_runtime
from runner.runtime import manifest as manifests
from runner.runtime.manifest import Manifest
from runner.speech.speaker import with_durations

if TYPE_CHECKING:
    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph, Parameter


@dataclass(frozen=True)
class Recipe:
    """What makes the rows of a corpus; it can be pickled, and be a key.

    Attributes:
        graph, overlays, sets: as the command line has them; paths are absolute.
        build_dir: the folder of the libraries; None for the default one.
        inputs: of the graph, for rows that give no others: name and specification.
        params: likewise, name and value.
        layout: name of the layout.
        format: of the audio.
        threads: of the kernels of one worker.
    """

    graph: str
    overlays: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    build_dir: Path | None = None
    inputs: tuple[tuple[str, str], ...] = ()
    params: tuple[tuple[str, Parameter], ...] = ()
    layout: str = "folder"
    format: str = "flac"
    threads: int = 1

    def load(self) -> Graph:
        """Load the graph, with the durations that times are told from.

        Raises:
            KokoroError: it does not load, or does not speak.
        """
        return with_durations(load_graph(self.graph, self.overlays, self.sets, None))


def describe(recipe: Recipe, pipeline: Pipeline) -> dict[str, str]:
    """Give the digests that entries tell of: `model`, `graph`, and that of the whole, `recipe`.

    Raises:
        KokoroError: a file that they depend on cannot be read.
    """
    graph = pipeline.graph
    compiled = {made.stage: made for made in make_recipes(graph, recipe.build_dir)}
    model = [digest for made in compiled.values() for name, digest in sorted(made.digests.items())]
    memo = Memo()
    stages = {
        name: [made.entry, made.sources, spec.role, spec.device.partition(":")[0]]
        if (made := compiled.get(name)) is not None
        else _identify(recipe, pipeline, name, memo)
        for name, spec in graph.stages.items()
    }
    wires = {name: [[port, str(one.ref)] for port, one in spec.inputs.items()] for name, spec in graph.stages.items()}
    outputs = {name: str(ref) for name, ref in graph.outputs.items()}
    dims = {name: [dim.static, dim.max] for name, dim in graph.dims.items()}
    whole = value_digest([stages, wires, outputs, dims, graph.params, graph.audio, tvm_runtime.version()])
    found = {"model": value_digest(sorted(set(model))), "graph": whole}
    given = [dict(recipe.inputs), dict(recipe.params), recipe.layout, recipe.format]
    return {**found, "recipe": value_digest([found, given])}


def _identify(recipe: Recipe, pipeline: Pipeline, stage: str, memo: Memo) -> dict[str, Any]:
    graph = pipeline.graph
    spec = graph.stages[stage]
    library = devices.library_path(spec, graph.model_name, recipe.build_dir) if spec.is_library else None
    config = {key: pipeline.config[key] for key in spec.config}
    return keys.identity(spec, graph, config, library, memo)


def digest_libraries(graph: Graph, build_dir: Path | None) -> str:
    """Digest the libraries of a graph: equal ones give equal bits.

    Raises:
        RunError: one is not there.
    """
    found = hashlib.sha256()
    for spec in graph.stages.values():
        if spec.is_library:
            library = devices.library_path(spec, graph.model_name, build_dir)
            path = manifests.manifest_path(library)
            if not path.is_file():
                raise RunError(f"stage '{spec.name}': {library} is not built; `kokoro-run build` makes it")
            manifest = Manifest.read(path)
            found.update(f"{spec.name} {manifest.library.sha256} {manifest.weights.sha256}\n".encode())
    return found.hexdigest()
