"""The class of all commands: it reserves standard output, and prints errors and warnings."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import click

from runner.cli import console
from runner.cli.spelling import spell_options, spell_table
from runner.errors import KokoroError

_LOG = logging.getLogger("kokoro_run")


class _Warnings(logging.Handler):
    """Prints warnings of the runner on standard error; logs of other packages are left alone."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"warning: {self.format(record)}", err=True)


class Command(click.Command):
    """A command. Its errors are messages, with a traceback only under --debug, and with a JSON object under --json."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(click.Option(["--debug"], is_flag=True, help="Print the traceback of an error."))

    def invoke(self, ctx: click.Context) -> Any:
        debug = ctx.params.pop("debug")
        if not _LOG.handlers:
            _LOG.addHandler(_Warnings())
        try:
            with console.reserve_output():
                return self._invoke(ctx, debug=debug)
        except OSError as error:
            if error.filename != console.OUTPUT:
                raise
            return ctx.exit(console.report_error(error))

    def _invoke(self, ctx: click.Context, *, debug: bool) -> Any:
        as_json = ctx.params.get("as_json")
        if as_json and console.output() is None:
            raise click.UsageError("--json: standard output is closed")
        try:
            return super().invoke(ctx)
        except KokoroError as error:
            if debug:
                traceback.print_exc()
            message = spell_options(str(error))
            mistakes = [spell_table(mistake.table()) for mistake in error.mistakes]
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # an internal error: exit code 1 would mean that lines have failed
            if isinstance(error, OSError) and error.filename == console.OUTPUT:
                raise
            traceback.print_exc()
            message, mistakes = f"internal error: {type(error).__name__}: {error}", []
        click.echo(message, err=True)
        if as_json:
            listed = {"mistakes": mistakes} if mistakes else {}
            console.echo(json.dumps({"format": 1, "status": "error", "error": message, **listed}))
        return ctx.exit(2)
