"""`kokoro-run voices`: lists the voices of a graph's model."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import click

from runner.cli import console, options
from runner.cli.command import Command
from runner.cli.completers import complete_graph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.graph.types import Graph, ModelSpec
    from runner.speech.voices import ListedVoice

_WIDTH = 100  # columns of a list of names


@click.command(cls=Command)
@click.argument("graph", default="default", shell_complete=complete_graph)
@options.overlay_options
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON on standard output.")
def voices(graph: str, overlays: tuple[str, ...], sets: tuple[str, ...], *, as_json: bool) -> None:
    """List the voices of the model of GRAPH: name, file and rows, and which one is the default.  [default: default]"""
    from runner.speech.model import list_model_voices

    checked = options.load(graph, overlays, sets)
    found = [] if checked.model is None else list_model_voices(checked.model)
    console.echo(json.dumps(_make_table(checked, found)) if as_json else "\n".join(_describe(checked, found)))


def _make_table(graph: Graph, found: Iterable[ListedVoice]) -> dict[str, Any]:
    """Make the object of --json."""
    model = graph.model
    default, hub = (None, None) if model is None else (model.voice, _find_hub(model))
    rows = [
        {
            "name": voice.name,
            "file": str(voice.file),
            "rows": voice.rows,
            "default": voice.name == default and not voice.problem,
            "problem": voice.problem or None,
        }
        for voice in found
    ]
    return {
        "format": 1,
        "status": "ok",
        "graph": str(graph.path),
        "model": None if model is None else model.name,
        "default": default,
        "voices": rows,
        "hub": hub,
    }


def _describe(graph: Graph, found: list[ListedVoice]) -> list[str]:
    """Give the list as lines of text."""
    from runner.files.locate import display_path

    model = graph.model
    if model is None:
        return [f"{display_path(graph.path)}: has no model, so it has no voices; name one, as in model: FILE"]
    cells = [(voice.name, display_path(voice.file)) for voice in found]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        f"{name:{widths[0]}}  {file:{widths[1]}}  {_state(voice, model)}"
        for voice, (name, file) in zip(found, cells, strict=True)
    ]
    return [*lines, *_explain(model, found)]


def _state(voice: ListedVoice, model: ModelSpec) -> str:
    if voice.problem:
        return f"cannot be used by this name: {voice.problem}"
    return f"{voice.rows} rows" + (", the default" if voice.name == model.voice else "")


def _explain(model: ModelSpec, found: list[ListedVoice]) -> list[str]:
    """Say what the list does not show: where other voices come from, and a default that is not in it."""
    hub = _find_hub(model)
    if not found and hub is None:
        return [f"model {model.name} has no voices; set model.voices, or give a file: --voice my/voice.npy"]
    lines = [] if found else [f"model {model.name} has no voices on this machine"]
    if hub is not None:
        lines += _describe_hub(hub, found)
    if model.voice is not None and model.voice not in {voice.name for voice in found}:
        lines.append(f"the default is {model.voice}")
    return lines


def _describe_hub(hub: dict[str, Any], found: Iterable[ListedVoice]) -> list[str]:
    """Say what the hub would add to the voices that were found."""
    from runner.files.locate import install_command

    place = f"{hub['folder']}/NAME.pt of {hub['repo']} at revision {hub['revision'][:12]}"
    how = f"--voice NAME fetches a voice that is not listed ({install_command('hub')}): {place}"
    if not hub["names"]:
        return [f"{how}; that folder on the hub shows the names"]
    more = sorted(set(hub["names"]) - {voice.name for voice in found})
    listed = textwrap.wrap(", ".join(more), _WIDTH, initial_indent="  ", subsequent_indent="  ")
    return [how, f"the hub has {len(more)} more:", *listed] if more else [f"the hub has these {len(hub['names'])} too"]


def _find_hub(model: ModelSpec) -> dict[str, Any] | None:
    """Find the place that voices are fetched from, and the names that it has; None if there is none."""
    from runner.speech.model import hub_voices

    if model.hub is None or hub_voices(model) is None:
        return None
    hub = model.hub
    return {"repo": hub.repo, "revision": hub.revision, "folder": hub.voices, "names": list(hub.names)}
