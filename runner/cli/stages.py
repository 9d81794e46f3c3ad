"""`kokoro-run stages`: lists what a graph may name as a stage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from runner.cli import console, options
from runner.cli.command import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.graph.stage_list import ListedStage


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="[NAME|FILE.py]...")
@options.as_json
def stages(names: tuple[str, ...], as_json: bool) -> None:
    """List the stages that a graph may name: those of this project and of installed packages.

    With a NAME, or a FILE.py beside a graph, print the whole contract: inputs, outputs, and what else the stage reads.
    """
    from runner.errors import GraphError
    from runner.graph.contracts import ContractError
    from runner.graph.stage_list import list_available
    from runner.inspect.stages_text import describe, describe_all

    try:
        found = list_available(names)
    except ContractError as error:
        raise GraphError(str(error)) from error
    if as_json:
        console.echo(json.dumps({"format": 1, "status": "ok", "stages": [stage.table() for stage in found]}))
    else:
        console.echo("\n\n".join(map(describe, found)) if names else describe_all(found))
    _report_faults(found)


def _report_faults(found: Sequence[ListedStage]) -> None:
    for stage in found:
        if stage.fault:
            click.echo(f"warning: {stage.name}: {stage.fault}", err=True)
