"""What every command of the command line does with errors and warnings."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import click

from runner.errors import KokoroError

_LOG = logging.getLogger("kokoro_run")


class _Warnings(logging.Handler):
    """Our own warnings on standard error; other packages' logs are theirs to show."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"warning: {self.format(record)}", err=True)


class Verb(click.Command):
    """A command whose errors are messages, and tracebacks only with --debug."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(click.Option(["--debug"], is_flag=True, help="Show where in the code an error arose."))

    def invoke(self, ctx: click.Context) -> Any:
        debug = ctx.params.pop("debug")
        if not _LOG.handlers:
            _LOG.addHandler(_Warnings())
        try:
            return super().invoke(ctx)
        except KokoroError as error:
            if debug:
                traceback.print_exc()
            click.echo(str(error), err=True)
            if ctx.params.get("as_json"):
                click.echo(json.dumps({"format": 1, "status": "error", "error": str(error)}))
            ctx.exit(2)
