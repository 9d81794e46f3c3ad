"""`kokoro-run completion`: prints what a shell reads to complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from runner.cli import console
from runner.cli.command import Command

PROGRAM = "kokoro-run"
VARIABLE = "_KOKORO_RUN_COMPLETE"
"""The environment variable by which the shell's function asks for completions."""


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> None:
    """Print the completion of SHELL, to be read at its start.

    \b
    bash   source <(kokoro-run completion bash)          in ~/.bashrc; bash 4.4 or later
    zsh    source <(kokoro-run completion zsh)           in ~/.zshrc, after compinit
    fish   kokoro-run completion fish | source           in ~/.config/fish/config.fish
    """
    found = get_completion_class(shell)
    assert found is not None
    console.echo(found(ctx.find_root().command, {}, PROGRAM, VARIABLE).source(), nl=False)
