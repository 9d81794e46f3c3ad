"""What every command of the command line does with errors and warnings."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import Any

import click

from runner.cli import console
from runner.errors import KokoroError

_LOG = logging.getLogger("kokoro_run")


class _Warnings(logging.Handler):
    """Our own warnings on standard error; other packages' logs are theirs to show."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"warning: {self.format(record)}", err=True)


class Verb(click.Command):
    """A command whose errors are messages, and tracebacks only with --debug; with --json, an object as well."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(click.Option(["--debug"], is_flag=True, help="Show where in the code an error arose."))

    def invoke(self, ctx: click.Context) -> Any:
        debug = ctx.params.pop("debug")
        if not _LOG.handlers:
            _LOG.addHandler(_Warnings())
        if ctx.params.get("as_json") and sys.stdout is None:
            raise click.UsageError("--json: standard output is closed")
        try:
            return super().invoke(ctx)
        except KokoroError as error:
            if debug:
                traceback.print_exc()
            message = str(error)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours: exit code 1 would say that lines have failed
            if isinstance(error, OSError) and error.filename == console.OUTPUT:
                if isinstance(error, BrokenPipeError):
                    ctx.exit(console.CLOSED)
                message = console.fault(error)
            else:
                traceback.print_exc()
                message = f"internal error: {type(error).__name__}: {error}"
        click.echo(message, err=True)
        if ctx.params.get("as_json"):
            click.echo(json.dumps({"format": 1, "status": "error", "error": message}))
        return ctx.exit(2)
