"""Completes arguments and options in a shell: names of graphs, configurations, stages, voices, runs.

A completer is called while a line is typed, so that its graph may be missing or wrong: then it has nothing to offer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import click

    from runner.graph.types import Graph

_LATEST = 20  # runs that are offered

Items = list["CompletionItem[str]"]


def complete_graph(_ctx: click.Context, _option: click.Parameter, incomplete: str) -> Items:
    """Offer the graphs of the package, or files."""
    return _or_files(list_graphs(incomplete), incomplete)


def complete_overlay(_ctx: click.Context, _option: click.Parameter, incomplete: str) -> Items:
    """Offer the configurations of the package, or files."""
    from runner.files.locate import data_root, list_yaml_files

    folder = data_root() / "configs"
    names = (path.relative_to(folder).with_suffix("").as_posix() for path in list_yaml_files(folder))
    known = sorted(name.removeprefix("models/") for name in names if not name.startswith("devices/"))
    return _or_files(_begin(known, incomplete), incomplete)


def complete_file(_ctx: click.Context, _option: click.Parameter, incomplete: str) -> Items:
    """Offer files."""
    return [CompletionItem(incomplete, type="file")]


def complete_stage(ctx: click.Context, _option: click.Parameter, incomplete: str) -> Items:
    """Offer the stages of the graph that was named before."""
    graph = _load(ctx)
    return [] if graph is None else _begin(graph.stages, incomplete)


def complete_compiled(ctx: click.Context, _option: click.Parameter, incomplete: str) -> Items:
    """Offer the compiled stages of the graph that was named before."""
    graph = _load(ctx)
    return [] if graph is None else _begin([n for n, spec in graph.stages.items() if spec.is_library], incomplete)


def complete_setting(ctx: click.Context, _option: click.Parameter, incomplete: str) -> Items:
    """Offer the parameters and devices of the graph that was named before, each with its value as help."""
    graph = _load(ctx)
    if graph is None:
        return []
    known = {f"params.{name}=": str(value) for name, value in graph.params.items()}
    known |= {f"devices.{role}=": device for role, device in graph.devices.items()}
    return [CompletionItem(text, help=value or None) for text, value in known.items() if text.startswith(incomplete)]


def complete_voice(ctx: click.Context, _option: click.Parameter, incomplete: str) -> Items:
    """Offer the voices of the graph's model, or files."""
    from runner.errors import KokoroError
    from runner.speech.model import list_model_voices

    graph = _load(ctx)
    try:
        found = [] if graph is None or graph.model is None else list_model_voices(graph.model)
    except KokoroError:
        found = []
    return _or_files(_begin([voice.name for voice in found if not voice.problem], incomplete), incomplete)


def complete_run(_ctx: click.Context, _option: click.Parameter, incomplete: str) -> Items:
    """Offer the latest runs, or the latest one as `last`."""
    return _begin(["last", *_list_runs()], incomplete)


def complete_side(ctx: click.Context, option: click.Parameter, incomplete: str) -> Items:
    """Offer what `compare` takes: graphs, runs, the reference."""
    known = [*complete_run(ctx, option, incomplete), *_begin(["reference"], incomplete)]
    return _or_files([*list_graphs(incomplete), *known], incomplete)


def complete_entry(_ctx: click.Context, _option: click.Parameter, incomplete: str) -> Items:
    """Offer the entries of the cache, the latest used first, and the stages that have any."""
    from runner.cache.cache import Cache
    from runner.errors import KokoroError
    from runner.inspect.cache_text import shorten

    try:
        entries = [entry for _, entry in Cache().entries()]
    except KokoroError:
        return []
    keys = [shorten(entry.key) for entry in entries] if "/" in incomplete else []
    return _begin([*dict.fromkeys(entry.stage for entry in entries), *keys], incomplete)


def list_graphs(incomplete: str) -> Items:
    """List the graphs of the package whose names begin so."""
    from runner.files.locate import data_root, list_yaml_files

    return _begin(sorted(path.stem for path in list_yaml_files(data_root() / "graphs")), incomplete)


def _list_runs() -> Sequence[str]:
    from runner.cache.cache import default_root
    from runner.engine.record import runs
    from runner.errors import KokoroError

    try:
        return runs(default_root() / "runs")[:_LATEST]
    except KokoroError:
        return []


def _load(ctx: click.Context) -> Graph | None:
    """Load the graph of the line as far as it was typed; None if that cannot be done."""
    from runner.cli import options
    from runner.errors import KokoroError

    # An option that still lacks its value ends click's reading of a line: the graph is among the words that are left.
    name = next(iter(ctx.args), None) or ctx.params.get("graph")
    overlays = tuple(ctx.params.get("overlays") or ())
    if not name or any(Path(each).exists() and not Path(each).is_file() for each in (name, *overlays)):
        return None  # a pipe would be read here, or waited for
    try:
        return options.load(name, overlays, tuple(ctx.params.get("sets") or ()))
    except KokoroError:
        return None


def _begin(known: Iterable[str], incomplete: str) -> Items:
    return [CompletionItem(name) for name in known if name.startswith(incomplete)]


def _or_files(found: Items, incomplete: str) -> Items:
    """Offer files where no name begins so: a shell offers either names or files."""
    return found or [CompletionItem(incomplete, type="file")]
