"""`kokoro-run cache`: look into the cache of stages' results, check it, make it smaller.

As in `cli`, a command imports what it needs when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.command import Verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.cache.cache import Cache


def cache_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option that names the cache's folder."""
    text = "Folder of the cache.  [default: $KOKORO_RUN_CACHE, else the user's cache folder]"
    return click.option("--cache-dir", type=click.Path(path_type=Path, file_okay=False), help=text)(command)


@click.group()
def cache() -> None:
    """Look into the results that runs have kept."""


@cache.command(cls=Verb)
@click.argument("stage", required=False)
@cache_option
def ls(stage: str | None, cache_dir: Path | None) -> None:
    """List entries, of STAGE or all: size, time it took, last use, and whether its arrays are there still."""
    from runner.inspect import cache_text

    found = _open(cache_dir)
    click.echo(cache_text.describe(found, cache_text.list_entries(found, stage)))


@cache.command(cls=Verb)
@click.argument("entry")
@click.argument("other", required=False)
@cache_option
def why(entry: str, other: str | None, cache_dir: Path | None) -> None:
    """Say how ENTRY differs from OTHER, else from the entry most like it.

    An entry is STAGE/DIGITS, as `ls` lists it; STAGE alone is that stage's entry used last.
    """
    from runner.inspect import cache_text

    click.echo(cache_text.explain(_open(cache_dir), entry, other))


@cache.command(cls=Verb)
@cache_option
@click.pass_context
def verify(ctx: click.Context, cache_dir: Path | None) -> None:
    """Read everything and remove what is damaged; exits with 1 if anything is."""
    from runner.inspect import cache_text

    found = _open(cache_dir)
    checked = found.verify()
    click.echo(cache_text.describe_check(found, checked))
    ctx.exit(1 if checked.damaged else 0)


@cache.command(cls=Verb)
@click.option("--max-size", metavar="SIZE", help="That arrays may take: 500M, 2G.  [default: 2G]")
@click.option("--max-age", metavar="TIME", help="Since an array's last use: 12h, 7d.  [default: 30d]")
@cache_option
def gc(max_size: str | None, max_age: str | None, cache_dir: Path | None) -> None:
    """Remove what is beyond the limits: arrays unused for longest go first, their records stay."""
    from runner.inspect import cache_text, units

    size = None if max_size is None else units.parse_bytes(max_size)
    age = None if max_age is None else units.parse_seconds(max_age)
    found = _open(cache_dir, size, age)
    click.echo(cache_text.describe_removal(found, found.evict(now=True)))


@cache.command(cls=Verb)
@cache_option
def clear(cache_dir: Path | None) -> None:
    """Remove all results; manifests of runs stay."""
    from runner.inspect import cache_text

    found = _open(cache_dir)
    click.echo(cache_text.describe_removal(found, found.clear()))


def _open(root: Path | None, max_bytes: int | None = None, max_age_s: float | None = None) -> Cache:
    from runner.cache.cache import MAX_AGE_S, MAX_BYTES, Cache, default_root

    size = MAX_BYTES if max_bytes is None else max_bytes
    return Cache(root or default_root(), size, MAX_AGE_S if max_age_s is None else max_age_s)
