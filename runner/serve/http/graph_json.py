"""Describes the graph of a service to the page: what it can set, and the stages that it draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.graph.types import Ref
from runner.speech.line_runner import find_cut, find_front
from runner.speech.model import VOICE_TYPE
from stages.text.languages import LANGUAGES, find_language

if TYPE_CHECKING:
    from runner.graph.types import Graph, StageSpec
    from runner.serve.service import Service

PARAMS = ("speed", "seed", "lang")  # that a request may set
_LANG, _ENGLISH = "lang", "unknown"  # parameters; the second belongs to stages that speak English only
_AUDIO = "audio"
_VOCABULARY = "vocab"


def describe_graph(service: Service) -> dict[str, Any]:
    """Describe the graph, its voices and its limits."""
    graph, settings = service.pipeline.graph, service.settings
    cut = find_cut(graph)
    return {
        "name": graph.name,
        "model": graph.model_name,
        "rate": service.rate_hz,
        "takes_text": service.takes_text,
        "takes_voice": VOICE_TYPE in graph.inputs.values(),
        "voice": None if graph.model is None else graph.model.voice,
        "voices": list(service.voices.names),
        "params": [_describe_param(graph, name) for name in PARAMS if name in graph.params],
        "languages": _list_languages(graph),
        "symbols": [symbol for symbol in service.pipeline.config.get(_VOCABULARY, {}) if symbol.strip()],
        "longest_input": settings.longest_input,
        "inputs": [f"input.{name}" for name in graph.inputs],
        "outputs": {name: str(ref) for name, ref in graph.outputs.items() if name in graph.audio or name == _AUDIO},
        "front": [spec.name for spec in find_front(graph)] if service.takes_text else [],
        "cut": None if cut is None else str(cut),
        "stages": [_describe_stage(spec) for spec in graph.stages.values()],
    }


def _describe_param(graph: Graph, name: str) -> dict[str, Any]:
    value, bounds = graph.params[name], graph.bounds.get(name)
    return {
        "name": name,
        "type": type(value).__name__,
        "value": value,
        "min": None if bounds is None else bounds.min,
        "max": None if bounds is None else bounds.max,
    }


def _list_languages(graph: Graph) -> list[str]:
    """List the languages that text may be in; none where a language is no parameter."""
    if _LANG not in graph.params:
        return []
    is_english = _ENGLISH in graph.params
    return [name for name in LANGUAGES if not is_english or find_language(name).dialect != "other"]


def _describe_stage(spec: StageSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "kind": "compiled" if spec.is_library else "python",
        "device": spec.device,
        "cached": spec.cache,
        "inputs": [
            {"port": port, "type": str(wire.type), "from": str(wire.ref), "setting": wire.ref.is_setting}
            for port, wire in spec.inputs.items()
        ],
        "outputs": [{"port": port, "type": str(type_)} for port, type_ in spec.outputs.items()],
    }


def list_sources(spec: StageSpec) -> list[Ref]:
    """List what a stage takes from other stages and inputs."""
    return [wire.ref for wire in spec.inputs.values() if not wire.ref.is_setting]
