"""`kokoro-run cache`: lists the results of stages in the cache, checks them, removes them, shares them.

As in `main`, a command imports what it needs when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli import cache_sharing, console, options
from runner.cli.command import Command

if TYPE_CHECKING:
    from runner.cache.cache import Cache


@click.group()
def cache() -> None:
    """List, check, remove or share the results that the cache has kept."""


cache.add_command(cache_sharing.push)
cache.add_command(cache_sharing.pull)


@cache.command(cls=Command)
@click.argument("stage", required=False)
@options.cache_dir
def ls(stage: str | None, cache_dir: Path | None) -> None:
    """List the entries of STAGE, or all: size, duration, last use, and whether the arrays still exist."""
    from runner.inspect import cache_text

    found = _open(cache_dir)
    console.echo(cache_text.describe(found, cache_text.list_entries(found, stage)))


@cache.command(cls=Command)
@click.argument("entry")
@click.argument("other", required=False)
@options.cache_dir
def why(entry: str, other: str | None, cache_dir: Path | None) -> None:
    """Describe how ENTRY differs from OTHER, or else from the most similar entry.

    An entry is STAGE/DIGITS, as `ls` lists it; STAGE alone is the last used entry of that stage.
    """
    from runner.inspect import cache_text

    console.echo(cache_text.explain(_open(cache_dir), entry, other))


@cache.command(cls=Command)
@options.cache_dir
@click.pass_context
def verify(ctx: click.Context, cache_dir: Path | None) -> None:
    """Read all files and remove the damaged ones; exits with 1 if there are any."""
    from runner.inspect import cache_text

    found = _open(cache_dir)
    found.check_rights(removes=False)
    checked = found.verify()
    console.echo(cache_text.describe_check(found, checked))
    ctx.exit(1 if checked.damaged else 0)


@cache.command(cls=Command)
@click.option("--max-size", metavar="SIZE", help="Size limit of all arrays: 500M, 2G.  [default: 2G]")
@click.option("--max-age", metavar="TIME", help="Age limit since an array's last use: 12h, 7d.  [default: 30d]")
@options.cache_dir
def gc(max_size: str | None, max_age: str | None, cache_dir: Path | None) -> None:
    """Remove arrays beyond the limits, the longest unused first; their entries stay."""
    from runner.inspect import cache_text, units

    size = None if max_size is None else units.parse_bytes(max_size)
    age = None if max_age is None else units.parse_seconds(max_age)
    found = _open(cache_dir, size, age)
    found.check_rights(removes=True)
    console.echo(cache_text.describe_removal(found, found.evict(now=True)))


@cache.command(cls=Command)
@options.cache_dir
def clear(cache_dir: Path | None) -> None:
    """Remove all results; records of runs stay."""
    from runner.inspect import cache_text

    found = _open(cache_dir)
    found.check_rights(removes=True)
    console.echo(cache_text.describe_removal(found, found.clear()))


def _open(root: Path | None, max_bytes: int | None = None, max_age_s: float | None = None) -> Cache:
    from runner.cache.cache import MAX_AGE_S, MAX_BYTES, Cache, default_root

    size = MAX_BYTES if max_bytes is None else max_bytes
    return Cache(root or default_root(), size, MAX_AGE_S if max_age_s is None else max_age_s)
