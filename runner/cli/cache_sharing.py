"""`kokoro-run cache push` and `pull`: give results and libraries to other machines, and take theirs."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from runner.cli import console, options
from runner.cli.command import Command
from runner.cli.exchange_display import exchange_display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runner.cache.cache import Cache
    from runner.cache.exchange import Exchange
    from runner.cache.sharing import Choice
    from runner.files.stores import ObjectStore

_RESULTS, _LIBRARIES = "results", "libraries"


def _add_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument and the options that both commands take."""
    kinds = click.Choice([_RESULTS, _LIBRARIES])
    for option in (
        options.as_json,
        options.quiet,
        click.option("--dry-run", is_flag=True, help="Move nothing; say what would be moved."),
        options.build_dir,
        options.cache_dir,
        click.option("--stage", "stages", multiple=True, metavar="STAGE", help="Of this stage alone; repeatable."),
        click.option("--only", type=kinds, help="Only what stages gave, or only what they run."),
        click.argument("url"),
    ):
        command = option(command)
    return command


@click.command(cls=Command)
@click.option("--max-age", metavar="TIME", help="Only results that were used within TIME: 12h, 7d.")
@_add_options
@click.pass_context
def push(ctx: click.Context, /, url: str, max_age: str | None, **given: Any) -> None:
    """Send the results and libraries that URL lacks: a folder, or s3://, gs://, az://, sftp:// and others.

    Libraries of other sources than those here are not sent. A damaged file is named and not sent; the others are, and
    the exit code is 1.
    """
    from runner.inspect.units import parse_seconds

    age_s = None if max_age is None else parse_seconds(max_age)
    ctx.exit(_Sharing(url, "sent", max_age_s=age_s, **given).share(_push))


@click.command(cls=Command)
@_add_options
@click.pass_context
def pull(ctx: click.Context, /, url: str, **given: Any) -> None:
    """Take the results and libraries of URL that are not here; each is checked by its digest.

    Libraries that this CPU or this version cannot use stay there, and are counted with the reason. A damaged object is
    named and not taken; the others are, and the exit code is 1. A library is code that will run here: take libraries
    only from a place where nobody writes whom you do not trust.
    """
    ctx.exit(_Sharing(url, "taken", **given).share(_pull))


@dataclass(frozen=True)
class _Sharing:
    """A push or a pull, by its options."""

    url: str
    verb: str
    stages: tuple[str, ...]
    only: str | None
    cache_dir: Path | None
    build_dir: Path | None
    dry_run: bool
    quiet: bool
    as_json: bool
    max_age_s: float | None = None

    def share(self, move: Callable[[_Sharing, _Sides, Exchange], None]) -> int:
        """Push or pull, and print what was moved; gives the exit code."""
        from runner.cache.exchange import Exchange
        from runner.inspect.cache_table import exchange_table
        from runner.inspect.sharing_text import describe_exchange

        sides = self._open()
        with exchange_display(quiet=self.quiet) as display:
            exchange = Exchange(display, dry_run=self.dry_run)
            with _told_on_failure(exchange, self.verb):
                move(self, sides, exchange)
        if self.as_json:
            table = exchange_table(exchange.tally, sides.store.name, self.verb, dry_run=self.dry_run)
            console.echo(json.dumps(table))
        else:
            console.echo(describe_exchange(exchange.tally, sides.store.name, self.verb, dry_run=self.dry_run))
        return 1 if exchange.tally.damaged else 0

    def _open(self) -> _Sides:
        from runner.cache.cache import Cache
        from runner.cache.sharing import Choice
        from runner.errors import RunError
        from runner.files.stores import FolderStore, open_store
        from runner.runtime.devices import default_build_root

        store, cache = open_store(self.url), Cache(self.cache_dir)
        if isinstance(store, FolderStore) and store.root.resolve() == cache.root.resolve():
            raise RunError(f"{store.name}: is the cache itself; give another folder, or another --cache-dir")
        cache.check_rights(removes=False)
        return _Sides(store, cache, self.build_dir or default_build_root(), Choice(self.stages, self.max_age_s))


@dataclass(frozen=True)
class _Sides:
    """What is moved, from where and to where."""

    store: ObjectStore
    cache: Cache
    build_root: Path
    choice: Choice


def _push(sharing: _Sharing, sides: _Sides, exchange: Exchange) -> None:
    from runner.build.sharing import push_libraries
    from runner.cache.sharing import push_results

    if not sharing.dry_run:
        sides.store.remove_abandoned()
    if sharing.only != _RESULTS:
        push_libraries(sides.build_root, sides.store, exchange, sides.choice)
    if sharing.only != _LIBRARIES:
        push_results(sides.cache, sides.store, exchange, sides.choice)


def _pull(sharing: _Sharing, sides: _Sides, exchange: Exchange) -> None:
    from runner.build.offers import list_unusable, read_offers
    from runner.build.sharing import pull_libraries
    from runner.cache.sharing import pull_results
    from runner.errors import RunError

    offers = read_offers(sides.store, exchange, sides.choice)
    if sharing.only != _RESULTS:
        pull_libraries(sides.build_root, offers, sides.store, exchange)
    if sharing.only != _LIBRARIES:
        pull_results(sides.cache, sides.store, exchange, sides.choice, list_unusable(offers))
    if exchange.tally.is_empty():
        of_stages = f" of {', '.join(sharing.stages)}" if sharing.stages else ""
        fact = f"holds no results and no libraries{of_stages} to take"
        raise RunError(f"{sides.store.name}: {fact}; check the URL, or push there first")


@contextlib.contextmanager
def _told_on_failure(exchange: Exchange, verb: str) -> Iterator[None]:
    """Print, if the block ends early, what was moved until then."""
    from runner.inspect.sharing_text import count

    try:
        yield
    except BaseException:
        if exchange.tally.moved and not exchange.dry_run:
            moved = count(exchange.tally.moved)
            click.echo(f"{moved} {verb} so far: the same command goes on from there", err=True)
        raise
