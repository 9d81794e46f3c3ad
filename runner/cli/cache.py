"""`kokoro-run cache`: lists the results of stages in the cache, checks them, removes them, shares them.

As in `main`, a command imports what it needs when it runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli import cache_sharing, console, options
from runner.cli.command import Command
from runner.cli.completers import complete_entry

if TYPE_CHECKING:
    from runner.cache.cache import Cache, Removal


@click.group()
def cache() -> None:
    """List, check, remove or share the results that the cache has kept."""


cache.add_command(cache_sharing.push)
cache.add_command(cache_sharing.pull)


@cache.command(cls=Command)
@click.argument("stage", required=False, shell_complete=complete_entry)
@options.cache_dir
@options.as_json
def ls(stage: str | None, cache_dir: Path | None, *, as_json: bool) -> None:
    """List the entries of STAGE, or all: size, duration, last use, and whether the arrays still exist."""
    from runner.inspect import cache_table, cache_text

    found = _open(cache_dir)
    listed = cache_text.list_entries(found, stage)
    if as_json:
        console.echo(json.dumps(cache_table.list_table(found, listed)))
    else:
        console.echo(cache_text.describe(found, listed))


@cache.command(cls=Command)
@click.argument("entry", shell_complete=complete_entry)
@click.argument("other", required=False, shell_complete=complete_entry)
@options.cache_dir
@options.as_json
def why(entry: str, other: str | None, cache_dir: Path | None, *, as_json: bool) -> None:
    """Describe how ENTRY differs from OTHER, or else from the most similar entry.

    An entry is STAGE/DIGITS, as `ls` lists it; STAGE alone is the last used entry of that stage.
    """
    from runner.inspect import cache_table, cache_text

    found = _open(cache_dir)
    if as_json:
        console.echo(json.dumps(cache_table.why_table(found, *cache_text.find_pair(found, entry, other))))
    else:
        console.echo(cache_text.explain(found, entry, other))


@cache.command(cls=Command)
@options.cache_dir
@options.as_json
@click.pass_context
def verify(ctx: click.Context, /, cache_dir: Path | None, *, as_json: bool) -> None:
    """Read all files and remove the damaged ones; exits with 1 if there are any."""
    from runner.inspect import cache_table, cache_text

    found = _open(cache_dir)
    found.check_rights(removes=False)
    checked = found.verify()
    if as_json:
        console.echo(json.dumps(cache_table.check_table(found, checked)))
    else:
        console.echo(cache_text.describe_check(found, checked))
    ctx.exit(1 if checked.damaged else 0)


@cache.command(cls=Command)
@click.option("--max-size", metavar="SIZE", help="Size limit of all arrays: 500M, 2G.  [default: 2G]")
@click.option("--max-age", metavar="TIME", help="Age limit since an array's last use: 12h, 7d.  [default: 30d]")
@options.cache_dir
@options.as_json
def gc(max_size: str | None, max_age: str | None, cache_dir: Path | None, *, as_json: bool) -> None:
    """Remove arrays beyond the limits, the longest unused first; their entries stay."""
    from runner.inspect import units

    size = None if max_size is None else units.parse_bytes(max_size)
    age = None if max_age is None else units.parse_seconds(max_age)
    found = _open(cache_dir, size, age)
    found.check_rights(removes=True)
    _print_removal(found, found.evict(now=True), as_json=as_json)


@cache.command(cls=Command)
@options.cache_dir
@options.as_json
def clear(cache_dir: Path | None, *, as_json: bool) -> None:
    """Remove all results; records of runs stay."""
    found = _open(cache_dir)
    found.check_rights(removes=True)
    _print_removal(found, found.clear(), as_json=as_json)


def _print_removal(cache: Cache, gone: Removal, *, as_json: bool) -> None:
    from runner.inspect import cache_table, cache_text

    if as_json:
        console.echo(json.dumps(cache_table.removal_table(cache, gone)))
    else:
        console.echo(cache_text.describe_removal(cache, gone))


def _open(root: Path | None, max_bytes: int | None = None, max_age_s: float | None = None) -> Cache:
    from runner.cache.cache import MAX_AGE_S, MAX_BYTES, Cache, default_root

    size = MAX_BYTES if max_bytes is None else max_bytes
    return Cache(root or default_root(), size, MAX_AGE_S if max_age_s is None else max_age_s)
